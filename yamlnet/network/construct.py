"""A call's target and arguments -> the torch function, or the module with torch's own first weights."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from yamlnet.catalog import foreign, lookup, types
from yamlnet.catalog.entry import Call, Entry, Parameter
from yamlnet.catalog.measures import import_torchmetrics
from yamlnet.catalog.vision import import_torchvision
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Layer
from yamlnet.network.vision import is_model, with_weights, without_weights


@dataclass(frozen=True)
class Construction:
    """A class of torch and its keyword arguments; arguments that are modules are constructions too."""

    target: str
    arguments: Mapping[str, Any]


def target_of(target: str) -> Callable[..., Any]:
    """The class or function that an entry's target names.

    Raises:
        YamlnetError: it is torchvision's or torchmetrics', which isn't installed or can't be imported.
    """
    found: Callable[..., Any] = foreign.held(target) if foreign.is_target(target) else _imported(target)
    return found


@cache
def _imported(target: str) -> Callable[..., Any]:
    """What a dotted path of the catalogue names."""
    if target.startswith("torchvision."):
        import_torchvision()
    if target.startswith("torchmetrics."):
        import_torchmetrics()
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
    """What the file says of a call, as the Python values that torch wants: tuples, dtypes, tensors, classes.

    A null that stands for a default without words goes unsaid, and so does every default of a model, whose
    weights may bring others, and of what is outside the catalogue.
    """
    parameters = call.entry.parameters
    return {
        name: _python(parameters[name].type, value)
        for name, value in call.arguments.items()
        if not _goes_unsaid(call.entry, parameters[name], value)
    }


def _goes_unsaid(entry: Entry, parameter: Parameter, value: Any) -> bool:
    if value is UNKNOWN or value != parameter.default:
        return False
    if is_model(entry.target) or foreign.is_target(entry.target):
        return True
    return value is None and not types.accepts(parameter.type, None)


def _python(annotation: str, value: Any) -> Any:
    if value is None or isinstance(value, Layer):
        return value
    if isinstance(value, str) and "type" in annotation.split(" | "):
        entry = lookup.find(value, "module")
        return value if entry is None else target_of(entry.target)
    if "dtype" in annotation and isinstance(value, str):
        return getattr(torch, value)
    if "tensor" in annotation and isinstance(value, int | float | list):
        return torch.tensor(value, dtype=torch.float32)
    return types.to_python(annotation, value)


def construct(construction: Construction, downloads: bool = True) -> nn.Module:
    """The module, its parameters drawn from torch's global generator as its constructor does.

    Without `downloads`, a model of torchvision is drawn too, where weights are named.
    """
    said = {
        name: construct(value) if isinstance(value, Construction) else value
        for name, value in construction.arguments.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make = target_of(construction.target)
        if is_model(construction.target):
            module = with_weights(make, said) if downloads else without_weights(make, said)
        else:
            module = make(**said)
    assert isinstance(module, nn.Module)
    return module


MAX_STEPS = 20_000
"""Calls of torch in which a module is made: torchvision's largest model takes 11,000."""


class TooManyStepsError(Exception):
    """A module of so many parts that making it would take minutes."""


class _Unfilled(TorchFunctionMode):
    """Leaves out the drawing of first weights: `normal_` on the meta device imports dynamo, 1 to 2 s."""

    def __init__(self) -> None:
        super().__init__()
        self.num_steps = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.num_steps += 1
        if self.num_steps > MAX_STEPS:
            raise TooManyStepsError(f"making it takes more than {MAX_STEPS:,} steps of torch")
        if func.__name__ in ("normal_", "uniform_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return self.run(func, args, kwargs or {})

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Any other function."""
        return func(*args, **kwargs)


class _Sparing(_Unfilled):
    """Puts on the meta device only what would be filled with weights.

    What models compute as they are made (the widths of RegNet, the indices of Swin) keeps its values.
    """

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        return func(*args, **(kwargs if func is not torch.empty else {**kwargs, "device": "meta"}))


def empty_module(construction: Construction) -> tuple[nn.Module | None, BaseException | None]:
    """The module with shapes and no storage, or torch's reason why there can't be one.

    What is outside the catalogue may compute anything as it is made, and has its storage.

    Raises:
        YamlnetError: it is torchvision's, which isn't installed or can't be imported.
    """
    make = target_of(construction.target)
    try:
        if is_model(construction.target):
            with _Sparing(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return without_weights(make, construction.arguments), None
        if foreign.is_target(construction.target):
            return construct(construction), None
        with torch.device("meta"), _Unfilled():
            return construct(construction), None
    except (Exception, SystemExit) as error:  # whatever is raised here is a judgement of the arguments
        return None, error


def with_storage(module: nn.Module) -> nn.Module:
    """The module with uninitialised tensors in the CPU's memory where it had none.

    `Module.to_empty` does the same through `empty_like`, which for meta tensors imports sympy: 0.5 to 1 s.
    """

    def stored(tensor: Tensor) -> Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor

    module._apply(stored)  # type: ignore[no-untyped-call]
    return module


def weight_bytes(module: nn.Module) -> int:
    """The memory that a module's parameters and buffers take."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
