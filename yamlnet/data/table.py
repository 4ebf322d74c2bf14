"""What a file of rows is to its reader: columns of numbers or texts, and where each row stands."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class NotNumbersError(Exception):
    """A column holds something else than numbers; `row` is the first such row, None where all are."""

    def __init__(self, found: str, row: int | None = None) -> None:
        super().__init__(found)
        self.found = found
        self.row = row


class Table(Protocol):
    """The rows of a file by column."""

    @property
    def file(self) -> str:
        """The file's name, for messages."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""

    @property
    def hint(self) -> str | None:
        """What may be the reason where a column isn't found."""

    def __len__(self) -> int: ...

    def numbers(self, column: str) -> Tensor:
        """A column of numbers, nan where one is missing: float64 [rows], of an array also [rows, width].

        Raises:
            NotNumbersError: it holds something else.
        """

    def texts(self, column: str) -> list[str | None]:
        """A column of categories as they are written, None where one is missing."""

    def categories(self, column: str) -> tuple[str, ...] | None:
        """The categories that a column may have, in their order, where the file lists them."""

    def place(self, row: int) -> str:
        """Where a row stands in the file: `line 7`."""
