"""A call of `Parquet` in; the table of its file's rows out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.table import NotNumbersError
from yamlnet.data.unpacking import ROWS, require_growth
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    import pyarrow


BYTES = 8
"""What a value takes at least."""


@dataclass(frozen=True)
class ArrowTable:
    """The rows of an Arrow table; what is null or nan is missing."""

    file: str
    table: pyarrow.Table

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.table.column_names)

    @property
    def hint(self) -> None:
        """Nothing is known."""
        return None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def numbers(self, column: str) -> Tensor:
        """The column as float64 [rows], nan where a number is missing."""
        from pyarrow import types

        values = self.table.column(column)
        if types.is_dictionary(values.type):
            raise NotNumbersError(str(values.type.value_type))
        kinds = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
        if not any(is_kind(values.type) for is_kind in kinds):
            raise NotNumbersError(str(values.type))
        numbers = [float("nan") if value is None else float(value) for value in values.to_pylist()]
        return torch.tensor(numbers, dtype=torch.float64)

    def texts(self, column: str) -> list[str | None]:
        """The column's values as texts, None where one is missing."""
        return [text for chunk in self.table.column(column).chunks for text in _texts(chunk)]

    def categories(self, column: str) -> tuple[str, ...] | None:
        """Nothing is listed."""
        return None

    def place(self, row: int) -> str:
        """The number of a row, counted from 1."""
        return f"row {row + 1:,}"


def _texts(chunk: pyarrow.Array) -> list[str | None]:
    """Each value of a dictionary once, however often it stands in the column."""
    from pyarrow import types

    if not types.is_dictionary(chunk.type):
        return [_text(value) for value in chunk.to_pylist()]
    known = [_text(value) for value in chunk.dictionary.to_pylist()]
    return [None if index is None else known[index] for index in chunk.indices.to_pylist()]


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def read_parquet(call: Call) -> ArrowTable:
    """Reads a Parquet file.

    Raises:
        YamlnetError: pyarrow isn't installed, or the file can't be read.
    """
    path = Path(call.arguments["path"])
    try:
        from pyarrow import parquet
    except ImportError as error:
        help = "pip install 'yamlnet[parquet]'"
        raise YamlnetError(f"`Parquet` needs the package pyarrow: {error}", help) from None
    try:
        with path.open("rb") as stream:
            table = _read(path, stream, parquet)
    except YamlnetError:
        raise
    except FileNotFoundError:
        raise YamlnetError(f"no file `{path}`") from None
    except Exception as error:  # what a damaged file makes of its reader has many names
        reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise YamlnetError(f"can't read `{path}`: {reason}") from error
    if not table.num_rows:
        raise YamlnetError(f"`{path}` has no rows")
    return ArrowTable(path.name, table)


def _read(path: Path, stream: BinaryIO, parquet: Any) -> Any:
    """The table, texts by their dictionaries: a long one is held once, however many rows it has."""
    from pyarrow import types

    with parquet.ParquetFile(stream) as opened:
        told, schema = opened.metadata, opened.schema_arrow
        columns = schema.names
    require_growth(path, path.stat().st_size, told.num_rows * len(columns) * BYTES, ROWS)
    kinds = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    of_texts = [field.name for field in schema if any(is_kind(field.type) for is_kind in kinds)]
    stream.seek(0)
    with parquet.ParquetFile(stream, read_dictionary=of_texts) as opened:
        return opened.read()
