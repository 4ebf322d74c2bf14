"""Every name that isn't refused works: as a module, as a value, as an input."""

from __future__ import annotations

import builtins
import copy
import io
import keyword
import random
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import yamlnet
from yamlnet.language.names import GENERATED, TAKEN, refused, refused_input

HOLDERS = (nn.Module(), fx.symbolic_trace(nn.Identity()), nn.Sequential(), nn.ModuleDict())
ODD = """
    é 名 _ _0 _x x x_1 input_1 add_1 size getitem weight bias mod obj cls args kwargs result device
    inf nan torch
"""
USED = {"flatten", "cat"}
NAMES = sorted(
    {*dir(builtins), *dir(torch), *dir(Tensor), *dir(nn.functional), *keyword.softkwlist, *ODD.split()} - USED
)
CHOSEN = sorted({*random.Random(0).sample(NAMES, 240), *dir(builtins), *ODD.split()} - USED)


def groups(refuse: Any) -> list[list[str]]:
    fine = [name for name in CHOSEN if refuse(name) is None]
    return [fine[start : start + 45] for start in range(0, len(fine), 45)]


def works(document: dict[str, Any], *inputs: Tensor) -> Tensor:
    """What the network gives, which its copies give too."""
    model = yamlnet.build(document)
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    expected: Tensor = model(*inputs)
    for copied in (torch.load(stream, weights_only=False), copy.deepcopy(model)):
        assert torch.equal(copied(*inputs), expected)
    return expected


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_what_modules_use_is_refused(holder: nn.Module) -> None:
    assert not [name for name in dir(holder) if name.isidentifier() and refused(name) is None]


def test_what_is_refused_is_used() -> None:
    assert not [name for name in TAKEN if not any(hasattr(holder, name) for holder in HOLDERS)]


@pytest.mark.parametrize(
    "name", ["class", "1a", "x-y", "", "a.b", "self", "input", "__x", "e\u0301", "ﬁ", "µ"]
)
def test_names_that_python_or_the_language_cannot_take(name: str) -> None:
    assert refused(name)
    (found, *_) = yamlnet.check({"model": {"input": [4], "ModuleDict": {name: "ReLU"}}})
    assert (found.code, found.severity) == ("wrong-value", "error")


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_an_input_hides_nothing_that_the_code_needs(name: str) -> None:
    assert refused(name) is None
    assert refused_input(name)
    assert yamlnet.check({"model": {"inputs": {name: [4]}, "ModuleDict": {"a": "ReLU"}}})


@pytest.mark.parametrize("names", groups(refused), ids=lambda names: names[0])
def test_a_module_of_any_name(names: list[str]) -> None:
    last = {"cat": {"dim": 1}, "from": [names[-1], "input"]}
    layers = {name: {"Linear": 4} for name in names}
    x = torch.rand(2, 4)
    model: dict[str, Any] = {"input": [4], "ModuleDict": {**layers, "the_end": last}}
    assert works({"model": model}, x).shape == (2, 8)
    chain = {**layers, "the_end": {"flatten": {"start_dim": 1}}}
    assert works({"model": {"input": [4], "Sequential": chain}}, x).shape == (2, 4)


@pytest.mark.parametrize("names", groups(refused), ids=lambda names: names[0])
def test_a_value_of_any_name(names: list[str]) -> None:
    steps = {name: {"flatten": {"start_dim": 1}, "from": "input"} for name in names}
    nodes = {**steps, "the_end": {"cat": {"dim": 1}, "from": names}}
    x = torch.rand(2, 4)
    assert torch.equal(
        works({"model": {"input": [4], "ModuleDict": nodes}}, x), torch.cat([x] * len(names), dim=1)
    )
    forward: list[Any] = [{"flatten": {"start_dim": 1}, "name": name} for name in names]
    forward += ["the_fc", {"cat": {"dim": 1}, "from": [*names, "the_fc"]}]
    declared = {"the_fc": {"Linear": 2}}
    model = {"input": [4], "ModuleDict": declared, "forward": forward}
    assert works({"model": model}, x).shape == (2, 4 * len(names) + 2)


@pytest.mark.parametrize("names", groups(refused_input), ids=lambda names: names[0])
def test_an_input_of_any_name(names: list[str]) -> None:
    nodes = {
        "the_fc": {"Sequential": [{"Linear": 4}, "relu"], "from": names[-1]},
        "flat": {"reshape": ["batch", -1], "from": names[0]},
        "the_end": {"cat": {"dim": 1}, "from": [*names, "flat", "the_fc"]},
    }
    values = torch.rand(len(names), 2, 4)
    model: dict[str, Any] = {"inputs": {name: [4] for name in names}, "ModuleDict": nodes}
    assert works({"model": model}, *values).shape == (2, 4 * len(names) + 8)
    inner = {"inputs": names, "from": dict.fromkeys(names, "input"), "ModuleDict": nodes}
    model = {"input": [4], "ModuleDict": {"the_block": inner}}
    assert works({"model": model}, values[0]).shape == (2, 4 * len(names) + 8)
