"""`$name` and `$(expression)` in a document's values -> the values; a bounded evaluator, never `eval`."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yamlnet.diagnostics import Mistake, Path, did_you_mean

MAX_LENGTH = 1_000
MAX_BITS = 256
MAX_ITEMS = 10_000

_NAME = re.compile(r"[^\W\d]\w*")


class Unknown:
    """A value that isn't known yet, or that follows from a mistake; it silences what depends on it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


class _Wrong(Exception):
    """What is wrong with an expression, and which characters of it."""

    def __init__(self, message: str, start: int, end: int, help: str | None = None) -> None:
        super().__init__(message)
        self.start, self.end, self.help = start, end, help


@dataclass(frozen=True)
class _Part:
    """A piece of a text: literal words, or an expression and where it begins and ends."""

    text: str
    start: int
    end: int
    expression: bool


def substitute(value: Any, path: Path, scope: Mapping[str, Any]) -> tuple[Any, list[Mistake]]:
    """The value with every `$name` and `$(expression)` in it worked out; keys are left as they are."""
    if isinstance(value, str):
        return _substitute_text(value, path, scope) if "$" in value else (value, [])
    mistakes: list[Mistake] = []
    if isinstance(value, dict):
        mapping = {}
        for key, item in value.items():
            mapping[key], found = substitute(item, (*path, key), scope)
            mistakes += found
        return mapping, mistakes
    if isinstance(value, list):
        items = []
        for position, item in enumerate(value):
            new, found = substitute(item, (*path, position), scope)
            items.append(new)
            mistakes += found
        return items, mistakes
    return value, []


def evaluate_vars(given: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], list[Mistake]]:
    """The `vars` of a document, in order: each may use those before it."""
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, value in given.items():
        if not _NAME.fullmatch(name) or name in _CONSTANTS:
            mistakes.append(Mistake("wrong-value", (*path, name), f"`{name}` can't name a value", at="key"))
            continue
        values[name], found = substitute(value, (*path, name), values)
        mistakes += found
    return values, mistakes


def _substitute_text(text: str, path: Path, scope: Mapping[str, Any]) -> tuple[Any, list[Mistake]]:
    try:
        parts = list(_split(text))
        values = [_evaluate(part, scope) if part.expression else part.text for part in parts]
    except _Wrong as wrong:
        mistake = Mistake("expression", path, str(wrong), wrong.help, part=(wrong.start, wrong.end))
        return UNKNOWN, [mistake]
    if len(parts) == 1 and parts[0].expression:
        return values[0], []
    if any(value is UNKNOWN for value in values):
        return UNKNOWN, []
    return "".join(_as_text(value) for value in values), []


def _as_text(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def _split(text: str) -> Iterator[_Part]:
    """Literal pieces and expressions, in order; `$$` is a plain dollar."""
    literal, position = "", 0
    while position < len(text):
        if text[position] != "$":
            literal += text[position]
            position += 1
            continue
        if text.startswith("$$", position):
            literal += "$"
            position += 2
            continue
        if literal:
            yield _Part(literal, 0, 0, False)
            literal = ""
        name = _NAME.match(text, position + 1)
        if name:
            yield _Part(name[0], position + 1, name.end(), True)
            position = name.end()
        elif text.startswith("$(", position):
            end = _closing(text, position + 1)
            yield _Part(text[position + 2 : end], position + 2, end, True)
            position = end + 1
        else:
            raise _Wrong(
                "a `$` is followed by a name or `(`", position, position + 1, "`$$` is a plain dollar"
            )
    if literal:
        yield _Part(literal, 0, 0, False)


def _closing(text: str, start: int) -> int:
    depth, quote = 0, ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return position
    raise _Wrong("this `$(` is never closed", start - 1, start + 1)


def _evaluate(part: _Part, scope: Mapping[str, Any]) -> Any:
    if len(part.text) > MAX_LENGTH:
        raise _Wrong(f"an expression of more than {MAX_LENGTH:,} characters", part.start, part.end)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(part.text.strip() or "?", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _Wrong(f"`{part.text}` isn't an expression", part.start, part.end) from None
    lead = len(part.text) - len(part.text.lstrip())
    try:
        return _Evaluator(scope, part.start + lead).visit(tree)
    except RecursionError:
        raise _Wrong("an expression nested too deeply", part.start, part.end) from None


_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "sqrt": math.sqrt,
    "len": len,
    "int": int,
}


class _Evaluator:
    """Walks a parsed expression; whatever isn't listed here is refused."""

    def __init__(self, scope: Mapping[str, Any], offset: int) -> None:
        self.scope = scope
        self.offset = offset

    def wrong(self, node: ast.expr, message: str, help: str | None = None) -> _Wrong:
        # ast counts columns in UTF-8 bytes; names beyond ASCII only widen the span
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset + 1
        return _Wrong(message, self.offset + node.col_offset, self.offset + end, help)

    def visit(self, node: ast.expr) -> Any:
        method = getattr(self, f"visit_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.wrong(node, "an expression can't do this")
        return method(node)

    def visit_constant(self, node: ast.Constant) -> Any:
        if type(node.value) not in (int, float, str):
            words = {True: "true", False: "false", None: "null"}
            known = isinstance(node.value, bool) or node.value is None
            help = f"write `{words[node.value]}`" if known else None  # type: ignore[index]
            raise self.wrong(node, "an expression can't hold this", help)
        return self.bounded(node, node.value)

    def visit_name(self, node: ast.Name) -> Any:
        if node.id in self.scope:
            return self.scope[node.id]
        if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        if node.id in _FUNCTIONS:
            raise self.wrong(node, f"`{node.id}` is a function: `{node.id}(...)`")
        help, _ = did_you_mean(node.id, self.scope)
        raise self.wrong(node, f"unknown name `{node.id}`", help or "`vars` names values")

    def visit_list(self, node: ast.List) -> Any:
        items = [self.visit(item) for item in node.elts]
        return UNKNOWN if any(item is UNKNOWN for item in items) else items

    def visit_binop(self, node: ast.BinOp) -> Any:
        left, right = self.visit(node.left), self.visit(node.right)
        if type(node.op) not in _BINARY:
            raise self.wrong(node, "an expression has `+ - * / // % **` only")
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            raise self.wrong(node, "`%` is for numbers")
        self.affordable(node, left, right)
        return self.attempt(node, _BINARY[type(node.op)], left, right)

    def affordable(self, node: ast.BinOp, left: Any, right: Any) -> None:
        """Refuses what would be too large before it takes memory or time."""
        too_large = False
        if isinstance(node.op, ast.Pow) and isinstance(left, int) and isinstance(right, int):
            too_large = abs(right) * max(1, left.bit_length()) > MAX_BITS
        elif isinstance(node.op, ast.Mult):
            sizes = [len(x) for x in (left, right) if isinstance(x, str | list)]
            counts = [abs(x) for x in (left, right) if isinstance(x, int)]
            too_large = bool(sizes and counts) and sizes[0] * counts[0] > MAX_ITEMS
        if too_large:
            raise self.wrong(node, "the result would be too large")

    def visit_unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.visit(node.operand)
        if type(node.op) not in _UNARY:
            raise self.wrong(node, "an expression can't do this")
        return UNKNOWN if value is UNKNOWN else self.attempt(node, _UNARY[type(node.op)], value)

    def visit_boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for item in node.values:
            value = self.visit(item)
            if value is UNKNOWN or bool(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def visit_compare(self, node: ast.Compare) -> Any:
        left = self.visit(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            right = self.visit(item)
            if type(op) not in _COMPARE:
                raise self.wrong(node, "an expression compares by `== != < <= > >=` only")
            if left is UNKNOWN or right is UNKNOWN:
                return UNKNOWN
            if not self.attempt(node, _COMPARE[type(op)], left, right):
                return False
            left = right
        return True

    def visit_ifexp(self, node: ast.IfExp) -> Any:
        test = self.visit(node.test)
        return UNKNOWN if test is UNKNOWN else self.visit(node.body if test else node.orelse)

    def visit_subscript(self, node: ast.Subscript) -> Any:
        value, index = self.visit(node.value), self.visit(node.slice)
        if value is UNKNOWN or index is UNKNOWN:
            return UNKNOWN
        return self.attempt(node, operator.getitem, value, index)

    def visit_call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is None or name not in _FUNCTIONS or node.keywords:
            raise self.wrong(node, "an expression calls " + ", ".join(f"`{f}`" for f in _FUNCTIONS) + " only")
        arguments = [self.visit(item) for item in node.args]
        if any(argument is UNKNOWN for argument in arguments):
            return UNKNOWN
        return self.attempt(node, _FUNCTIONS[name], *arguments)

    def attempt(self, node: ast.expr, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self.bounded(node, function(*arguments))
        except ZeroDivisionError:
            raise self.wrong(node, "a division by zero") from None
        except OverflowError:
            raise self.wrong(node, "the result would be too large") from None
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            words = ", ".join(_as_text(argument) for argument in arguments)
            raise self.wrong(node, f"this can't be worked out for {words[:80]}") from None

    def bounded(self, node: ast.expr, value: Any) -> Any:
        if (isinstance(value, int) and value.bit_length() > MAX_BITS) or (
            isinstance(value, str | list) and len(value) > MAX_ITEMS
        ):
            raise self.wrong(node, "the result would be too large")
        if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
            raise self.wrong(node, "the result isn't a finite number")
        return value
