"""The entries that don't come from torch itself, and what the fixed data sets are like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from yamlnet.catalog.entry import Entry, Kind, Parameter
from yamlnet.catalog.facts import Facts, Field


def _entry(kind: Kind, name: str, summary: str, *parameters: Parameter, target: str = "") -> Entry:
    return Entry(name, kind, target, {parameter.name: parameter for parameter in parameters}, summary)


def _torchvision_dataset(name: str, summary: str) -> Entry:
    root, download = Parameter("root", "str", "data"), Parameter("download", "bool", True)
    return _entry("dataset", name, summary, root, download, target=f"torchvision.datasets.{name}")


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
    _torchvision_dataset("MNIST", "70,000 handwritten digits, 28 x 28"),
    _torchvision_dataset("FashionMNIST", "70,000 pictures of clothes, 28 x 28"),
    _torchvision_dataset("KMNIST", "70,000 handwritten Japanese characters, 28 x 28"),
    _torchvision_dataset("CIFAR10", "60,000 colour images of 10 classes, 32 x 32"),
    _torchvision_dataset("CIFAR100", "60,000 colour images of 100 classes, 32 x 32"),
    _entry(
        "dataset",
        "ImageFolder",
        "Images in one folder for each class",
        Parameter("root", "str"),
        target="torchvision.datasets.ImageFolder",
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
)

TABLES = ("Csv", "Parquet")
"""Data sets whose `fields` must be said."""

PATHS = ("root", "path")
"""Parameters of data sets that are paths, relative to the file that says them."""

WITH_FIELDS = (*TABLES, "Npz")
"""Data sets that take `fields` and `target`."""

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


def _by_kind(entries: Iterable[Entry]) -> dict[Kind, dict[str, Entry]]:
    found: dict[Kind, dict[str, Entry]] = {}
    for entry in entries:
        found.setdefault(entry.kind, {})[entry.name] = entry
    return found


OWN: Mapping[Kind, Mapping[str, Entry]] = _by_kind((*DATASETS, *FIELDS, *INITIALISERS))
"""Every entry of this file by kind and name."""


def _images(shape: tuple[int, int, int], num_classes: int, train: int, test: int) -> Facts:
    fields = {"image": Field(shape, "float32"), "target": Field((), "int64", num_classes)}
    return Facts(fields, num_classes=num_classes, train=train, test=test, images=shape)


FIXED: Mapping[str, Facts] = {
    "MNIST5k": _images((1, 28, 28), 10, train=4_000, test=1_000),
    "MNIST": _images((1, 28, 28), 10, train=60_000, test=10_000),
    "FashionMNIST": _images((1, 28, 28), 10, train=60_000, test=10_000),
    "KMNIST": _images((1, 28, 28), 10, train=60_000, test=10_000),
    "CIFAR10": _images((3, 32, 32), 10, train=50_000, test=10_000),
    "CIFAR100": _images((3, 32, 32), 100, train=50_000, test=10_000),
}
"""What the data sets are like whose shapes and sizes are known, before any share is split off."""

CHANNELS: Mapping[str, int] = {"ImageFolder": 3, "Idx": 1}
"""How many channels the images of the other image sets have."""
