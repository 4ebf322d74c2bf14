"""A call of `Npz` in; its arrays as fields, or as the columns of a table, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.npy import read_array
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
    arrays = _chosen(call, path, _read(path))
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
    return ArrayTable(path.name, arrays)


def read_npz(call: Call) -> dict[str, Tensor]:
    """The arrays as fields: floats as float32, integers as int64; `image` as uint8 [samples, C, H, W].

    Raises:
        MistakeError, YamlnetError: as `read_npz_table`, or a field can't be made of an array.
    """
    table = read_npz_table(call)
    for name in table.columns:
        if not name.isidentifier() or name == "output":
            message = f"`{name}`, an array in `{table.file}`, can't be a field's name"
            raise YamlnetError(message, help=f'`arrays: {{NAME: "{name}"}}` gives it another')
    return {name: _field(table, name, array) for name, array in table.arrays.items()}


def _read(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"PK":
                raise YamlnetError(f"`{path}` isn't an `.npz` file of named arrays")
            stream.seek(0)
            with numpy.load(stream, allow_pickle=False) as file:
                return {name: _array(path, name, file) for name in file.files}
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


def _chosen(call: Call, path: Path, arrays: dict[str, Array]) -> dict[str, Array]:
    """The arrays that the call chooses, by the names that it gives them."""
    wanted = call.arguments.get("arrays")
    if wanted is None:
        return arrays
    for field, name in wanted.items():
        if name not in arrays:
            help, suggestion = did_you_mean(name, arrays)
            place = (*call.argument_path("arrays"), field)
            message = f"`{path.name}` has no array `{name}`"
            raise MistakeError(Mistake("unknown-reference", place, message, help, suggestion))
    return {field: arrays[name] for field, name in wanted.items()}


def _field(table: ArrayTable, name: str, array: Array) -> Tensor:
    if name == "image":
        return _images(table, array)
    if array.dtype.kind not in "biuf":
        message = f"`{name}` in `{table.file}` is {_described(array)}, not numbers"
        raise YamlnetError(message, help=f"`fields: {{{name}: category}}` numbers its values")
    if array.dtype.kind == "b":
        return torch.from_numpy(array)
    dtype = numpy.float32 if array.dtype.kind == "f" else numpy.int64
    values = torch.from_numpy(array.astype(dtype))
    if array.dtype.kind == "f" and not values.isfinite().all():
        sample = int((~values.isfinite()).flatten(1 if values.ndim > 1 else 0).nonzero()[0][0])
        message = f"`{name}` in `{table.file}` isn't finite at {table.place(sample)}"
        raise YamlnetError(message, help=f"`fields: {{{name}: {{number: {{missing: drop}}}}}}` for example")
    return values


def _images(table: ArrayTable, array: Array) -> Tensor:
    if array.dtype != numpy.uint8 or array.ndim not in (3, 4):
        message = (
            f"`image` in `{table.file}` is {_described(array)}; images are uint8 in "
            "[samples, height, width] or [samples, channels, height, width]"
        )
        raise YamlnetError(message, help="an array by another name is taken as it is")
    images = torch.from_numpy(numpy.ascontiguousarray(array))
    if images.ndim == 3:
        return images.unsqueeze(1)
    if images.shape[3] in (1, 3, 4) and images.shape[1] > 4:
        message = f"`image` in `{table.file}` is {_described(array)}: its channels come last"
        raise YamlnetError(message, help="PyTorch has them first: save `images.transpose(0, 3, 1, 2)`")
    return images


def _described(array: Array) -> str:
    kind = "text" if array.dtype.kind in "SU" else str(array.dtype)
    return f"{kind} in {list(array.shape)}"
