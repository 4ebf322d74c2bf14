"""`input` and `inputs` of the model, or the data's fields -> the model's inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from yamlnet.catalog.facts import Facts, Field
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.calls import unknown_key
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import refused_beside, refused_input
from yamlnet.language.nodes import Input, Model
from yamlnet.language.plain import kind_of, show
from yamlnet.language.vocabulary import DTYPES

PYTHON_DTYPES = {"int": "int64", "long": "int64", "float": "float32", "double": "float64", "half": "float16"}
"""What other names for a dtype most likely mean."""


MAX_AXES, MAX_NUMBERS = 64, 2**58
"""Of a tensor in torch; 16 bytes a number at most."""

INPUT_KEYS = ("shape", "dtype", "num_categories")

UNREAD = Facts({}, ())
"""Stands for the facts of data that must be read to be known."""


def input_fields(model: Model, facts: Facts) -> tuple[str, ...]:
    """The fields of a batch that a model takes, in order.

    Named inputs are fields; a single one takes `image`, else the only field that is no target.
    """
    names = tuple(given.name for given in model.inputs)
    return (candidates(facts)[0],) if names == ("input",) else names


def with_inputs(facts: Facts, model: Model) -> Facts:
    """The facts, where a field whose shape only the data tell has that of the model's input."""
    declared = dict(zip(input_fields(model, facts), model.inputs, strict=True))
    fields = {
        name: replace(field, shape=declared[name].shape)
        if field.shape is None and name in declared
        else field
        for name, field in facts.fields.items()
    }
    return replace(facts, fields=fields)


def candidates(facts: Facts) -> list[str]:
    """The fields that a single input may be: `image`, else all that are no target."""
    fields = [name for name in facts.fields if name not in facts.targets]
    return ["image"] if "image" in fields else fields


def _data_input(facts: Facts, path: Path) -> tuple[tuple[Input, ...] | None, list[Mistake]]:
    """What a model takes that declares no input."""
    if facts is UNREAD:
        return (Input("input", None, "float32", ("data",)),), []
    names = candidates(facts)
    if len(names) == 1:
        chosen = facts.fields[names[0]]
        num_categories = _num_categories(chosen, facts)
        return (Input("input", chosen.shape, chosen.dtype, ("data",), num_categories),), []
    if not names:
        message, help = "all fields of the data are targets: there is none left for the model", None
    else:
        listed = ", ".join(f"`{name}`" for name in names)
        message = f"`model` needs `inputs`: the data has several fields, {listed}"
        help = f"for example `inputs: [{', '.join(names)}]`"
    return None, [Mistake("missing-key", path, message, help, at="key")]


def _num_categories(field: Field, facts: Facts) -> Any:
    """Of a field of a table that isn't read yet UNKNOWN: integers are categories there."""
    waits = facts.train is None and field.num_categories is None and field.dtype == "int64"
    return UNKNOWN if waits else field.num_categories


def read_inputs(
    value: Mapping[str, Any], path: Path, data: Facts | None
) -> tuple[tuple[Input, ...] | None, list[Mistake]]:
    """The inputs that the model declares; the data's where it declares none."""
    if "input" in value and "inputs" in value:
        message = "`model` takes either `input` or `inputs`"
        return None, [Mistake("wrong-value", (*path, "inputs"), message, at="key")]
    if "input" in value:
        found, mistakes = _input("input", value["input"], (*path, "input"))
        return None if found is None else (found,), mistakes
    if "inputs" in value:
        if isinstance(value["inputs"], list) and data is not None:
            return _fields(value["inputs"], (*path, "inputs"), data)
        return _several(value["inputs"], (*path, "inputs"))
    if data is None:
        message = "`model` needs `input`: there is no `data` to take the shape from"
        return None, [
            Mistake(
                "missing-key", path, message, "for example `input: [1, 28, 28]`, the batch left out", at="key"
            )
        ]
    return _data_input(data, path)


def _fields(given: list[Any], path: Path, data: Facts) -> tuple[tuple[Input, ...] | None, list[Mistake]]:
    """Inputs that are named alone: shapes and dtypes are the data's."""
    found: list[Input] = []
    mistakes: list[Mistake] = []
    for position, name in enumerate(given):
        place = (*path, position)
        if name is UNKNOWN:
            continue
        why = refused_input(name) if isinstance(name, str) else f"it is {kind_of(name)}"
        if why is not None:
            mistakes.append(Mistake("wrong-value", place, f"an input can't be named `{name}`", why))
        elif data is UNREAD:
            found.append(Input(name, None, "float32", place))
        elif name not in data.fields:
            help, suggestion = did_you_mean(name, data.fields)
            message = f"a batch of the data has no field `{name}`"
            mistakes.append(Mistake("unknown-reference", place, message, help, suggestion))
            found.append(Input(name, None, "float32", place))
        else:
            field = data.fields[name]
            found.append(Input(name, field.shape, field.dtype, place, _num_categories(field, data)))
    if not given:
        mistakes.append(Mistake("missing-key", path, "`inputs` names no field", at="key"))
    return tuple(found) or None, mistakes


def _several(given: Any, path: Path) -> tuple[tuple[Input, ...] | None, list[Mistake]]:
    if not isinstance(given, dict) or not given:
        message = f"`inputs` is a mapping of names to shapes, not {kind_of(given)}"
        return None, [Mistake("wrong-type", path, message, "inputs: {left: [1, 28, 28], right: [1, 28, 28]}")]
    found: list[Input | None] = []
    mistakes: list[Mistake] = []
    for name, item in given.items():
        why = refused_input(name) or refused_beside(name, given)
        if why is not None:
            mistakes.append(
                Mistake("wrong-value", (*path, name), f"an input can't be named `{name}`", why, at="key")
            )
        one, wrong = _input(name, item, (*path, name))
        found.append(one)
        mistakes += wrong
    complete = tuple(one for one in found if one is not None)
    return (complete if len(complete) == len(found) else None), mistakes


def _input(name: str, given: Any, path: Path) -> tuple[Input | None, list[Mistake]]:
    if not isinstance(given, dict):
        return _shaped(name, given, "float32", path, path)
    mistakes = [
        unknown_key(key, (*path, key), INPUT_KEYS, f"in `{name}`") for key in given if key not in INPUT_KEYS
    ]
    dtype = given.get("dtype", "float32")
    if dtype is not UNKNOWN and dtype not in DTYPES:
        bare = str(dtype).removeprefix("torch.")
        advice, suggestion = did_you_mean(PYTHON_DTYPES.get(bare, bare), DTYPES)
        mistakes.append(
            Mistake("wrong-value", (*path, "dtype"), f"unknown dtype `{dtype}`", advice, suggestion)
        )
    if "shape" not in given:
        mistakes.append(Mistake("missing-key", path, f"`{name}` needs `shape`", at="key"))
        return None, mistakes
    found, wrong = _shaped(name, given["shape"], str(dtype), (*path, "shape"), path)
    num_categories = given.get("num_categories")
    if num_categories is not UNKNOWN and not _is_count(num_categories):
        message = f"`num_categories` is a whole number of at least 1, not {kind_of(num_categories)}"
        mistakes.append(Mistake("wrong-value", (*path, "num_categories"), message))
    if found is None or mistakes:
        return None, mistakes + wrong
    return replace(found, num_categories=num_categories), wrong


def _is_count(value: Any) -> bool:
    """Whether it counts something, or isn't said."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1)


def _shaped(name: str, shape: Any, dtype: str, place: Path, path: Path) -> tuple[Input | None, list[Mistake]]:
    if shape is UNKNOWN or (isinstance(shape, list) and any(size is UNKNOWN for size in shape)):
        return Input(name, None, dtype, path), []
    if isinstance(shape, int) and not isinstance(shape, bool):
        message = f"a shape is a list of sizes, not `{shape}`"
        help = f"`[{shape}]` is a vector of {shape}, the batch left out"
        return None, [Mistake("wrong-type", place, message, help, f"[{shape}]")]
    if not isinstance(shape, list):
        message = f"a shape is a list of sizes, not {kind_of(shape)}"
        meant = [int(size) for size in re.findall(r"\d{1,18}", shape)] if isinstance(shape, str) else []
        help = f"write `{meant}`" if meant else "for example [1, 28, 28], the batch left out"
        return None, [Mistake("wrong-type", place, message, help, str(meant) if meant else None)]
    for position, size in enumerate(shape):
        advice = f"the batch is left out: `{show(shape[1:])}`" if position == 0 and len(shape) > 1 else None
        if isinstance(size, bool) or not isinstance(size, int | float) or size % 1 != 0:
            message = f"a size is a whole number, not {kind_of(size)}"
            advice = advice if size in (None, "batch", "N", "B", "None") else None
            return None, [Mistake("wrong-type", (*place, position), message, advice)]
        if size < 1:
            message = f"a size is at least 1, not {size}"
            return None, [Mistake("wrong-value", (*place, position), message, advice if size == -1 else None)]
    if uncountable(shape):
        return None, [Mistake("too-large", place, f"a sample of {show(shape)} is more than can be counted")]
    return Input(name, tuple(int(size) for size in shape), dtype, path), []


def uncountable(shape: Sequence[int]) -> bool:
    """Whether torch can't count the numbers, or the axes, of a tensor of this shape in a batch."""
    return len(shape) >= MAX_AXES or prod(map(int, shape)) > MAX_NUMBERS
