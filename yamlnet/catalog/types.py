"""A parameter's type expression in; whether a value fits it, its words, and the Python value out.

An expression is written like a Python annotation: `int | tuple[int, int]`, `list[float]`, `none`, and
quoted choices such as `'mean' | 'sum'`. Beside `int float bool str any` its names are `dtype` (a name such
as `float32`), `tensor` (a number or nested list of numbers), `module` (a node), `scheduler` and
`transform` (calls), `names` (a mapping of texts to texts), and `function` and `type` (the bare name of one).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeGuard

DTYPES = frozenset(
    {
        "bool",
        *("uint8", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64"),
        *("complex64", "complex128"),
    }
)


@dataclass(frozen=True)
class Named:
    """One of the names in `_JUDGES`."""

    name: str


@dataclass(frozen=True)
class Choice:
    """One text of an enumeration."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list in the file: each element by its own type, or any number of one type where `length` is None."""

    elements: tuple[Union, ...]
    length: int | None
    python: type[list[Any]] | type[tuple[Any, ...]]


@dataclass(frozen=True)
class Union:
    """Any one of the options."""

    options: tuple[Named | Choice | Items, ...]


@cache
def parse(expression: str) -> Union:
    """The expression's tree; a `ValueError` where it isn't one."""
    return _union(ast.parse(expression, mode="eval").body)


def accepts(expression: str, value: object) -> bool:
    """Whether a value of the file is of this type: `true` is no integer, `'3'` no number, 1e3 an integer."""
    return _fits(parse(expression), value)


def to_python(expression: str, value: Any) -> Any:
    """An accepted value as PyTorch takes it: tuples where the type has them, whole floats as integers."""
    return _convert(parse(expression), value)


def choices(expression: str) -> tuple[str, ...]:
    """The texts that the type lists, in its order."""
    return _choices(parse(expression))


def misfit(expression: str, value: object) -> tuple[int, str, tuple[str, ...]] | None:
    """The one element for which a list isn't of the type: its position, what it should be, its choices."""
    if not isinstance(value, list):
        return None
    for option in parse(expression).options:
        if isinstance(option, Items) and option.length in (None, len(value)):
            each = option.elements * len(value) if option.length is None else option.elements
            wrong = [i for i, item in enumerate(value) if not _fits(each[i], item)]
            if len(wrong) == 1:
                wanted = each[wrong[0]]
                return wrong[0], _describe(wanted), _choices(wanted)
    return None


def describe(expression: str) -> str:
    """The type in a user's words: `an integer or a list of 2 integers`."""
    return _describe(parse(expression))


def _union(tree: ast.expr) -> Union:
    match tree:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union((*_union(left).options, *_union(right).options))
        case ast.Constant(value=str(text)):
            return Union((Choice(text),))
        case ast.Name(id=name) if name in _JUDGES:
            return Union((Named(name),))
        case ast.Subscript(value=ast.Name(id="list"), slice=element):
            return Union((Items((_union(element),), None, list),))
        case ast.Subscript(value=ast.Name(id="tuple"), slice=elements):
            return Union((_tuple(elements),))
    raise ValueError(f"not a type expression: {ast.unparse(tree)}")


def _tuple(tree: ast.expr) -> Items:
    elements = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    if isinstance(elements[-1], ast.Constant) and elements[-1].value is ...:
        return Items((_union(elements[0]),), None, tuple)
    return Items(tuple(map(_union, elements)), len(elements), tuple)


def _choices(union: Union) -> tuple[str, ...]:
    return tuple(option.text for option in union.options if isinstance(option, Choice))


def _fits(union: Union, value: object) -> bool:
    return any(_fits_option(option, value) for option in union.options)


def _fits_option(option: Named | Choice | Items, value: object) -> bool:
    match option:
        case Named(name):
            return _JUDGES[name](value)
        case Choice(text):
            return isinstance(value, str) and value == text
        case Items(elements, length):
            if not isinstance(value, (list, tuple)) or length not in (None, len(value)):
                return False
            each = elements * len(value) if length is None else elements
            return all(map(_fits, each, value))


def _convert(union: Union, value: Any) -> Any:
    for option in union.options:
        if not _fits_option(option, value):
            continue
        if option == Named("int"):
            return int(value)
        if isinstance(option, Items):
            each = option.elements * len(value) if option.length is None else option.elements
            return option.python(map(_convert, each, value))
        return value
    return value


def _describe(union: Union) -> str:
    texts = [f"`{option.text}`" for option in union.options if isinstance(option, Choice)]
    others = [_describe_option(o) for o in union.options if not isinstance(o, Choice) and o != Named("none")]
    null = ["`null`"] if Named("none") in union.options else []
    if texts and not others:
        return ("one of " if len(texts) + len(null) > 1 else "") + ", ".join([*texts, *null])
    words = [*dict.fromkeys(others), *texts, *null]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _describe_option(option: Named | Choice | Items) -> str:
    match option:
        case Named(name):
            return _WORDS[name]
        case Choice(text):
            return f"`{text}`"
        case Items(elements, length):
            return _describe_items(elements, length)


def _describe_items(elements: tuple[Union, ...], length: int | None) -> str:
    count = "" if length is None else f"{length} "
    kinds = set(elements)
    if len(kinds) > 1:
        return f"a list of {count}values ({', '.join(map(_describe, elements))})"
    (options,) = (kind.options for kind in kinds)
    if len(options) == 1 and isinstance(options[0], Named):
        singular, plural = _WORDS[options[0].name], _PLURALS[options[0].name]
        return f"a list of 1 {singular.split()[-1]}" if length == 1 else f"a list of {count}{plural}"
    return f"a list of {count}values (each {_describe(elements[0])})"


def _is_int(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_tensor(value: object) -> bool:
    return _shape(value) is not None


def _shape(value: object) -> tuple[int, ...] | None:
    """The shape of a number or of nested lists of numbers; None for anything else, ragged lists too."""
    if _is_number(value):
        return ()
    if not isinstance(value, (list, tuple)):
        return None
    shapes = {_shape(item) for item in value}
    if not shapes:
        return (0,)
    inner = shapes.pop()
    return None if shapes or inner is None else (len(value), *inner)


def _is_call(value: object) -> bool:
    return isinstance(value, (str, Mapping))


def _is_names(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(text, str) for pair in value.items() for text in pair
    )


def _is_name(value: object) -> bool:
    return isinstance(value, str) and all(part.isidentifier() for part in value.split("."))


_JUDGES: dict[str, Callable[[object], bool]] = {
    "any": lambda value: True,
    "none": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": _is_int,
    "float": _is_number,
    "str": lambda value: isinstance(value, str),
    "dtype": lambda value: isinstance(value, str) and value in DTYPES,
    "tensor": _is_tensor,
    "module": lambda value: _is_call(value) or isinstance(value, list),
    "scheduler": _is_call,
    "transform": _is_call,
    "names": _is_names,
    "function": _is_name,
    "type": _is_name,
}

_WORDS = {
    "any": "any value",
    "none": "`null`",
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "dtype": "a dtype such as `float32`",
    "tensor": "a number or a nested list of numbers",
    "module": "a node",
    "scheduler": "a scheduler",
    "transform": "a transform",
    "names": "a mapping of names to names",
    "function": "the name of a function",
    "type": "the name of a class",
}

_PLURALS = {
    "any": "values",
    "none": "`null`",
    "bool": "truth values",
    "int": "integers",
    "float": "numbers",
    "str": "texts",
    "dtype": "dtypes",
    "tensor": "nested lists of numbers",
    "module": "nodes",
    "scheduler": "schedulers",
    "transform": "transforms",
    "names": "mappings of names to names",
    "function": "names of functions",
    "type": "names of classes",
}
