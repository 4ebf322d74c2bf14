"""The installed torch in; the catalogue's entries out, and as a program `torch.json` from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamlnet.catalog import functions, overrides, records
from yamlnet.catalog.axes import axes
from yamlnet.catalog.docstrings import summary
from yamlnet.catalog.entry import REQUIRED, Entry, Kind, Parameter
from yamlnet.catalog.parameters import argument, matches, option, visible
from yamlnet.catalog.stubs import Declared, read

if TYPE_CHECKING:
    from torch.nn import Module


def entries() -> list[Entry]:
    """Every entry that comes from torch, by kind and name."""
    found = [*_modules(), *_functions(), *_optimizers(), *_schedulers(), *_initialisers()]
    return sorted(found, key=lambda entry: (entry.kind, entry.name))


def main() -> None:
    """Write `torch.json` anew."""
    import torch

    text = records.dump(entries(), records.release(torch.__version__))
    records.FILE.write_text(text, encoding="utf-8")


def _modules() -> Iterator[Entry]:
    from torch import nn
    from torch.nn.modules import loss

    for name, module in _classes(nn, nn.Module, overrides.NOT_MODULES):
        target = f"torch.nn.{name}"
        inputs = _inputs(module, target)
        if module.__module__ == loss.__name__:
            yield _class("loss", name, target, module, inputs)
        else:
            yield replace(_class("module", name, target, module), inputs=tuple(inputs))


def _functions() -> Iterator[Entry]:
    import torch
    from torch.nn import functional

    stubs = read(Path(torch.__file__).parent)
    for name in dir(functional):
        function = getattr(functional, name)
        if _is_public_function(function, name) and not matches(name, functions.NOT_FUNCTIONAL):
            target = f"torch.nn.functional.{name}"
            yield _function(name, target, stubs.functional_parameters(name), function)
    for name in functions.TORCH:
        function = getattr(torch, name)
        declared = stubs.compiled_parameters(name) if name in stubs.compiled else _in_python(name, function)
        yield _function(name, f"torch.{name}", declared, function)
    for name in functions.TENSOR:
        method = getattr(torch.Tensor, name)
        yield _function(name, f"torch.Tensor.{name}", stubs.method_parameters(name), method)


def _in_python(name: str, function: Callable[..., Any]) -> Iterable[Declared]:
    """The parameters of a function that is written in Python."""
    if name in functions.SIGNATURES:
        return [Declared(*parameter) for parameter in functions.SIGNATURES[name]]
    return _declared(inspect.signature(function))


def _optimizers() -> Iterator[Entry]:
    from torch import optim

    for name, optimizer in _classes(optim, optim.Optimizer, overrides.NOT_OPTIMIZERS):
        yield _class("optimizer", name, f"torch.optim.{name}", optimizer)


def _schedulers() -> Iterator[Entry]:
    from torch.optim import lr_scheduler

    for name, scheduler in _classes(lr_scheduler, lr_scheduler.LRScheduler, overrides.NOT_SCHEDULERS):
        yield _class("scheduler", name, f"torch.optim.lr_scheduler.{name}", scheduler)


def _initialisers() -> Iterator[Entry]:
    from torch.nn import init

    for name in dir(init):
        if name.endswith("_") and not name.startswith("_"):
            function = getattr(init, name)
            declared = _declared(inspect.signature(function))
            yield _function(name[:-1], f"torch.nn.init.{name}", declared, function, kind="init")


def _classes(namespace: Any, base: type, left_out: Iterable[str]) -> Iterator[tuple[str, type]]:
    for name in dir(namespace):
        value = getattr(namespace, name)
        if isinstance(value, type) and issubclass(value, base) and not matches(name, left_out):
            yield name, value


def _is_public_function(value: object, name: str) -> bool:
    in_torch = str(getattr(value, "__module__", "")).split(".")[0] == "torch"
    return callable(value) and not isinstance(value, type) and in_torch and name.strip("_") == name


def _constructor(cls: type) -> tuple[Declared, ...]:
    """The parameters of a class, from the class that really declares them."""
    if cls.__name__ not in overrides.SIGNATURES:
        return _declared(inspect.signature(cls))
    from torch import nn

    source, refused, added = overrides.SIGNATURES[cls.__name__]
    declared = [p for p in _declared(inspect.signature(getattr(nn, source))) if p.name not in refused]
    for name, after, default in added:
        place = [parameter.name for parameter in declared].index(after) + 1
        declared.insert(place, Declared(name, "str", default))
    return tuple(declared)


def _inputs(module: type[Module], target: str) -> list[Parameter]:
    """The tensors that the forward takes."""
    return [
        records.input_of(
            overrides.first(overrides.INPUT_NAMES, f"{target}.{declared.name}") or declared.name,
            required=declared.default is REQUIRED,
        )
        for declared in _declared(inspect.signature(module.forward))[1:]
        if declared.annotation is None or "Tensor" in declared.annotation
    ]


def _declared(signature: inspect.Signature) -> tuple[Declared, ...]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(
        Declared(
            name=parameter.name,
            annotation=_annotation(parameter),
            default=REQUIRED if parameter.default is parameter.empty else parameter.default,
            keyword_only=parameter.kind is parameter.KEYWORD_ONLY,
        )
        for parameter in signature.parameters.values()
        if parameter.kind not in variadic
    )


def _annotation(parameter: inspect.Parameter) -> str | None:
    if parameter.annotation is not parameter.empty:
        return inspect.formatannotation(parameter.annotation)
    plain = isinstance(parameter.default, (bool, int, float, str))
    return type(parameter.default).__name__ if plain else None


def _function(
    name: str, target: str, declared: Iterable[Declared], function: object, kind: Kind = "function"
) -> Entry:
    parameters = [argument(target, parameter) for parameter in visible(target, declared)]
    return _entry(kind, name, target, parameters, function)


def _class(kind: Kind, name: str, target: str, cls: type, inputs: Iterable[Parameter] = ()) -> Entry:
    parameters = [option(target, parameter) for parameter in visible(target, _constructor(cls))]
    return _entry(kind, name, target, [*inputs, *parameters], cls)


def _entry(kind: Kind, name: str, target: str, parameters: list[Parameter], documented: object) -> Entry:
    by_name = {parameter.name: parameter for parameter in parameters}
    if len(by_name) != len(parameters):
        raise ValueError(f"{target} has two parameters of one name")
    text = overrides.first(overrides.SUMMARIES, target) or summary(documented.__doc__)
    return Entry(name, kind, target, by_name, text, axes(name))


if __name__ == "__main__":
    main()
