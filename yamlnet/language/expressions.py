"""The text of one expression -> its value, by a bounded evaluator, never `eval`."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from yamlnet.diagnostics import did_you_mean

MAX_LENGTH = 1_000
MAX_DEPTH = 200
MAX_SHOWN = 60
MAX_BITS = 256
MAX_ITEMS = 10_000
MAX_VALUES = 100_000
LETTERS = 64
"""How many letters of a text weigh as much as a value."""


class Unknown:
    """A value that isn't known yet, or that follows from a mistake; it silences what depends on it."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()
LATER = Unknown()
"""A name of `vars` whose value stands below the one that uses it."""


class Wrong(Exception):
    """What is wrong with an expression, which characters of it, and what to write in their place."""

    def __init__(
        self, message: str, start: int, end: int, help: str | None = None, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.start, self.end, self.help, self.suggestion = start, end, help, suggestion


@dataclass
class Budget:
    """How much more the expressions of one section may bring together: values, and texts by their length."""

    left: int = MAX_VALUES

    def take(self, value: Any) -> bool:
        """Counts a value, what is in it counted each time that it is there; whether there was enough left."""
        waiting = [value]
        while waiting and self.left > 0:
            item = waiting.pop()
            self.left -= 1
            if isinstance(item, str):
                self.left -= len(item) // LETTERS
            elif isinstance(item, list | dict):
                waiting.extend(item.values() if isinstance(item, dict) else item)
        return self.left > 0


@lru_cache(4096)
def syntax(text: str, start: int, parsed: str | None = None) -> ast.expr:
    """The syntax tree of an expression; `parsed` is what is parsed in its place. Raises Wrong."""
    end = start + len(text)
    if len(text) > MAX_LENGTH:
        raise Wrong(f"an expression of more than {MAX_LENGTH:,} characters", start, end)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse((parsed or text).strip() or "?", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
        raise Wrong(f"`{shown}` isn't an expression", start, end) from None


@lru_cache(4096)
def _depth(tree: ast.AST) -> int:
    """How many operations stand in one another; Python's own limit would depend on who calls."""
    levels, count = [tree], 0
    while levels:
        levels, count = [child for node in levels for child in ast.iter_child_nodes(node)], count + 1
    return count


def evaluate(text: str, start: int, scope: Mapping[str, Any], budget: Budget) -> Any:
    """The value of an expression; `start` is its place in the text around it. Raises Wrong."""
    end = start + len(text)
    tree = syntax(text, start)
    if _depth(tree) > MAX_DEPTH:
        raise Wrong("an expression nested too deeply", start, end)
    value = _Evaluator(scope, start + len(text) - len(text.lstrip()), budget).visit(tree)
    if not budget.take(value):
        raise Wrong("the expressions hold too many values together", start, end)
    return value


CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
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


def as_text(value: Any) -> str:
    """A value inside a text, as YAML writes it."""
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


class _Evaluator:
    """Walks a parsed expression; whatever isn't listed here is refused."""

    def __init__(self, scope: Mapping[str, Any], offset: int, budget: Budget) -> None:
        self.scope = scope
        self.offset = offset
        self.budget = budget

    def wrong(
        self, node: ast.expr, message: str, help: str | None = None, suggestion: str | None = None
    ) -> Wrong:
        # ast counts columns in UTF-8 bytes; names beyond ASCII only widen the span
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset + 1
        return Wrong(message, self.offset + node.col_offset, self.offset + end, help, suggestion)

    def visit(self, node: ast.expr) -> Any:
        method = getattr(self, f"visit_{type(node).__name__.lower()}", None)
        if method is None:
            help = "it has names, numbers, texts, lists, arithmetic, comparison, `x if c else y` and indexing"
            raise self.wrong(node, "an expression can't do this", help)
        return method(node)

    def visit_constant(self, node: ast.Constant) -> Any:
        if type(node.value) not in (int, float, str):
            words = {True: "true", False: "false", None: "null"}
            known = isinstance(node.value, bool) or node.value is None
            help = f"write `{words[node.value]}`" if known else None  # type: ignore[index]
            raise self.wrong(node, "an expression can't hold this", help)
        return self.bounded(node, node.value)

    def visit_name(self, node: ast.Name) -> Any:
        if self.scope.get(node.id) is LATER:
            raise self.wrong(node, f"`{node.id}` isn't known yet", "a value may use those written before it")
        if node.id in self.scope:
            if not self.budget.take(self.scope[node.id]):
                raise self.wrong(node, "the expressions hold too many values together")
            return self.scope[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if node.id in _FUNCTIONS:
            raise self.wrong(node, f"`{node.id}` is a function: `{node.id}(...)`")
        help, near = did_you_mean(node.id, self.scope)
        if node.id == "vars":
            help, near = "a value of `vars` has no prefix: `$width`", None
        raise self.wrong(node, f"unknown name `{node.id}`", help or "`vars` names values", near)

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
        except IndexError:
            message = f"`{as_text(arguments[0])[:60]}` has no item {arguments[-1]}"
            raise self.wrong(node, message, "items count from 0") from None
        except (TypeError, ValueError, KeyError, AttributeError):
            words = " and ".join(f"`{as_text(argument)[:60]}`" for argument in arguments)
            raise self.wrong(node, f"this can't be worked out for {words}") from None

    def bounded(self, node: ast.expr, value: Any) -> Any:
        if (isinstance(value, int) and value.bit_length() > MAX_BITS) or (
            isinstance(value, str | list) and len(value) > MAX_ITEMS
        ):
            raise self.wrong(node, "the result would be too large")
        if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
            raise self.wrong(node, "the result isn't a finite number")
        return value
