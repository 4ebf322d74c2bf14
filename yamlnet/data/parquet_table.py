"""A call of `Parquet` in; the table of its file's rows out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.table import NotNumbersError
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    import pyarrow


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
        kinds = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
        if not any(is_kind(values.type) for is_kind in kinds):
            raise NotNumbersError(str(values.type))
        numbers = [float("nan") if value is None else float(value) for value in values.to_pylist()]
        return torch.tensor(numbers, dtype=torch.float64)

    def texts(self, column: str) -> list[str | None]:
        """The column's values as texts, None where one is missing."""
        return [_text(value) for value in self.table.column(column).to_pylist()]

    def categories(self, column: str) -> tuple[str, ...] | None:
        """Nothing is listed."""
        return None

    def place(self, row: int) -> str:
        """The number of a row, counted from 1."""
        return f"row {row + 1:,}"


def _text(value: Any) -> str | None:
    return None if value is None or value != value else str(value)


def read_parquet(call: Call) -> ArrowTable:
    """Reads a Parquet file.

    Raises:
        YamlnetError: pyarrow isn't installed, or the file can't be read.
    """
    path = Path(call.arguments["path"])
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        help = "pip install 'yamlnet[parquet]'"
        raise YamlnetError(f"`Parquet` needs the package pyarrow: {error}", help) from None
    try:
        table = parquet.read_table(path, memory_map=False)
    except FileNotFoundError:
        raise YamlnetError(f"no file `{path}`") from None
    except (OSError, ArrowException) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise YamlnetError(f"can't read `{path}`: {reason}") from error
    if not table.num_rows:
        raise YamlnetError(f"`{path}` has no rows")
    return ArrowTable(path.name, table)
