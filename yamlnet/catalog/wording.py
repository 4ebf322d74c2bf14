"""A parameter of the catalogue in; its type, bounds and origin in a user's words out."""

from __future__ import annotations

from yamlnet.catalog import types
from yamlnet.catalog.entry import Entry, Inferred, Parameter
from yamlnet.catalog.ranges import describe_bounds


def words(entry: Entry, parameter: Parameter) -> str:
    """Type, bounds and origin: `an integer, at least 1, inferred from axis 1 of the input`."""
    found = [types.describe(parameter.type), describe_bounds(parameter)]
    if parameter.inferred is not None:
        found.append(inferred(entry, parameter.inferred))
    if parameter.role == "either":
        found.append("or a tensor that `from` brings")
    return ", ".join(word for word in found if word)


def inferred(entry: Entry, rule: Inferred) -> str:
    """Where an unsaid size comes from."""
    names = [tensor.name for tensor in entry.tensors if tensor.default is not None]
    whose = f"`{names[rule.input]}`" if rule.input < len(names) and len(names) > 1 else "the input"
    if rule.axis is None:
        return f"inferred from the categories of {whose}"
    axis = f"axis {rule.axis}" if rule.axis >= 0 else "the last axis"
    unless = f" where it isn't `{rule.only_if_different}`" if rule.only_if_different else ""
    return f"inferred from {axis} of {whose}{unless}"
