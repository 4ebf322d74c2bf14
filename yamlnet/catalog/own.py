"""The entries that don't come from torch or its companions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from yamlnet.catalog.entry import Entry, Kind, Parameter


def _entry(kind: Kind, name: str, summary: str, *parameters: Parameter, target: str = "") -> Entry:
    return Entry(name, kind, target, {parameter.name: parameter for parameter in parameters}, summary)


HUB = "HuggingFace"
"""The data set whose `path` may be a name that is no path."""

DATASETS = (
    _entry(
        "dataset", "MNIST5k", "5,000 handwritten digits that come with yamlnet: 4,000 to train, 1,000 to test"
    ),
    _entry(
        "dataset",
        "Idx",
        "Images and labels from a folder of IDX files, gzipped or not",
        Parameter("root", "str"),
    ),
    _entry(
        "dataset",
        "Csv",
        "The rows of a text file with a line for each, gzipped or not",
        Parameter("path", "str"),
        Parameter("delimiter", "str", ","),
        Parameter("encoding", "str", "utf-8"),
        Parameter("na_values", "list[str]", ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]),
        Parameter("columns", "list[str] | none", None),
    ),
    _entry(
        "dataset",
        "Parquet",
        "The rows of a Parquet file; needs the package pyarrow",
        Parameter("path", "str"),
    ),
    _entry(
        "dataset",
        "Npz",
        "Arrays of NumPy, in one file and of one length; each is a field by its name",
        Parameter("path", "str"),
        Parameter("arrays", "names | none", None),
    ),
    _entry(
        "dataset",
        HUB,
        "A data set of the Hugging Face hub, or a folder or file of this machine; needs the package datasets",
        Parameter("path", "str"),
        Parameter("name", "str | none", None),
        Parameter("split", "str | none", None),
        Parameter("revision", "str | none", None),
        Parameter("columns", "names | none", None),
    ),
)

TABLES = ("Csv", "Parquet")
"""Data sets whose `fields` must be said."""

PATHS = ("root", "path")
"""Parameters of data sets that are paths, relative to the file that says them."""

WITH_FIELDS = (*TABLES, "Npz", HUB)
"""Data sets that take `fields` and `target`."""


def names_a_file(path: str) -> bool:
    """Whether a `path` of the hub's data set can only be one of this machine."""
    endings = (".parquet", ".csv", ".json", ".jsonl", ".arrow")
    return path.startswith((".", "/", "~")) or path.endswith(endings)


def is_path(name: str, parameter: str, value: str, located: Path) -> bool:
    """Whether an argument of a data set is a path, `located` where it would lead."""
    if parameter not in PATHS:
        return False
    return name != HUB or names_a_file(value) or located.exists()


FIELDS = (
    _entry(
        "field",
        "category",
        "A column of categories: each value's number in the sorted vocabulary of the training split, int64",
        Parameter("column", "str | none", None),
        Parameter("categories", "list[str | int] | none", None),
        Parameter("missing", "'error' | 'drop' | 'extra'", "error"),
        Parameter("unknown", "'error' | 'extra'", "error"),
    ),
    _entry(
        "field",
        "number",
        "A column of numbers, or a vector of several, scaled as the training split says, float32",
        Parameter("columns", "str | list[str] | none", None),
        Parameter("scale", "'auto' | 'standard' | 'minmax' | 'none'", "auto"),
        Parameter("missing", "float | 'error' | 'drop' | 'mean' | 'median'", "error"),
    ),
)

INITIALISERS = (
    _entry(
        "init",
        "add_noise",
        "Adds normally distributed noise to the values that are there",
        Parameter("tensor", "tensor", role="tensor"),
        Parameter("std", "float", minimum=0),
    ),
)

METRICS = (
    Entry(
        "KNNAccuracy",
        "metric",
        "",
        {"k": Parameter("k", "int", 1, minimum=1)},
        "The share of samples that have the class of most of their k nearest neighbours: by Euclidean "
        "distance among the embeddings of the split, each left out of its own",
        inputs=(
            Parameter("embeddings", "tensor", role="tensor"),
            Parameter("target", "tensor", role="tensor"),
        ),
        rising=True,
        most=1,
    ),
)


def _by_kind(entries: Iterable[Entry]) -> dict[Kind, dict[str, Entry]]:
    found: dict[Kind, dict[str, Entry]] = {}
    for entry in entries:
        found.setdefault(entry.kind, {})[entry.name] = entry
    return found


OWN: Mapping[Kind, Mapping[str, Entry]] = _by_kind((*DATASETS, *FIELDS, *INITIALISERS, *METRICS))
"""Every entry of this file by kind and name."""
