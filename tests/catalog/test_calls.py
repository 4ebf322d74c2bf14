"""Functions, initialisers and schedulers take the catalogue's names and defaults when they are called."""

from __future__ import annotations

from functools import partial
from pkgutil import resolve_name
from typing import Any

import pytest
import torch

from yamlnet.catalog.entry import REQUIRED, Entry, Kind
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.types import accepts, to_python

PLAUSIBLE: dict[str, Any] = {
    "dim": 1,
    "dim0": 1,
    "dim1": 2,
    "dims": [0, 2, 1, 3],
    "fill_value": 0.5,
    "shape": [2, -1],
    "pad": [1, 1],
    "norm_type": 2.0,
    "normalized_shape": [4],
    "other": 3,
    "milestones": [2],
    "fold.output_size": 3,
    "schedulers": [],
    "size": 4,
    "bernoulli.p": 0.5,
    "broadcast_to.size": [2, 4, 4, 4],
    "expand.size": [2, -1, 4, -1],
    "one_hot.num_classes": 4,
    "roll.dims": 1,
    "unflatten.sizes": [2, 2],
    "view.size": [2, -1],
    "sparsity": 0.5,
    "value": 0.5,
}
"""Values where 2 won't do."""

BESIDE_REQUIRED = {
    "softmax": "dim",
    "log_softmax": "dim",
    "softmin": "dim",
    "interpolate": "size",
    "fractional_max_pool2d": "output_size",
    "fractional_max_pool3d": "output_size",
    "bernoulli": "p",
    "clamp": "min",
    "max": "dim",
    "min": "dim",
    "median": "dim",
    "prod": "dim",
    "tensor_split": "sections",
}
"""What a function needs although it has a default; of several forms, the longest."""

OTHER_FORMS = {"max.other", "min.other", "std.correction", "var.correction"}
"""What only another form takes."""


def resolve(target: str) -> Any:
    return resolve_name(target)


def of_kind(kind: Kind) -> list[Entry]:
    return [entry for name in names(kind) if (entry := find(name, kind)) is not None]


def takes_one_tensor(entry: Entry) -> bool:
    needed = [p.name for p in entry.tensors if p.default is REQUIRED and p.role == "tensor"]
    return needed in (["input"], ["tensor"])


def least_arguments(entry: Entry, *more: str | None) -> dict[str, Any]:
    found = {}
    for parameter in entry.options.values():
        if parameter.default is REQUIRED or parameter.name in more:
            value = PLAUSIBLE.get(f"{entry.name}.{parameter.name}", PLAUSIBLE.get(parameter.name, 2))
            assert accepts(parameter.type, value), (entry.name, parameter)
            found[parameter.name] = to_python(parameter.type, value)
    return found


def defaults(entry: Entry, said: dict[str, Any]) -> dict[str, Any]:
    return {
        parameter.name: to_python(parameter.type, parameter.default)
        for parameter in entry.parameters.values()
        if parameter.default is not REQUIRED and parameter.name not in said
        if parameter.default is not None or accepts(parameter.type, None)
        if f"{entry.name}.{parameter.name}" not in OTHER_FORMS
    }


@pytest.mark.parametrize(
    "entry", [e for e in of_kind("function") if takes_one_tensor(e)], ids=lambda entry: entry.name
)
def test_functions_take_their_names_and_defaults(entry: Entry) -> None:
    axes = entry.axes[0] if entry.axes else 4
    tensor = torch.linspace(-3, 3, 8 * 4 ** (axes - 2)).reshape(2, *[4] * (axes - 1))
    if axes == 3:
        tensor = tensor[:, :1].expand(2, 4, 4)
    said = least_arguments(entry, BESIDE_REQUIRED.get(entry.name))
    given = tensor.long().abs() if entry.name == "one_hot" else tensor
    function = partial(resolve(entry.target), given)
    torch.manual_seed(0)
    plain = function(**said)
    torch.manual_seed(0)
    full = function(**said, **defaults(entry, said))
    torch.testing.assert_close(full, plain, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("entry", [e for e in of_kind("init") if e.target], ids=lambda entry: entry.name)
def test_initialisers_take_their_names_and_defaults(entry: Entry) -> None:
    said = least_arguments(entry)
    initialise, shape = resolve(entry.target), (4, 4, 3) if entry.name == "dirac" else (4, 4)
    torch.manual_seed(0)
    plain = initialise(tensor=torch.empty(shape), **said)
    torch.manual_seed(0)
    assert torch.equal(initialise(tensor=torch.empty(shape), **said, **defaults(entry, said)), plain)


@pytest.mark.parametrize(
    "entry",
    [entry for entry in of_kind("scheduler") if "schedulers" not in entry.parameters],
    ids=lambda entry: entry.name,
)
def test_schedulers_take_their_names_and_defaults(entry: Entry) -> None:
    lengths = ("T_max", "total_iters", "total_steps")
    said = least_arguments(entry, *lengths)
    assert state(entry, said) == state(entry, {**said, **defaults(entry, said)})


def state(entry: Entry, arguments: dict[str, Any]) -> dict[str, str]:
    """A new scheduler's state without what is printed as an address."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], momentum=0.9)
    scheduler = resolve(entry.target)(optimizer, **arguments)
    values = {key: str(value) for key, value in scheduler.state_dict().items()}
    return {key: value for key, value in values.items() if "0x" not in value}
