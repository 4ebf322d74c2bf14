"""A `.pth` file in; its tensors out, or why it is refused before torch reads it.

Such a file is a pickle, which can name any function. torch calls none that isn't of its own list
(`weights_only`), but builds what would take all memory or all time. So its opcodes are looked at first, and
nothing is run: a state dict needs few of them, and few names.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import torch

MAX_BYTES = 4 * 2**30
"""The largest file that is read whole."""

MAX_PICKLE = 16 * 2**20
"""The most that names and shapes take: those of a hundred thousand tensors."""

MAX_NAME = 1000
"""The longest name of a tensor."""

ZIP = b"PK\x03\x04"
NUM_LEADING, NUM_PICKLES = 3, 5
"""How many pickles tell of the format in a file of torch before 1.6, and how many its numbers follow."""

GLOBALS = frozenset(
    (
        "collections OrderedDict",
        "torch.storage UntypedStorage",
        *(f"torch._utils _rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3", "parameter")),
    )
)
OPCODES = frozenset(
    (
        "PROTO FRAME STOP MARK GLOBAL REDUCE BUILD BINPERSID NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 "
        "LONG1 BINFLOAT BINUNICODE SHORT_BINSTRING EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 APPEND APPENDS "
        "EMPTY_LIST EMPTY_DICT SETITEM SETITEMS BINPUT LONG_BINPUT BINGET LONG_BINGET"
    ).split()
)
"""What torch writes a state dict with."""

POINTERS = frozenset({"PROTO", "BINGET", "LONG_BINGET"})
"""Opcodes whose number is no size."""

NO_STATE_DICT = "it isn't a state dict of tensors alone"


class UnreadableError(Exception):
    """A file that holds no weights; the text says why."""


def read_foreign(file: Path, head: bool = False) -> dict[str, torch.Tensor]:
    """The tensors of a state dict by name; of its `head` alone, without their numbers.

    Raises:
        UnreadableError: it isn't what torch writes of a state dict, or is too large.
        Exception: whatever torch raises for a damaged one.
    """
    size = file.stat().st_size
    if size > MAX_BYTES:
        limit = f"{MAX_BYTES / 2**30:.0f} GiB"
        raise UnreadableError(f"it has {size / 2**30:.1f} GiB, more than {limit}: safetensors may be larger")
    with file.open("rb") as stream:
        if stream.read(len(ZIP)) == ZIP:
            _inspect(_names_of(stream, size), size)
        else:
            stream.seek(0)
            start = BytesIO(stream.read(MAX_PICKLE))
            for position in range(NUM_PICKLES):
                _inspect(start, size, leads=position < NUM_LEADING)
    found = torch.load(file, map_location="meta" if head else "cpu", weights_only=True)
    if not isinstance(found, dict):
        raise UnreadableError("it holds no state dict")
    for name, value in dict.items(found):  # not its own method, which a file can overwrite
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise UnreadableError(f"it holds no state dict: `{name}` is no tensor")
    require_short(found)
    return dict(dict.items(found))


def require_short(names: Iterable[str]) -> None:
    """Raises UnreadableError where a tensor has a name that no module could have."""
    for name in names:
        if len(name) > MAX_NAME:
            raise UnreadableError(f"a tensor in it has a name of {len(name):,} characters: `{name[:40]}...`")


def _names_of(stream: BinaryIO, size: int) -> BytesIO:
    """The pickle of a zip file that unpacks to no more than it is."""
    with ZipFile(stream) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > size:
            raise UnreadableError(
                f"its {size:,} bytes would unpack to {total:,}, and torch compresses nothing"
            )
        found = [member for member in members if member.filename.lower().endswith("/data.pkl")]
        if len(found) != 1:
            raise UnreadableError(f"{NO_STATE_DICT}: a zip file without a `data.pkl`")
        if found[0].file_size > MAX_PICKLE:
            raise UnreadableError(f"its names alone take {found[0].file_size:,} bytes")
        return BytesIO(archive.read(found[0]))


def _inspect(pickle: BytesIO, size: int, leads: bool = False) -> None:
    """Raises UnreadableError for what a state dict in a file of so many bytes has no use for.

    A tuple that is used again could be a tuple of tuples without an end, whose hash takes forever. A number
    larger than the file is no size of anything in it, but for those that lead a file in.
    """
    memo: dict[Any, str] = {}
    last = ""
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            name = opcode.name
            _refuse(name, argument, memo)
            if name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = last
            elif (
                isinstance(argument, int) and name not in POINTERS and not leads and not 0 <= argument <= size
            ):
                raise UnreadableError(f"it says the size {argument:,}, and has {size:,} bytes")
            last = name
    except ValueError:
        raise UnreadableError(NO_STATE_DICT) from None


def _refuse(name: str, argument: Any, memo: Mapping[Any, str]) -> None:
    if name not in OPCODES:
        raise UnreadableError(f"{NO_STATE_DICT}: it uses `{name}`")
    if name == "GLOBAL" and not _is_known(argument):
        raise UnreadableError(f"{NO_STATE_DICT}: it names `{argument[:100].replace(' ', '.')}`")
    if name in POINTERS and memo.get(argument, "").startswith("TUPLE"):
        raise UnreadableError(f"{NO_STATE_DICT}: it uses a tuple twice")


def _is_known(path: str) -> bool:
    """Whether a name is one of those that tensors are made with."""
    module, _, name = path.partition(" ")
    if module == "torch":
        return name.endswith("Storage") or isinstance(getattr(torch, name, None), torch.dtype)
    return path in GLOBALS
