"""A call of `Npz` in; its arrays as fields, or as the columns of a table, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.npy import read_array
from yamlnet.data.npz_member import Member, read_member
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.stored import stored
from yamlnet.data.table import NotNumbersError
from yamlnet.data.unpacking import ARRAYS, require_growth
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError, did_you_mean

Array = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True)
class ArrayTable:
    """Arrays of one length by name; what is nan is missing."""

    file: str
    arrays: Mapping[str, Array]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the arrays."""
        return tuple(self.arrays)

    @property
    def hint(self) -> None:
        """Nothing is known."""
        return None

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def numbers(self, column: str) -> Tensor:
        """An array of one or two axes as float64."""
        array = self.arrays[column]
        if array.dtype.kind not in "biuf" or array.ndim > 2:
            raise NotNumbersError(_described(array))
        return torch.from_numpy(array.astype(numpy.float64))

    def texts(self, column: str) -> list[str | None]:
        """The values of an array of one axis as texts."""
        array = self.arrays[column]
        if array.ndim != 1:
            raise NotNumbersError(_described(array))
        return [None if value != value else str(value) for value in array.tolist()]

    def categories(self, column: str) -> None:
        """Nothing is listed."""
        return

    def place(self, row: int) -> str:
        """The position of a sample, counted from 0 as in an array."""
        return f"position {row:,}"


def read_npz_table(call: Call) -> ArrayTable:
    """The arrays as the columns of a table.

    Raises:
        MistakeError: `arrays` names one that isn't there.
        YamlnetError: the file can't be read, or the arrays have different lengths.
    """
    path = Path(call.arguments["path"])
    return ArrayTable(
        path.name, {n: a for n, a in _arrays(call, UNLIMITED).items() if not isinstance(a, Member)}
    )


def _arrays(call: Call, room: Room) -> dict[str, Array | Member]:
    """The arrays by the names of the fields; raises as `read_npz_table`."""
    path = Path(call.arguments["path"])
    arrays = _chosen(call, path, room)
    if not arrays:
        raise YamlnetError(f"`{path}` holds no arrays")
    for name, array in arrays.items():
        if array.ndim == 0:
            raise YamlnetError(f"`{name}` in `{path}` is one value, not an array with one for each sample")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"`{name}` {count:,}" for name, count in lengths.items())
        help = "`arrays: {image: x_train, target: y_train}` chooses those that belong together"
        raise YamlnetError(f"the arrays in `{path}` have different lengths: {counts}", help)
    if not all(lengths.values()):
        raise YamlnetError(f"`{path}` holds no samples")
    return arrays


def read_npz(call: Call, room: Room = UNLIMITED) -> dict[str, Values]:
    """The arrays as fields: floats as float32, integers as int64; `image` as uint8 [samples, C, H, W].

    Those of several axes that `room` doesn't take stay on disk.

    Raises:
        MistakeError, YamlnetError: as `read_npz_table`, or a field can't be made of an array.
    """
    path, arrays = Path(call.arguments["path"]), _arrays(call, room)
    for name in arrays:
        if not name.isidentifier() or name == "output":
            message = f"`{name}`, an array in `{path.name}`, can't be a field's name"
            raise YamlnetError(message, help=f'`arrays: {{NAME: "{name}"}}` gives it another')
    with _readable(path):
        return {name: _field(path.name, name, array) for name, array in arrays.items()}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise YamlnetError(f"no file `{path}`") from None
    except YamlnetError:
        raise
    except Exception as error:  # what a damaged zip file makes of its reader has many names
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise YamlnetError(f"can't read `{path}`: {reason}") from error


def _array(path: Path, name: str, file: numpy.lib.npyio.NpzFile) -> Array:
    try:
        member = next(m for m in file.zip.infolist() if m.filename in (name, f"{name}.npy"))  # type: ignore[union-attr]
        require_growth(path, path.stat().st_size, member.file_size, ARRAYS)
        with file.zip.open(member) as stream:  # type: ignore[union-attr]
            return read_array(stream, member.file_size, f"`{name}` in `{path}`")
    except YamlnetError:
        raise
    except Exception as error:  # as in `_read`
        reason = str(error).split("\n")[0] or type(error).__name__
        raise YamlnetError(f"can't read `{path}`: {reason}") from error


def _chosen(call: Call, path: Path, room: Room) -> dict[str, Array | Member]:
    """The arrays that the call chooses, by the names that it gives them."""
    wanted = call.arguments.get("arrays")
    with _readable(path), path.open("rb") as stream:
        if stream.read(2) != b"PK":
            raise YamlnetError(f"`{path}` isn't an `.npz` file of named arrays")
        stream.seek(0)
        with numpy.load(stream, allow_pickle=False) as file:
            wanted = wanted or {name: name for name in file.files}
            for field, name in wanted.items():
                if name not in file.files:
                    help, suggestion = did_you_mean(name, file.files)
                    place = (*call.argument_path("arrays"), field)
                    message = f"`{path.name}` has no array `{name}`"
                    raise MistakeError(Mistake("unknown-reference", place, message, help, suggestion))
            return {
                field: _large(path, name, room) or _array(path, name, file) for field, name in wanted.items()
            }


def _large(path: Path, name: str, room: Room) -> Member | None:
    """An array that isn't read, as there is no room for it; one value for each sample is always read."""
    if room.left is None:
        return None
    found = read_member(path, name)
    if found is None or room.take(prod(found.shape) * _kept(found.dtype).itemsize):
        return None
    return found if found.ndim > 1 else None


def _kept(dtype: numpy.dtype[Any]) -> numpy.dtype[Any]:
    """What values become: bytes are an image's, and others numbers as torch computes with them."""
    if dtype.kind == "b" or dtype == numpy.uint8:
        return dtype
    return numpy.dtype(numpy.float32 if dtype.kind == "f" else numpy.int64)


def _field(file: str, name: str, array: Array | Member) -> Values:
    if name == "image":
        return _images(file, array)
    if array.dtype.kind not in "biuf":
        message = f"`{name}` in `{file}` is {_described(array)}, not numbers"
        raise YamlnetError(message, help=f"`fields: {{{name}: category}}` numbers its values")
    kept = numpy.dtype(numpy.int64) if array.dtype == numpy.uint8 else _kept(array.dtype)
    width = prod(array.shape[1:])

    def check(start: int, values: Array) -> None:
        if array.dtype.kind == "f" and not (finite := numpy.isfinite(values.astype(kept))).all():
            sample = (start + int((~finite).flatten().argmax())) // width
            message = f"`{name}` in `{file}` isn't finite at position {sample:,}"
            help = f"`fields: {{{name}: {{number: {{missing: drop}}}}}}` for example"
            raise YamlnetError(message, help)

    if isinstance(array, Member):
        return stored(array.block(array.shape[1:], kept, check))
    check(0, array)
    return torch.from_numpy(array.astype(kept, copy=array.dtype.kind != "b"))


def _images(file: str, array: Array | Member) -> Values:
    if array.dtype != numpy.uint8 or array.ndim not in (3, 4):
        message = (
            f"`image` in `{file}` is {_described(array)}; images are uint8 in "
            "[samples, height, width] or [samples, channels, height, width]"
        )
        raise YamlnetError(message, help="an array by another name is taken as it is")
    if array.ndim == 4 and array.shape[3] in (1, 3, 4) and array.shape[1] > 4:
        message = f"`image` in `{file}` is {_described(array)}: its channels come last"
        raise YamlnetError(message, help="PyTorch has them first: save `images.transpose(0, 3, 1, 2)`")
    shape = (1, *array.shape[1:]) if array.ndim == 3 else array.shape[1:]
    if isinstance(array, Member):
        return stored(array.block(shape, array.dtype, lambda start, values: None))
    return torch.from_numpy(numpy.ascontiguousarray(array)).view(len(array), *shape)


def _described(array: Array | Member) -> str:
    kind = "text" if array.dtype.kind in "SU" else str(array.dtype)
    return f"{kind} in {list(array.shape)}"
