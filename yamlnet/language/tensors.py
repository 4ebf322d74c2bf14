"""`Parameter`, `Buffer` and lists and dicts of parameters as nodes -> the tensors that a graph holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlnet.diagnostics import Path, did_you_mean
from yamlnet.language.calls import Written, unknown_key
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.inputs import PYTHON_DTYPES, uncountable
from yamlnet.language.names import refused_parameter
from yamlnet.language.nodes import Tensor, Tensors
from yamlnet.language.places import Place, Read
from yamlnet.language.plain import kind_of, show
from yamlnet.language.reading import Reading
from yamlnet.language.vocabulary import DTYPES

KEYS = ("shape", "fill", "dtype")


def tensors(reader: Reading, written: Written, place: Place) -> Read:
    """A node that is a value, not a step."""
    if "from" in written.sides:
        path = (*written.beside, "from")
        help = "it is a value itself"
        reader.add("unknown-key", path, f"a `{written.name}` takes no value", help, at="key")
    value = place.scope.value(written.argument, written.path)
    if value is UNKNOWN:
        return Read(None, written.sides)
    if written.name in ("Parameter", "Buffer"):
        found: Mapping[str, Tensor] | None = _single(reader, value, written.path, written.name)
    else:
        found = _several(reader, value, written.path, written.name)
    if found is None:
        return Read(None, written.sides)
    node = Tensors(path=written.beside, kind=written.name, tensors=found)  # type: ignore[arg-type]
    return Read(node, written.sides, {written.name: value})


def _single(reader: Reading, value: Any, path: Path, word: str) -> dict[str, Tensor] | None:
    found = _tensor(reader, value, path, word)
    return None if found is None else {"": found}


def _several(reader: Reading, value: Any, path: Path, word: str) -> dict[str, Tensor] | None:
    expected = list if word == "ParameterList" else dict
    if not isinstance(value, expected) or not value:
        what, example = (
            ("list of shapes", "[[10, 10], [10]]")
            if expected is list
            else ("mapping of names to shapes", "{gain: [10]}")
        )
        reader.add("wrong-type", path, f"`{word}` is a {what}, not {kind_of(value)}", f"{word}: {example}")
        return None
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: dict[str, Tensor] = {}
    for key, item in items:
        why = refused_parameter(str(key)) if isinstance(value, dict) else None
        if why is not None:
            reader.add("wrong-value", (*path, key), f"a parameter can't be named `{key}`", why, at="key")
        one = _tensor(reader, item, (*path, key), word)
        if one is not None:
            found[str(key)] = one
    return found if len(found) == len(value) else None


def _tensor(reader: Reading, value: Any, path: Path, word: str) -> Tensor | None:
    """One tensor: a shape, or a mapping with `shape`, `fill` and `dtype`."""
    said = value if isinstance(value, dict) else {"shape": value}
    before = reader.num_errors
    for key in said:
        if key not in KEYS:
            reader.extend([unknown_key(key, (*path, key), KEYS, f"in `{word}`")])
    dtype = said.get("dtype", "float32")
    if dtype not in DTYPES:
        bare = str(dtype).removeprefix("torch.")
        help, suggestion = did_you_mean(PYTHON_DTYPES.get(bare, bare), DTYPES)
        message = f"unknown dtype `{dtype}`"
        reader.add("wrong-value", (*path, "dtype"), message, help, suggestion=suggestion)
    elif word != "Buffer" and not dtype.startswith(("float", "bfloat", "complex")):
        message = f"a parameter holds floating-point numbers, not {dtype}"
        reader.add("wrong-value", (*path, "dtype"), message, "`Buffer` holds whole numbers")
    fill = said.get("fill", 0)
    filled = _shape_of(fill)
    if filled is None:
        message = f"`fill` is a number or a nested list of numbers, not {kind_of(fill)}"
        reader.add("wrong-type", (*path, "fill"), message)
        return None
    place = (*path, "shape") if isinstance(value, dict) else path
    shape = list(filled) if "shape" not in said and filled else said.get("shape")
    if shape is None and reader.num_errors > before:
        return None
    if shape is None:
        reader.add("missing-key", path, f"`{word}` needs a shape", f"for example `{word}: [3, 5]`")
        return None
    if isinstance(shape, list) and UNKNOWN in shape:
        return None
    if not _is_shape(shape):
        reader.add(
            "wrong-type", place, f"a shape is a list of sizes, not {kind_of(shape)}", "for example [3, 5]"
        )
        return None
    if uncountable(shape):
        reader.add("too-large", place, f"{show(shape)} is more than can be counted")
        return None
    if filled and list(filled) != [int(size) for size in shape]:
        message = f"`fill` is {list(filled)}, and the shape is {shape}"
        reader.add("wrong-value", (*path, "fill"), message)
    if reader.num_errors > before:
        return None
    return Tensor(tuple(int(size) for size in shape), dtype, fill)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(size, int | float) and not isinstance(size, bool) and size % 1 == 0 and size >= 0
        for size in value
    )


def _shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of a number or of nested lists of numbers, None for anything else."""
    if isinstance(value, bool | int | float):
        return ()
    if not isinstance(value, list) or not value:
        return None
    shapes = {_shape_of(item) for item in value}
    inner = shapes.pop()
    return None if shapes or inner is None else (len(value), *inner)
