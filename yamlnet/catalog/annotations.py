"""The text of a Python annotation in; a type expression of `types.py` and the parameter's role out."""

from __future__ import annotations

import ast
import re
from typing import Literal

Role = Literal["option", "tensor", "tensors", "either"]

NAMES = {
    "int": "int",
    "_int": "int",
    "SymInt": "int",
    "float": "float",
    "_float": "float",
    "Number": "float",
    "_complex": "float",
    "bool": "bool",
    "_bool": "bool",
    "str": "str",
    "None": "none",
    "NoneType": "none",
    "Tensor": "tensor",
    "dtype": "dtype",
    "_dtype": "dtype",
    "Size": "tuple[int, ...]",
    "_size": "tuple[int, ...]",
    "Module": "module",
    "TransformerEncoderLayer": "module",
    "TransformerDecoderLayer": "module",
    "LRScheduler": "scheduler",
    "Callable": "function",
}
"""What torch's annotations call a type, and what `types.py` calls it; any other name is `any`."""

_SIZES = re.compile(r"_(?P<kind>size|ratio|maybe_indices|scalar)_(?P<count>\d|any)(?P<optional>_opt)?_t")
_BROADCASTING = re.compile(r"BroadcastingList(?P<count>\d)")


def type_of(annotation: str) -> str:
    """The type expression of an annotation, e.g. `int | tuple[int, int]` of `Union[int, tuple[int, int]]`.

    A tensor or a function is left out beside something that can be written plainly: `lr: float | Tensor`
    is a number.
    """
    return join(_options(ast.parse(annotation, mode="eval").body))


def role_of(annotation: str) -> Role:
    """Whether a function's parameter is a tensor, all tensors of `from`, an option, or may be either."""
    options = set(_options(ast.parse(annotation, mode="eval").body)) - {"none"}
    if options & {"tuple[tensor, ...]", "list[tensor]"}:
        return "tensors"
    if "tensor" not in options:
        return "option"
    return "tensor" if options == {"tensor"} else "either"


def join(options: list[str]) -> str:
    """The union of type expressions without what another option already says."""
    kept = [option for option in dict.fromkeys(options) if option != "none"]
    if "any" in kept or not kept:
        return "any" if "any" in kept else "none"
    if "float" in kept:
        kept = [option for option in kept if option != "int"]
    kept = [option for option in kept if not _wider(option) & set(kept)]
    plain = [option for option in kept if option not in ("tensor", "function")]
    return " | ".join([*(plain or kept), *(["none"] if "none" in options else [])])


def with_axes(expression: str, count: int) -> str:
    """The type where a list must have one entry for each of `count` spatial axes."""
    parts = re.sub(
        r"tuple\[([^\[\]]*), \.\.\.\]", lambda match: f"tuple[{', '.join([match[1]] * count)}]", expression
    )
    return join(re.split(r" \| (?![^\[]*\])", parts))


def _wider(option: str) -> set[str]:
    """The expressions that would say the same and more."""
    nullable = option.replace("int", "int | none") if "none" not in option else option
    return {f"tuple[{option[5:-1]}, ...]"} if option.startswith("list[") else {nullable} - {option}


def _options(tree: ast.expr) -> list[str]:
    match tree:
        case ast.BinOp(left=left, right=right):
            return [*_options(left), *_options(right)]
        case ast.Constant(value=None):
            return ["none"]
        case ast.Constant(value=str(text)):
            return _options(ast.parse(text, mode="eval").body)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(name)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=argument):
            return _generic(name, argument.elts if isinstance(argument, ast.Tuple) else [argument])
    return ["any"]


def _named(name: str) -> list[str]:
    if sizes := _SIZES.fullmatch(name):
        element = "float" if sizes["kind"] == "ratio" else "int"
        none = " | none" if sizes["optional"] else ""
        return [element, _tuple(element + none, sizes["count"]), *(["none"] if none else [])]
    return [NAMES.get(name, "any")]


def _generic(name: str, arguments: list[ast.expr]) -> list[str]:
    if broadcasting := _BROADCASTING.fullmatch(name):
        element = join(_options(arguments[0]))
        return [element, _tuple(element, broadcasting["count"])]
    match name:
        case "Union" | "Optional":
            inner = [option for argument in arguments for option in _options(argument)]
            return [*inner, "none"] if name == "Optional" else inner
        case "Literal":
            values = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
            return [_literal(value) for value in values]
        case "Callable":
            return ["type" if _options(arguments[-1]) == ["module"] else "function"]
        case "type" | "Type":
            return ["type" if _options(arguments[0]) == ["module"] else "any"]
        case "list" | "List":
            return [f"list[{join(_options(arguments[0]))}]"]
        case "Sequence" | "Iterable":
            return [_tuple(join(_options(arguments[0])), "any")]
        case "tuple" | "Tuple":
            if isinstance(arguments[-1], ast.Constant) and arguments[-1].value is ...:
                return [_tuple(join(_options(arguments[0])), "any")]
            return [f"tuple[{', '.join(join(_options(argument)) for argument in arguments)}]"]
    return _named(name)


def _literal(value: object) -> str:
    if value is None:
        return "none"
    return "bool" if isinstance(value, bool) else repr(value)


def _tuple(element: str, count: str) -> str:
    return f"tuple[{element}, ...]" if count == "any" else f"tuple[{', '.join([element] * int(count))}]"
