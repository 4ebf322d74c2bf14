"""A parameter as torch declares it in; the catalogue's `Parameter`, with what the tables know, out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from yamlnet.catalog import overrides
from yamlnet.catalog.annotations import join, role_of, type_of, with_axes
from yamlnet.catalog.axes import num_spatial
from yamlnet.catalog.bounds import ANY, BOUNDS
from yamlnet.catalog.entry import REQUIRED, Parameter
from yamlnet.catalog.stubs import UNREADABLE, Declared


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns matches."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def visible(target: str, declared: Iterable[Declared]) -> list[Declared]:
    """The parameters that a file may know."""
    return [
        parameter for parameter in declared if not matches(f"{target}.{parameter.name}", overrides.HIDDEN)
    ]


def option(target: str, declared: Declared) -> Parameter:
    """A parameter of a class: something that the file writes, or that yamlnet infers or supplies."""
    key = f"{target}.{declared.name}"
    default = _default(key, declared)
    inferred = overrides.first(overrides.INFERRED, key)
    if inferred is not None and inferred.only_if_different is None:
        default = REQUIRED
    return Parameter(
        name=declared.name,
        type=_type(key, declared, default),
        default=default,
        inferred=inferred,
        supplied=matches(key, overrides.SUPPLIED),
        keyword_only=declared.keyword_only or matches(key, overrides.KEYWORD_ONLY),
        **vars(overrides.first(BOUNDS, key) or ANY),
    )


def argument(target: str, declared: Declared) -> Parameter:
    """A parameter of a function: an option, or a tensor that `from` brings."""
    parameter = option(target, declared)
    role = role_of(declared.annotation) if declared.annotation else "option"
    if declared.name == "input" or role == "tensor":
        none = " | none" if parameter.default is None else ""
        return replace(parameter, type=f"tensor{none}", role="tensor")
    return replace(parameter, role=role)


def _type(key: str, declared: Declared, default: Any) -> str:
    expression = overrides.first(overrides.TYPES, key) or type_of(declared.annotation or "Any")
    if choices := overrides.first(overrides.CHOICES, key):
        expression = join([choices if option == "str" else option for option in expression.split(" | ")])
    count = num_spatial(key.split(".")[-2])
    return expression if count is None or default == [] else with_axes(expression, count)


def _default(key: str, declared: Declared) -> Any:
    """The default as YAML would write it."""
    for pattern, default in overrides.DEFAULTS.items():
        if fnmatchcase(key, pattern):
            return default
    match declared.default:
        case tuple(items):
            return list(items)
        case None | bool() | int() | float() | str():
            return declared.default
        case default if default is REQUIRED:
            return REQUIRED
        case default if default is UNREADABLE:
            return None
    return re.sub(r"^torch\.", "", getattr(declared.default, "__name__", str(declared.default)))
