"""Every function of the catalogue that takes tensors alone: a file with just that node calls torch's own."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

import pytest
import torch
from torch import Tensor

import yamlnet
from tests.network.function_cases import NO_CASE, SPECIAL
from tests.network.inputs import Case, case, document
from tests.network.laws import compiles, exports, needs_no_yamlnet, outputs, same, survives_copies
from yamlnet.catalog import types
from yamlnet.catalog.lookup import find, names


def call(name: str, chosen: Case, batch: tuple[Tensor, ...]) -> Any:
    """What a program would write: the first tensor by its place, all else by name."""
    entry = find(name, "function")
    assert entry is not None
    options = {
        key: types.to_python(entry.parameters[key].type, value) for key, value in chosen.options.items()
    }
    for key, value in options.items():
        if isinstance(value, tuple | list):
            options[key] = type(value)(len(batch[0]) if size == "batch" else size for size in value)
    function = resolve_name(entry.target)
    if name in ("cat", "stack"):
        return function(list(batch), **options)
    if name == "einsum":
        return function(options["equation"], *batch)
    free = [tensor.name for tensor in entry.tensors if tensor.name not in options]
    return function(batch[0], **dict(zip(free[1:], batch[1:], strict=False)), **options)


@pytest.mark.parametrize("name", [name for name in names("function") if name not in NO_CASE])
def test_a_function_alone(name: str) -> None:
    entry = find(name, "function")
    assert entry is not None
    chosen = case(entry, SPECIAL)
    built = yamlnet.build(document(name, chosen))
    assert not built.state_dict()
    torch.manual_seed(0)
    for size in (3, 5):
        batch = tuple(given.tensor(size) for given in chosen.inputs)
        expected = outputs(lambda *tensors: call(name, chosen, tensors), batch, training=True)
        same(outputs(built, batch, training=True), expected)


def test_the_tables_speak_of_functions() -> None:
    assert set(SPECIAL) | set(NO_CASE) <= set(names("function"))
    assert not set(SPECIAL) & set(NO_CASE)


SAMPLE = "add chunk clamp einsum expand gather max softmax split std topk unbind view where".split()


@pytest.mark.parametrize("name", SAMPLE)
def test_a_function_goes_wherever_a_module_goes(name: str) -> None:
    entry = find(name, "function")
    assert entry is not None
    chosen = case(entry, SPECIAL)
    built = yamlnet.build(document(name, chosen))
    batches = [tuple(given.tensor(size) for given in chosen.inputs) for size in (3, 5)]
    needs_no_yamlnet(built)
    survives_copies(built, batches[0])
    exports(built, batches)
    compiles(built, batches[0])
