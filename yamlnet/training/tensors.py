"""A safetensors file in; what tensors it says it holds, checked before anything is made of them, out.

The format: eight bytes with the length of a JSON header, the header, and the tensors' bytes one after
another (github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from yamlnet.training import stored
from yamlnet.training.stored import damaged

DTYPES: Mapping[str, torch.dtype] = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "F32": torch.float32,
    "C64": torch.complex64,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
}
MAX_HEADER_BYTES = 2**26
MAX_AXES = 64


@dataclass(frozen=True)
class Kind:
    """What is known of a tensor without its numbers."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{list(self.shape)} of {str(self.dtype).removeprefix('torch.')}"


def kind(tensor: Tensor) -> Kind:
    """The kind of a tensor."""
    return Kind(tensor.dtype, tuple(tensor.shape))


def header(path: Path) -> dict[str, Kind]:
    """The tensors that a file holds, by name.

    Raises:
        DamagedError: the header doesn't describe the file, byte for byte.
    """
    with stored.opened(path) as (file, size):
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise damaged(path, "its header is longer than the file, or than any header")
        text = file.read(length)
    given = stored.parsed(text, path)
    if not isinstance(given, dict):
        raise damaged(path, "its header is no JSON object")
    given.pop("__metadata__", None)
    ends: list[tuple[int, int]] = []
    kinds = {name: _kind(path, name, said, ends) for name, said in given.items()}
    _check_places(path, sorted(ends), size - 8 - length)
    return kinds


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file whose header was checked, each in memory of its own."""
    # cloned: a tensor within a larger piece of memory is aligned otherwise, and dot products have other bits
    try:
        return {name: t.clone() for name, t in load_tensors(path.read_bytes()).items()}
    except (SafetensorError, OSError) as error:
        raise damaged(path, str(error)) from error


def misfit(found: Mapping[str, Kind], wanted: Mapping[str, Kind]) -> str | None:
    """The first way in which tensors differ from what is wanted, in words; None where they don't."""
    for name, expected in wanted.items():
        if name not in found:
            return f"it has no `{name}`"
        if found[name] != expected:
            return f"`{name}` is {found[name]} there, and {expected} here"
    extra = [name for name in found if name not in wanted]
    return f"it has `{extra[0][:200]}`, which isn't there here" if extra else None


def _kind(path: Path, name: str, said: Any, ends: list[tuple[int, int]]) -> Kind:
    """What the header says of one tensor; its place goes to `ends`."""
    try:
        dtype, shape, (start, end) = DTYPES[said["dtype"]], said["shape"], said["data_offsets"]
        numbers = [*shape, start, end]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"its header doesn't describe `{name[:200]}`") from error
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers) or len(shape) > MAX_AXES:
        raise damaged(path, f"its header has no shape or place for `{name[:200]}`")
    if end - start != prod(shape) * dtype.itemsize:
        raise damaged(path, f"its header has another size than shape for `{name[:200]}`")
    ends.append((start, end))
    return Kind(dtype, tuple(shape))


def _check_places(path: Path, places: list[tuple[int, int]], size: int) -> None:
    at = 0
    for start, end in places:
        if start != at:
            raise damaged(path, "its tensors overlap, or leave gaps")
        at = end
    if at != size:
        raise damaged(path, "its header describes more or fewer bytes than there are")
