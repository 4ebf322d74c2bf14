"""A call of `HuggingFace` in; its splits as tables out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.hub import load
from yamlnet.data.parquet_table import ArrowTable
from yamlnet.data.table import NotNumbersError


@dataclass(frozen=True)
class HubTable(ArrowTable):
    """The rows of a split; `names` has those of the classes of columns that hold classes."""

    names: Mapping[str, tuple[str, ...]]

    def numbers(self, column: str) -> Tensor:
        """The column as float64 [rows], nan where a number is missing."""
        if column in self.names:
            raise NotNumbersError("classes")
        return super().numbers(column)

    def texts(self, column: str) -> list[str | None]:
        """The column's values as texts, None where one is missing; of classes their names."""
        names = self.names.get(column)
        if names is None:
            return super().texts(column)
        numbers = self.table.column(column).to_pylist()
        return [None if number is None or number < 0 else names[number] for number in numbers]

    def categories(self, column: str) -> tuple[str, ...] | None:
        """The names of the classes."""
        return self.names.get(column)


def read_hub_tables(call: Call) -> dict[str, HubTable]:
    """The splits as tables, by the part that each is.

    Raises:
        YamlnetError: it can't be loaded.
    """
    tables: dict[str, HubTable] = {}
    for part, data_set in load(call).parts.items():
        features = data_set.features
        names = {c: tuple(f.names) for c, f in features.items() if type(f).__name__ == "ClassLabel"}
        file = f"{call.arguments['path']}, {part}"
        tables[part] = HubTable(file, data_set.with_format("arrow")[:], names)
    return tables
