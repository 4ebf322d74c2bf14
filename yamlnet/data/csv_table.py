"""A call of `Csv` in; the table of its file's rows out."""

from __future__ import annotations

import codecs
import csv
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.table import NotNumbersError
from yamlnet.data.unpacking import ROWS, SPARE, Unpacked, require_memory
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError, plural

MAX_EMPTY = 1_000_000
"""How many lines may be empty, or within quotes."""

NOT_OF_FILES = ("idna", "punycode")
"""Encodings of names, not of texts, whose decoding takes ever longer."""

DELIMITERS = {";": "`;`", "\t": "a tab", "|": "`|`", ",": "`,`"}


@dataclass(frozen=True)
class CsvTable:
    """The rows of a CSV file, as texts without the blanks around them; `lines` says where each begins."""

    file: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    missing: frozenset[str]

    @property
    def hint(self) -> str | None:
        """A file of one column was mostly written with another delimiter."""
        if len(self.columns) > 1:
            return None
        found = next((sign for sign in DELIMITERS if sign in self.columns[0]), None)
        if found is None:
            return None
        written = "\\t" if found == "\t" else found
        return f'{DELIMITERS[found]} seems to stand between its columns: `delimiter: "{written}"`'

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, column: str) -> Tensor:
        """The column as float64 [rows], nan where a number is missing."""
        cells = self.texts(column)
        try:
            return torch.tensor([float("nan") if c is None else float(c) for c in cells], dtype=torch.float64)
        except ValueError:
            row, cell = next((row, cell) for row, cell in enumerate(cells) if not _is_number(cell))
            raise NotNumbersError(str(cell), row) from None

    def texts(self, column: str) -> list[str | None]:
        """The column's cells, None where one is missing."""
        position = self.columns.index(column)
        cells = (row[position] for row in self.rows)
        return [None if cell in self.missing else cell for cell in cells]

    def categories(self, column: str) -> None:
        """Nothing is listed."""
        return

    def place(self, row: int) -> str:
        """The line that a row begins in, counted from 1."""
        return f"line {self.lines[row]}"


def _is_number(cell: str | None) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def read_csv(call: Call) -> CsvTable:
    """Reads a CSV file, whose first line names the columns unless the call does.

    Raises:
        MistakeError: the call says a delimiter or an encoding that there isn't.
        YamlnetError: the file can't be read, or isn't a table: a line has more or fewer cells than another.
    """
    arguments = call.with_defaults()
    _check(call, arguments)
    path = Path(arguments["path"])
    try:
        with _open(path, arguments["encoding"]) as file:
            records = _records(path, file, arguments["delimiter"])
    except FileNotFoundError:
        raise YamlnetError(f"no file `{path}`") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise YamlnetError(f"can't read `{path}`: {reason}") from error
    except MemoryError:
        raise YamlnetError(f"the rows of `{path}` take more memory than there is") from None
    except csv.Error as error:
        raise YamlnetError(f"`{path}` isn't a CSV file: {error}") from error
    except UnicodeError as error:
        message = f"`{path}` isn't written in {arguments['encoding']}"
        help = "`encoding` of `Csv` says what it is: `latin-1`, `cp1252`, `utf-16`, ..."
        raise YamlnetError(message, help) from error
    names = arguments["columns"]
    if names is None and records:
        names = records.pop(0)[1]
    if not records:
        raise YamlnetError(f"`{path}` has no rows")
    _check_names(path, names)
    for line, cells in records:
        if len(cells) != len(names):
            counts = f"{plural(len(cells), 'cell')}, but the table has {plural(len(names), 'column')}"
            raise YamlnetError(f"`{path}`, line {line}, has {counts}")
    lines, rows = zip(*records, strict=True)
    return CsvTable(path.name, tuple(names), rows, lines, frozenset(arguments["na_values"]))


def _check(call: Call, arguments: dict[str, Any]) -> None:
    delimiter, encoding = arguments["delimiter"], arguments["encoding"]
    if len(delimiter) != 1 or delimiter in '\n\r"':
        message = f"`delimiter` is one character, not `{delimiter}`"
        raise MistakeError(Mistake("wrong-value", call.argument_path("delimiter"), message))
    try:
        "".encode(encoding)
        known = codecs.lookup(encoding).name not in NOT_OF_FILES
    except (LookupError, ValueError):  # also what is no encoding of texts, such as `zlib`
        known = False
    if not known:
        message = f"unknown encoding `{encoding}`"
        help = "for example `utf-8`, `latin-1`, `cp1252` or `utf-16`"
        raise MistakeError(Mistake("wrong-value", call.argument_path("encoding"), message, help))


def _open(path: Path, encoding: str) -> TextIO:
    if path.suffix == ".gz":
        return TextIOWrapper(Unpacked(path, ROWS), encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _records(name: Path, file: TextIO, delimiter: str) -> list[tuple[int, list[str]]]:
    """The lines that aren't empty: where each begins, and its cells."""
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True)
    records: list[tuple[int, list[str]]] = []
    begin = 1
    for cells in reader:
        if begin == 1 and cells:
            cells[0] = cells[0].removeprefix("\ufeff")
        if cells:
            records.append((begin, [cell.strip() for cell in cells]))
        elif reader.line_num - len(records) > MAX_EMPTY:
            raise csv.Error(f"more than {MAX_EMPTY:,} of its lines are empty")
        if len(records) % 65536 == 65535:
            require_memory(f"after {len(records):,} lines of it `{name}` still goes on; that takes", SPARE)
        begin = reader.line_num + 1
    return records


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1 and name)
    if twice:
        raise YamlnetError(
            f"two columns of `{path}` are named `{twice[0]}`",
            help="a file whose first line holds no names takes `columns: [...]`",
        )
