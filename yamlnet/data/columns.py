"""A table and the file's `fields` in; what each row holds of every field, missing values dealt with, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.csv_table import read_csv
from yamlnet.data.hub_table import read_hub_tables
from yamlnet.data.npz import read_npz_table
from yamlnet.data.parquet_table import read_parquet
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.table import NotNumbersError, Table
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError, did_you_mean, plural

Tables = Mapping[str, Table]
"""The parts of a data set: `train`, and `validation` and `test` where it has these."""


def _whole(read: Callable[[Call], Table]) -> Callable[[Call], Tables]:
    """The reader of a file that has no parts."""
    return lambda call: {"train": read(call)}


TABLES: Mapping[str, Callable[[Call], Tables]] = {
    "Csv": _whole(read_csv),
    "Parquet": _whole(read_parquet),
    "Npz": _whole(read_npz_table),
    "HuggingFace": read_hub_tables,
}
"""How each data set that takes `fields` is read; its `path` is absolute."""

LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class Columns:
    """Rows of a table, field by field, as they were read.

    `values` are float64 for numbers, nan where one is missing, and int64 for categories: positions in the
    field's `texts`, -1 where one is missing. `rows` tells where in the table each comes from, `listed` the
    categories of fields whose data say which there are, and `notes` which rows were left out.
    """

    table: Table
    rows: Tensor
    values: Mapping[str, Tensor]
    texts: Mapping[str, tuple[str, ...]]
    listed: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, samples: Tensor) -> Columns:
        """Some of the rows, by their positions: int64 [samples]."""
        chosen = {name: values.index_select(0, samples) for name, values in self.values.items()}
        return replace(self, rows=self.rows.index_select(0, samples), values=chosen)

    def place(self, position: int) -> str:
        """Where in the file one of the rows stands."""
        return self.table.place(int(self.rows[position]))


def read_columns(call: Call, fields: Mapping[str, Call], room: Room = UNLIMITED) -> dict[str, Columns]:
    """Reads the fields of a table, part by part; rows are left out where a field says `missing: drop`.

    A table is held in memory: a file that is larger than `room` isn't read.

    Raises:
        MistakeError: a column isn't there, holds something else, or lacks a value where that is an error.
        YamlnetError: the table can't be read, or no rows are left.
    """
    file = Path(call.arguments["path"])
    if file.is_file():
        room.require(file.stat().st_size, f"the rows of `{file.name}`")
    return {part: rows_of(table, fields) for part, table in TABLES[call.name](call).items()}


def rows_of(table: Table, fields: Mapping[str, Call]) -> Columns:
    """The fields of one table, as `read_columns`."""
    values: dict[str, Tensor] = {}
    texts: dict[str, tuple[str, ...]] = {}
    listed: dict[str, tuple[str, ...]] = {}
    for name, field in fields.items():
        if field.name == "category":
            column = _category_column(table, name, field)
            values[name], texts[name] = _categories(table, name, field, column)
            if (found := table.categories(column)) is not None:
                listed[name] = found
        else:
            values[name] = _numbers(table, name, field)
    kept, notes = _kept(table, fields, values)
    return Columns(table, torch.arange(len(table)), values, texts, listed, notes).select(kept)


def _kept(
    table: Table, fields: Mapping[str, Call], values: Mapping[str, Tensor]
) -> tuple[Tensor, tuple[str, ...]]:
    """The positions of the rows that stay, and what to say of the others; those excuse no other rows."""
    absent = {name: missing(values[name]) for name in fields}
    rules = {name: field.arguments.get("missing", "error") for name, field in fields.items()}
    drops = {name: absent[name] for name, rule in rules.items() if rule == "drop" and absent[name].any()}
    kept = ~torch.stack([torch.zeros(len(table), dtype=torch.bool), *drops.values()]).any(0)
    for name, rule in rules.items():
        if rule == "error" and bool((absent[name] & kept).any()):
            raise _is_missing(table, name, fields[name], absent[name] & kept)
    if not kept.any():
        raise YamlnetError(
            f"no rows of `{table.file}` are left: each lacks a value where `missing` is `drop`"
        )
    if not drops:
        return kept.nonzero().flatten(), ()
    dropped = f"{int((~kept).sum()):,} of {plural(len(table), 'row')} of `{table.file}` dropped"
    several = len(drops) > 1
    reasons = [f"`{name}` missing" + several * f" in {int(rows.sum()):,}" for name, rows in drops.items()]
    return kept.nonzero().flatten(), (f"{dropped}: {', '.join(reasons)}",)


def missing(values: Tensor) -> Tensor:
    """Which rows lack a value: bool [rows]."""
    if not values.is_floating_point():
        return values < 0
    return values.isnan() if values.ndim == 1 else values.isnan().any(1)


def _category_column(table: Table, name: str, field: Call) -> str:
    said = field.arguments.get("column")
    return _column(table, name if said is None else said, field, "column", None)


def _categories(table: Table, name: str, field: Call, column: str) -> tuple[Tensor, tuple[str, ...]]:
    try:
        cells = table.texts(column)
    except NotNumbersError as error:
        raise _mistake(
            field, name, f"`{column}` in `{table.file}` is {error.found}, not categories"
        ) from None
    texts = tuple(sorted({cell for cell in cells if cell is not None}))
    positions: dict[str | None, int] = {text: position for position, text in enumerate(texts)}
    return torch.tensor([positions.get(cell, -1) for cell in cells], dtype=torch.int64), texts


def _numbers(table: Table, name: str, field: Call) -> Tensor:
    said = field.arguments.get("columns")
    if not isinstance(said, list):
        return _number(table, _column(table, name if said is None else said, field, "columns", None), field)
    found = [_column(table, column, field, "columns", position) for position, column in enumerate(said)]
    values = [_number(table, column, field) for column in found]
    for column, one in zip(found, values, strict=True):
        if one.ndim > 1:
            message = f"`{column}` in `{table.file}` holds several numbers for each sample already"
            raise MistakeError(Mistake("wrong-value", field.argument_path("columns"), message))
    return torch.stack(values, dim=1)


def _number(table: Table, column: str, field: Call) -> Tensor:
    try:
        values = table.numbers(column)
    except NotNumbersError as error:
        name = str(field.path[2])
        if error.row is None:
            message = f"`{column}` in `{table.file}` holds no numbers, but {error.found}"
            raise _mistake(field, name, message, f"`{name}: category` numbers its values") from None
        message = f"`{column}` in `{table.file}`, {table.place(error.row)}, is `{error.found}`: no number"
        help = f"`{name}: category` where it has categories; `na_values` of `Csv` lists what is missing"
        raise _mistake(field, name, message, help) from None
    large = values.abs() > LARGEST
    if bool(large.any()):
        row = int(large.nonzero()[0][0])
        found = float(values[large][0])
        message = f"`{column}` in `{table.file}`, {table.place(row)}, is {found:g}: no finite float32"
        raise _mistake(field, str(field.path[2]), message)
    return values


def _column(table: Table, column: str, field: Call, parameter: str, position: int | None) -> str:
    """The name of a column that is there."""
    if column in table.columns:
        return column
    help, suggestion = did_you_mean(column, table.columns)
    message = f"`{table.file}` has no column `{column}`"
    if parameter not in field.arguments:
        mistake = Mistake(
            "unknown-reference", field.path[:3], message, table.hint or help, suggestion, at="key"
        )
        raise MistakeError(mistake)
    path = field.argument_path(parameter)
    path = path if position is None else (*path, position)
    raise MistakeError(Mistake("unknown-reference", path, message, table.hint or help, suggestion))


def _is_missing(table: Table, name: str, field: Call, absent: Tensor) -> MistakeError:
    rows = absent.nonzero().flatten()
    where = f"{table.place(int(rows[0]))}" + ("" if len(rows) == 1 else f" and {len(rows) - 1:,} more")
    message = f"`{name}` is missing in {plural(len(rows), 'row')} of `{table.file}`: {where}"
    also = (
        "`missing: extra` makes it a category" if field.name == "category" else "`missing: mean` fills it in"
    )
    return _mistake(field, name, message, f"`missing: drop` leaves such rows out, {also}")


def _mistake(field: Call, name: str, message: str, help: str | None = None) -> MistakeError:
    return MistakeError(Mistake("wrong-value", ("data", "fields", name), message, help, at="key"))
