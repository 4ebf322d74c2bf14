"""A file of JSON objects, one to a line or in a list, in; the table of them as rows out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yamlnet.data.table import NotNumbersError
from yamlnet.diagnostics import YamlnetError


@dataclass(frozen=True)
class JsonTable:
    """Objects by their keys; what is null, or isn't there, is missing."""

    file: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    places: Sequence[str]

    @property
    def hint(self) -> None:
        """Nothing is known."""
        return None

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, column: str) -> Tensor:
        """The values as float64 [rows], nan where a number is missing."""
        values = [row.get(column) for row in self.rows]
        for row, value in enumerate(values):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise NotNumbersError(json.dumps(value, ensure_ascii=False), row)
        try:
            numbers = [float("nan") if value is None else float(value) for value in values]
        except OverflowError:
            raise NotNumbersError("a number beyond all bounds") from None
        return torch.tensor(numbers, dtype=torch.float64)

    def texts(self, column: str) -> list[str | None]:
        """The values as texts, None where one is missing."""
        values = [row.get(column) for row in self.rows]
        return [None if value is None or value == "" else str(value) for value in values]

    def categories(self, column: str) -> None:
        """Nothing is listed."""
        return

    def place(self, row: int) -> str:
        """The line, or the number of a row counted from 1."""
        return self.places[row]


def read_json(path: Path) -> JsonTable:
    """The objects of a file.

    Raises:
        YamlnetError: it can't be read, isn't JSON, or holds something else than objects.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it isn't UTF-8"
        raise YamlnetError(f"can't read `{path}`: {reason}") from error
    found = _whole(text)
    if found is None:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        found = [(f"line {number}", _line(path, number, line)) for number, line in lines]
    if not found:
        raise YamlnetError(f"`{path}` has no rows")
    for place, row in found:
        if not isinstance(row, dict):
            raise YamlnetError(f"`{path}`, {place}, is no object", help='a row is `{"column": value, ...}`')
    rows = [row for _, row in found]
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    return JsonTable(path.name, columns, rows, [place for place, _ in found])


def _whole(text: str) -> list[tuple[str, Any]] | None:
    """The rows of a text that is one list, or one object over several lines."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    rows = value if isinstance(value, list) else [value]
    return [(f"row {number}", row) for number, row in enumerate(rows, 1)]


def _line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error).split(":")[0].lower()
        raise YamlnetError(f"`{path}`, line {number}, isn't JSON: {reason}") from None
