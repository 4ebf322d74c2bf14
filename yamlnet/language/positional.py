"""Arguments by place, as Python and lists have them -> the same by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yamlnet.catalog.entry import Entry, Parameter
from yamlnet.language.values import check_value


def by_name(
    entry: Entry, given: Sequence[Any], named: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The arguments in PyTorch's order, and those of them that are sizes which are inferred anyway.

    Where PyTorch's order lacks something, that of need holds: what is inferred has no place in it. None where
    they fit neither.
    """
    options = [parameter for parameter in entry.options.values() if not parameter.keyword_only]
    uninferred = [parameter for parameter in options if parameter.inferred is None]
    needed = sorted(uninferred, key=lambda parameter: not parameter.required)
    said = _in_order(entry, options, given, named)
    if said is None:
        said = _in_order(entry, needed, given, named)
    if said is None or _is_kernel_forgotten(said):
        return None
    sizes = {name: said[name] for name in said if _follows(entry.options[name])}
    rest = {name: said[name] for name in said if name not in sizes}
    return (rest, sizes) if rest else (said, {})


def _in_order(
    entry: Entry, order: Iterable[Parameter], given: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The arguments by name; None where one doesn't fit, or one is missing."""
    placed = {parameter.name: value for parameter, value in zip(order, given, strict=False)}
    said = {**placed, **named}
    if len(placed) < len(given) or len(said) < len(placed) + len(named):
        return None
    if any(name not in entry.options for name in said):
        return None
    if any(_misfits(entry, entry.options[name], value) for name, value in said.items()):
        return None
    missing = {name for name, p in entry.options.items() if p.required and p.role == "option"} - said.keys()
    if missing == {"batch_first"}:  # Python's default, which has to be said here, would mix the samples
        return {**said, "batch_first": True}
    return None if missing else said


def _misfits(entry: Entry, parameter: Parameter, value: Any) -> bool:
    """Whether a parameter can't be meant: a tensor isn't written as one number."""
    is_number = isinstance(value, int | float) and "tensor" in parameter.type
    return is_number or bool(check_value(value, parameter, (), entry.name))


def _is_kernel_forgotten(said: Mapping[str, Any]) -> bool:
    """Whether two numbers are rather the channels before and after than channels and a kernel."""
    channels, kernel = said.get("out_channels"), said.get("kernel_size")
    alone = said.keys() == {"out_channels", "kernel_size"}
    return alone and isinstance(channels, int) and isinstance(kernel, int) and kernel >= channels


def _follows(parameter: Parameter) -> bool:
    """Whether a size is always that of what arrives; a number of categories may be said, and axes chosen."""
    rule = parameter.inferred
    return rule is not None and rule.axis is not None and rule.form == "int"
