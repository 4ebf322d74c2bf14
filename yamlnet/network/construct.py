"""A call's target and arguments -> the torch function, or the module with torch's own first weights."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from yamlnet.catalog import types
from yamlnet.catalog.entry import Call
from yamlnet.language.nodes import Layer


@dataclass(frozen=True)
class Construction:
    """A class of torch and its keyword arguments; arguments that are modules are constructions too."""

    target: str
    arguments: Mapping[str, Any]


@cache
def target_of(target: str) -> Callable[..., Any]:
    """The class or function that a dotted path of the catalogue names."""
    module, _, name = target.rpartition(".")
    while True:
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, first = module.rpartition(".")
            name = f"{first}.{name}"
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def arguments(call: Call) -> dict[str, Any]:
    """What the file says of a call, as Python values: tuples, dtypes and tensors where torch wants them."""
    return {name: _python(call.entry.parameters[name].type, value) for name, value in call.arguments.items()}


def _python(annotation: str, value: Any) -> Any:
    if value is None or isinstance(value, Layer):
        return value
    if "dtype" in annotation and isinstance(value, str):
        return getattr(torch, value)
    if "tensor" in annotation and isinstance(value, int | float | list):
        return torch.tensor(value, dtype=torch.float32)
    return types.to_python(annotation, value)


def construct(construction: Construction) -> nn.Module:
    """The module, its parameters drawn from torch's global generator as its constructor does."""
    said = {
        name: construct(value) if isinstance(value, Construction) else value
        for name, value in construction.arguments.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = target_of(construction.target)(**said)
    assert isinstance(module, nn.Module)
    return module


class _Unfilled(TorchFunctionMode):
    """Leaves out the drawing of first weights: `normal_` on the meta device imports dynamo, 1 to 2 s."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func.__name__ in ("normal_", "uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def empty_module(construction: Construction) -> tuple[nn.Module | None, Exception | None]:
    """The module with shapes and no storage, or torch's reason why there can't be one."""
    try:
        with torch.device("meta"), _Unfilled():
            return construct(construction), None
    except Exception as error:  # whatever torch raises here is its judgement of the arguments
        return None, error


def with_storage(module: nn.Module) -> nn.Module:
    """The module with uninitialised tensors in the CPU's memory.

    `Module.to_empty` does the same through `empty_like`, which for meta tensors imports sympy: 0.5 to 1 s.
    """
    module._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype))  # type: ignore[no-untyped-call]
    return module


def weight_bytes(module: nn.Module) -> int:
    """The memory that a module's parameters and buffers take."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
