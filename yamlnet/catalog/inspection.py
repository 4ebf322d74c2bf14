"""A class or function of torch or torchvision in; the catalogue's entry for it out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from yamlnet.catalog import overrides, records
from yamlnet.catalog.axes import axes
from yamlnet.catalog.docstrings import summary
from yamlnet.catalog.entry import REQUIRED, Entry, Kind, Parameter
from yamlnet.catalog.parameters import argument, matches, option, visible
from yamlnet.catalog.stubs import Declared


def classes_of(namespace: Any, base: type, left_out: Iterable[str]) -> Iterator[tuple[str, type]]:
    """The classes of a namespace below `base`, but for those whose names match a pattern."""
    for name in dir(namespace):
        value = getattr(namespace, name)
        if isinstance(value, type) and issubclass(value, base) and not matches(name, left_out):
            yield name, value


def class_entry(kind: Kind, name: str, target: str, cls: type, inputs: Iterable[Parameter] = ()) -> Entry:
    """The entry of a class; `inputs` come before its constructor's parameters."""
    parameters = [option(target, parameter) for parameter in visible(target, _constructor(cls))]
    return _entry(kind, name, target, [*inputs, *parameters], cls)


def builder_entry(
    name: str, target: str, builder: object, declared: Iterable[Declared], inputs: tuple[Parameter, ...]
) -> Entry:
    """The entry of a function that builds a module."""
    parameters = [option(target, parameter) for parameter in visible(target, declared)]
    return replace(_entry("module", name, target, parameters, builder), inputs=inputs)


def function_entry(
    name: str, target: str, declared: Iterable[Declared], function: object, kind: Kind = "function"
) -> Entry:
    """The entry of a function that takes these parameters."""
    parameters = [argument(target, parameter) for parameter in visible(target, declared)]
    return _entry(kind, name, target, parameters, function)


def inputs_of(module: Any, target: str) -> tuple[Parameter, ...]:
    """The tensors that a module's forward takes."""
    return tuple(
        records.input_of(
            overrides.first(overrides.INPUT_NAMES, f"{target}.{parameter.name}") or parameter.name,
            required=parameter.default is REQUIRED,
        )
        for parameter in parameters_of(inspect.signature(module.forward))[1:]
        if parameter.annotation is None or "Tensor" in parameter.annotation
    )


def parameters_of(signature: inspect.Signature) -> tuple[Declared, ...]:
    """The parameters that a signature names."""
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


def _constructor(cls: type) -> tuple[Declared, ...]:
    """The parameters of a class, from the class that really declares them."""
    if cls.__name__ not in overrides.SIGNATURES:
        return parameters_of(inspect.signature(cls))
    from torch import nn

    source, refused, added = overrides.SIGNATURES[cls.__name__]
    found = [p for p in parameters_of(inspect.signature(getattr(nn, source))) if p.name not in refused]
    for name, after, default in added:
        place = [parameter.name for parameter in found].index(after) + 1
        found.insert(place, Declared(name, "str", default))
    return tuple(found)


def _annotation(parameter: inspect.Parameter) -> str | None:
    if parameter.annotation is not parameter.empty:
        return inspect.formatannotation(parameter.annotation)
    plain = isinstance(parameter.default, (bool, int, float, str))
    return type(parameter.default).__name__ if plain else None


def _entry(kind: Kind, name: str, target: str, parameters: list[Parameter], documented: object) -> Entry:
    by_name = {parameter.name: parameter for parameter in parameters}
    if len(by_name) != len(parameters):
        raise ValueError(f"{target} has two parameters of one name")
    text = overrides.first(overrides.SUMMARIES, target) or summary(documented.__doc__)
    return Entry(name, kind, target, by_name, text, axes(name))
