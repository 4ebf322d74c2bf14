"""Laws that hold for every entry of the catalogue, with torch itself as the judge."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fnmatch import fnmatchcase
from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from torch import nn

from yamlnet.catalog import functions, metric_signatures, overrides, records, vision_signatures
from yamlnet.catalog.entry import KINDS, REQUIRED, Entry, Parameter
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.measures import import_torchmetrics
from yamlnet.catalog.ranges import describe_bounds, within
from yamlnet.catalog.signatures import entries
from yamlnet.catalog.types import accepts, describe, parse, to_python
from yamlnet.catalog.vision import import_torchvision

ALL = [entry for kind in KINDS for name in names(kind) if (entry := find(name, kind)) is not None]
PARAMETERS = [(entry, parameter) for entry in ALL for parameter in entry.parameters.values()]
MODELS = [entry for entry in ALL if entry.target.startswith("torchvision.models.")]
CLASSES = [entry for entry in ALL if entry.kind in ("module", "loss") and entry not in MODELS]
OF_TORCHVISION = [entry for entry in CLASSES if entry.target.startswith("torchvision.")]

PLAUSIBLE: dict[str, Any] = {
    "kernel_size": 3,
    "d_model": 8,
    "num_heads": 2,
    "nhead": 2,
    "num_groups": 2,
    "cutoffs": [1],
    "unflattened_size": [2, 2],
    "output_ratio": 0.5,
    "batch_first": True,
    "norm_type": 2.0,
    "value": 0.5,
    "dims": [0, 2, 1],
    "hidden_channels": [4],
    "mode": "row",
    "p": 0.5,
}
"""Values where 4 won't do."""

NEEDED = {"FractionalMaxPool2d": ("output_ratio",), "FractionalMaxPool3d": ("output_ratio",)}
"""Parameters that a class needs although none of them is required."""


def identify(value: object) -> str | None:
    return value.name if isinstance(value, Entry) else None


def resolve(target: str) -> Any:
    if target.startswith("torchvision."):
        import_torchvision()
    return resolve_name(target)


def in_python(parameter: Parameter) -> Any:
    """A default as PyTorch has it."""
    if "type" in parameter.type.split(" | ") and isinstance(parameter.default, str):
        return getattr(nn, parameter.default)
    return to_python(parameter.type, parameter.default)


def plausible(entry: Entry, parameter: Parameter) -> Any:
    if parameter.type == "module":
        layer = getattr(nn, f"{entry.name}Layer")
        return layer(4, 2, dim_feedforward=8, batch_first=True)
    value = PLAUSIBLE.get(parameter.name, 4)
    assert accepts(parameter.type, value), parameter
    assert within(parameter, value), parameter
    return to_python(parameter.type, value)


def least_arguments(entry: Entry) -> dict[str, Any]:
    """Only what must be said or inferred."""
    return {
        parameter.name: plausible(entry, parameter)
        for parameter in entry.options.values()
        if parameter.default is REQUIRED or parameter.name in NEEDED.get(entry.name, ())
    }


@pytest.mark.parametrize(
    ("package", "found"),
    [
        (torch, entries),
        (import_torchvision(), vision_signatures.entries),
        (import_torchmetrics(), metric_signatures.entries),
    ],
)
def test_stored_catalogue_is_up_to_date(package: Any, found: Callable[[], list[Entry]]) -> None:
    text = records.dump(package.__name__, package.__version__, found())
    stored = records.file(package.__name__).read_text(encoding="utf-8")
    assert text == stored, "`make catalog` writes it anew"


@pytest.mark.parametrize("entry", CLASSES, ids=identify)
def test_classes_construct_from_what_is_required(entry: Entry) -> None:
    built = resolve(entry.target)(**least_arguments(entry))
    assert isinstance(built, nn.Module)


@pytest.mark.parametrize("entry", CLASSES, ids=identify)
def test_defaults_are_torchs_own(entry: Entry) -> None:
    arguments = least_arguments(entry)
    said = {p.name: in_python(p) for p in entry.options.values() if p.name not in arguments}
    cls = resolve(entry.target)
    assert repr(cls(**arguments, **said)) == repr(cls(**arguments))


@pytest.mark.parametrize("name", names("optimizer"))
def test_optimizers_construct_from_defaults(name: str) -> None:
    entry = find(name, "optimizer")
    assert entry is not None
    said = {p.name: to_python(p.type, p.default) for p in entry.options.values()}
    weights = [nn.Parameter(torch.zeros(2, 2))]
    optimizer = resolve(entry.target)
    assert optimizer(weights, **said).defaults == optimizer(weights).defaults


@pytest.mark.parametrize(
    "entry",
    [entry for entry in ALL if entry.target.startswith("torch.") or entry in OF_TORCHVISION],
    ids=identify,
)
def test_targets_exist_and_are_what_their_kind_says(entry: Entry) -> None:
    target = resolve(entry.target)
    bases: dict[str, type] = {
        "module": nn.Module,
        "loss": nn.Module,
        "optimizer": torch.optim.Optimizer,
        "scheduler": torch.optim.lr_scheduler.LRScheduler,
    }
    if entry.kind in bases:
        assert issubclass(target, bases[entry.kind])
    else:
        assert callable(target)


def test_types_are_expressions_and_read_well() -> None:
    for entry, parameter in PARAMETERS:
        assert describe(parameter.type), (entry.name, parameter)
        assert parse(parameter.type)


def test_defaults_are_of_their_type_and_in_bounds() -> None:
    for entry, parameter in PARAMETERS:
        if parameter.default is REQUIRED:
            continue
        fits = accepts(parameter.type, parameter.default)
        assert fits or parameter.default is None, (entry.name, parameter)
        assert within(parameter, parameter.default), (entry.name, parameter)


def test_no_parameter_is_any_value_or_any_text() -> None:
    """What torch annotates as plain `str` is an enumeration, and the tables must know it."""
    vague = {
        f"{entry.name}.{parameter.name}"
        for entry, parameter in PARAMETERS
        if parameter.role == "option" and not parameter.supplied
        if {"any", "str"} & set(parameter.type.split(" | ")) and entry.kind not in ("dataset", "field")
    }
    assert vague == {"einsum.equation"}


def test_summaries_are_one_line_of_plain_text() -> None:
    for entry in ALL:
        assert entry.summary, entry.name
        assert not set("\n`\\") & set(entry.summary), (entry.name, entry.summary)
        assert not entry.summary.endswith("."), entry.name


def test_hidden_parameters_are_hidden() -> None:
    hidden = {"device", "dtype", "size_average", "reduce", "out", "generator", "last_epoch", "training"}
    for entry, parameter in PARAMETERS:
        assert parameter.name not in hidden, entry.name
        assert not parameter.name.startswith("_"), entry.name
        assert parameter.name != "inplace" or entry.kind == "module", entry.name


def test_no_class_of_torch_nn_is_missing_without_a_reason() -> None:
    classes = {
        name for name, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    known = {*names("module"), *names("loss")}
    patterns = overrides.NOT_MODULES
    left_out = {name for name in classes if any(fnmatchcase(name, pattern) for pattern in patterns)}
    assert classes - known == left_out


def test_no_pattern_of_the_tables_is_idle() -> None:
    present = {*dir(nn), *dir(nn.functional), *dir(import_torchvision().ops)}
    for pattern in (*overrides.NOT_MODULES, *overrides.NOT_OPS, *functions.NOT_FUNCTIONAL):
        assert any(fnmatchcase(name, pattern) for name in present), pattern
    keys = {f"{entry.target}.{parameter.name}" for entry, parameter in PARAMETERS}
    for table in (overrides.TYPES, overrides.CHOICES, overrides.INFERRED, overrides.DEFAULTS):
        for pattern in table:
            assert any(fnmatchcase(key, pattern) for key in keys), pattern


COMMON: list[tuple[str, dict[str, Any]]] = [
    ("Conv2d", {"out_channels": 64, "kernel_size": [3, 1], "padding": "same", "groups": 4}),
    ("Conv2d", {"out_channels": 64, "kernel_size": 1, "padding": [0, 1], "padding_mode": "reflect"}),
    ("ConvTranspose2d", {"out_channels": 8, "kernel_size": 4, "stride": 2, "output_padding": 0}),
    ("MaxPool2d", {"kernel_size": [2, 2], "stride": 1, "padding": 1, "ceil_mode": True}),
    ("AdaptiveAvgPool2d", {"output_size": [1, None]}),
    ("ZeroPad2d", {"padding": [-1, 0, 1, 2]}),
    ("Dropout", {"p": 0}),
    ("Dropout", {"p": 1.0}),
    ("BatchNorm1d", {"momentum": None, "eps": 0.001}),
    ("LayerNorm", {"normalized_shape": [4, 4]}),
    ("Embedding", {"num_embeddings": 10, "embedding_dim": 4, "padding_idx": -1, "max_norm": 1}),
    ("Upsample", {"scale_factor": 2, "mode": "bilinear", "align_corners": False}),
    ("Upsample", {"size": [7, 7], "mode": "nearest-exact"}),
    ("LSTM", {"hidden_size": 4, "num_layers": 2, "dropout": 0.1, "batch_first": True, "proj_size": 2}),
    ("MultiheadAttention", {"num_heads": 2, "kdim": 8, "vdim": None, "batch_first": False}),
    ("PReLU", {"num_parameters": 4}),
    ("LeakyReLU", {"negative_slope": -0.1}),
]


@pytest.mark.parametrize(("name", "arguments"), COMMON)
def test_common_uses_are_refused_neither_here_nor_by_torch(name: str, arguments: dict[str, Any]) -> None:
    entry = find(name, "module")
    assert entry is not None
    for key, value in arguments.items():
        assert accepts(entry.parameters[key].type, value), key
        assert within(entry.parameters[key], value), key
    converted = {key: to_python(entry.parameters[key].type, value) for key, value in arguments.items()}
    resolve(entry.target)(**{**least_arguments(entry), **converted})


@pytest.mark.parametrize(
    ("name", "parameter", "value", "words"),
    [
        ("Conv2d", "kernel_size", [3, 0], "at least 1"),
        ("Conv2d", "padding", -1, "at least 0"),
        ("Dropout", "p", 1.5, "at least 0 and at most 1"),
        ("Upsample", "scale_factor", 0, "above 0"),
        ("Linear", "out_features", -1, "at least 1"),
    ],
)
def test_common_mistakes_are_out_of_bounds(name: str, parameter: str, value: object, words: str) -> None:
    entry = find(name, "module")
    assert entry is not None
    assert accepts(entry.parameters[parameter].type, value)
    assert not within(entry.parameters[parameter], value)
    assert describe_bounds(entry.parameters[parameter]) == words
