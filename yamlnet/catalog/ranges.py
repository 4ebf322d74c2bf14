"""A parameter and a value of its type in; whether its numbers lie within the parameter's bounds out."""

from __future__ import annotations

from yamlnet.catalog.entry import Parameter


def within(parameter: Parameter, value: object) -> bool:
    """Whether every number of the value is in bounds; what isn't a number has none to keep to."""
    if isinstance(value, (list, tuple)):
        return all(within(parameter, item) for item in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return (
        (parameter.minimum is None or value >= parameter.minimum)
        and (parameter.exclusive_minimum is None or value > parameter.exclusive_minimum)
        and (parameter.maximum is None or value <= parameter.maximum)
        and (parameter.exclusive_maximum is None or value < parameter.exclusive_maximum)
    )


def bounded(parameter: Parameter) -> bool:
    """Whether there are bounds."""
    return bool(describe_bounds(parameter))


def describe_bounds(parameter: Parameter) -> str:
    """The bounds in a user's words, such as `at least 0 and below 1`; empty where there are none."""
    bounds = (
        ("at least", parameter.minimum),
        ("above", parameter.exclusive_minimum),
        ("at most", parameter.maximum),
        ("below", parameter.exclusive_maximum),
    )
    return " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)
