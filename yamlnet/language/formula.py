"""The text of a tensor expression -> its tree of names, operators and calls, without torch."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.functions import NOT_FUNCTIONAL
from yamlnet.catalog.overrides import first
from yamlnet.diagnostics import did_you_mean
from yamlnet.language.arguments import Named, bind
from yamlnet.language.expressions import CONSTANTS, Budget, Wrong, evaluate, syntax
from yamlnet.language.terms import (
    Batch,
    Constant,
    Formula,
    Items,
    Name,
    Operation,
    Slice,
    Term,
    is_number,
    is_size,
    is_tensor,
    subterms,
)

MAX_DEPTH = 100
MAX_INT = 2**63
"""What an element of a tensor can't hold."""


def parse(text: str) -> Formula:
    """The expression's tree; characters count from the beginning of the text. Raises Wrong."""
    parser = _Parser(text)
    try:
        tree = parser.term(parser.tree)
    except RecursionError:
        raise parser.too_deep() from None
    if not is_tensor(tree):
        raise Wrong("an expression gives a tensor, and here is none", tree.start, tree.end)
    return Formula(text, tree, tuple(dict.fromkeys(t.name for t in subterms(tree) if isinstance(t, Name))))


OPERATORS: Mapping[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
_SIGNS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_LOGICAL: Mapping[type[ast.AST], tuple[str, str]] = {
    ast.And: ("and", "logical_and"),
    ast.Or: ("or", "logical_or"),
    ast.BitAnd: ("&", "logical_and"),
    ast.BitOr: ("|", "logical_or"),
    ast.Not: ("not", "logical_not"),
    ast.Invert: ("~", "logical_not"),
}
_ARITHMETIC = "an expression has `+ - * / // % ** @` only"
_HAS = "it has names, numbers, arithmetic, comparison, indexing and calls of functions"

_ELSEWHERE = {"repeat": "tile", "concat": "cat", "concatenate": "cat", "clip": "clamp", "absolute": "abs"}
"""Other names for what the catalogue has."""

_TRANSPOSED = "write `transpose(x, 1, 2)`"
_ATTRIBUTES: Mapping[str, str | None] = {
    "shape": "`batch` is the batch's size; the others are written out",
    **dict.fromkeys(("T", "mT", "H", "mH"), _TRANSPOSED),
    **dict.fromkeys(("dtype", "device", "ndim")),
}
_PACKAGES = {"torch", "F", "nn", "np", "numpy", "math"}
_GRAMMAR = set("and or not if else in is for lambda await async yield None True False".split())
_NAME = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])[^\W\d]\w*(?:\.\w+)*")


def _one_line(text: str) -> str:
    """The text for Python's grammar, each character at its place: `lstm.1` and `class` get another letter."""
    return _NAME.sub(lambda match: _readable(match[0]), re.sub(r"\s", " ", text))


def _readable(name: str) -> str:
    if name[0] in "'\"":
        return name
    head, *parts = name.split(".")
    words = [(head, keyword.iskeyword(head) and head not in _GRAMMAR)]
    words += [(part, keyword.iskeyword(part) or part[0].isdigit()) for part in parts]
    return ".".join(f"\u00fe{word[1:]}" if refused else word for word, refused in words)


class _Parser:
    """Walks a syntax tree; whatever isn't listed here is refused."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = _one_line(text)
        if "#" in text:
            raise Wrong("an expression has no comments", text.index("#"), len(text))
        self.tree = syntax(text, 0, self.line)
        self.offset = len(self.line) - len(self.line.lstrip())
        self.encoded = self.line.lstrip().encode()
        level: list[ast.AST] = [self.tree]
        for _ in range(MAX_DEPTH):
            level = [child for node in level for child in ast.iter_child_nodes(node)]
        if level:
            raise self.too_deep()

    def too_deep(self) -> Wrong:
        help = "give a part of it its own name"
        return Wrong("an expression nested too deeply", 0, len(self.text), help)

    def span(self, node: ast.expr | ast.keyword) -> tuple[int, int]:
        columns = (node.col_offset, node.end_col_offset)
        start, end = (len(self.encoded[:column].decode(errors="ignore")) for column in columns)
        return self.offset + start, self.offset + end

    def source(self, node: ast.expr) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def wrong(self, node: ast.expr | ast.keyword | Term, message: str, help: str | None = None) -> Wrong:
        span = (node.start, node.end) if isinstance(node, Term) else self.span(node)
        return Wrong(message, *span, help)

    def term(self, node: ast.expr) -> Term:
        if _only_numbers(node):
            start, end = self.span(node)
            value = evaluate(self.line[start:end], start, {}, Budget())
            if isinstance(value, int) and abs(value) >= MAX_INT:
                raise self.wrong(node, "the number is too large for a tensor")
            return Constant(start, end, value)
        method = getattr(self, f"visit_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.wrong(node, "an expression can't do this", _HAS)
        found: Term = method(node)
        return found

    def operand(self, node: ast.expr) -> Term:
        """A tensor or a number."""
        term = self.term(node)
        if is_tensor(term) or is_number(term):
            return term
        raise self.wrong(node, f"operators are for tensors and numbers, not `{self.source(node)}`")

    def operation(self, node: ast.expr, operator: str, *operands: Term) -> Operation:
        return Operation(*self.span(node), operator, operands)

    def visit_constant(self, node: ast.Constant) -> Term:
        if isinstance(node.value, str):
            return Constant(*self.span(node), ast.literal_eval(self.source(node)))
        if node.value is None or isinstance(node.value, bool):
            help = f"write `{({True: 'true', False: 'false', None: 'null'})[node.value]}`"
            raise self.wrong(node, "an expression can't hold this", help)
        raise self.wrong(node, "an expression can't hold this")

    def visit_name(self, node: ast.Name) -> Term:
        # not `node.id`: Python takes another letter for the micro sign
        span, name = self.span(node), self.source(node)
        if name == "batch":
            return Batch(*span)
        return Constant(*span, CONSTANTS[name]) if name in CONSTANTS else Name(*span, name)

    def visit_attribute(self, node: ast.Attribute) -> Term:
        name = re.sub(r"[\s()]", "", self.source(node))
        head, *_, last = name.split(".")
        message = f"an expression has no attributes such as `.{last}`"
        if last in _ATTRIBUTES:
            raise self.wrong(node, message, _ATTRIBUTES[last])
        if not _is_dotted(node):
            raise self.wrong(node, message, "an index goes by `[0]`: `max(x, 1)[0]` are the values")
        if head == "batch" or head in CONSTANTS:
            raise self.wrong(node, f"`{head}` has no parts: it is a value, not a name of the scope")
        return Name(*self.span(node), name)

    def visit_list(self, node: ast.List | ast.Tuple) -> Term:
        kind: Any = list if isinstance(node, ast.List) else tuple
        return Items(*self.span(node), tuple(map(self.term, node.elts)), kind)

    visit_tuple = visit_list

    def visit_binop(self, node: ast.BinOp) -> Term:
        if type(node.op) in _LOGICAL:
            raise self.logical(node, node.op, node.left, node.right)
        if type(node.op) not in OPERATORS:
            raise self.wrong(
                node, _ARITHMETIC, "`**` is the power" if isinstance(node.op, ast.BitXor) else None
            )
        left, right = self.operand(node.left), self.operand(node.right)
        numbers = is_number(left) + is_number(right)
        if isinstance(node.op, ast.MatMult) and numbers:
            raise self.wrong(node, "`@` is for tensors")
        if isinstance(node.op, ast.Pow) and numbers == 2:
            raise self.wrong(node, "no power of the batch's size")
        return self.operation(node, OPERATORS[type(node.op)], left, right)

    def visit_unaryop(self, node: ast.UnaryOp) -> Term:
        if type(node.op) in _LOGICAL:
            raise self.logical(node, node.op, node.operand)
        return self.operation(node, OPERATORS[type(node.op)], self.operand(node.operand))

    def visit_boolop(self, node: ast.BoolOp) -> Term:
        raise self.logical(node, node.op, *node.values[:2])

    def logical(self, node: ast.expr, op: ast.AST, *operands: ast.expr) -> Wrong:
        sign, function = _LOGICAL[type(op)]
        meant = f"{function}({', '.join(map(self.source, operands))})"
        return self.wrong(node, f"an expression has no `{sign}`", f"write `{meant}`")

    def visit_compare(self, node: ast.Compare) -> Term:
        operands = [node.left, *node.comparators]
        if any(type(op) not in OPERATORS for op in node.ops):
            raise self.wrong(node, "an expression compares by `== != < <= > >=` only")
        if len(node.ops) > 1:
            texts = list(map(self.source, operands))
            signs = [_SIGNS[type(op)] for op in node.ops]
            meant = f"logical_and({texts[0]} {signs[0]} {texts[1]}, {texts[1]} {signs[1]} {texts[2]})"
            raise self.wrong(node, "an expression compares two values at a time", f"write `{meant}`")
        return self.operation(node, OPERATORS[type(node.ops[0])], *map(self.operand, operands))

    def visit_ifexp(self, node: ast.IfExp) -> Term:
        meant = f"where({', '.join(map(self.source, (node.test, node.body, node.orelse)))})"
        raise self.wrong(node, "an expression has no `if`", f"write `{meant}`")

    def visit_subscript(self, node: ast.Subscript) -> Term:
        value = self.term(node.value)
        if not is_tensor(value):
            raise self.wrong(node, f"`{self.source(node.value)}` is no tensor: it has no parts")
        if isinstance(node.slice, ast.Tuple):
            index: Term = Items(*self.span(node.slice), tuple(map(self.index, node.slice.elts)), tuple)
        else:
            index = self.index(node.slice)
        return self.operation(node, "getitem", value, index)

    def index(self, node: ast.expr) -> Term:
        if isinstance(node, ast.Slice):
            lower, upper, step = map(self.bound, (node.lower, node.upper, node.step))
            if isinstance(step, Constant) and step.value is not None and step.value < 1:
                raise self.wrong(step, "a slice steps forward", "`flip(x, [1])` turns an axis round")
            return Slice(*self.span(node), lower, upper, step)
        if isinstance(node, ast.Constant) and (node.value is None or node.value is ...):
            return Constant(*self.span(node), node.value)
        if isinstance(node, ast.List):
            return Items(*self.span(node), tuple(map(self.index, node.elts)), list)
        term = self.term(node)
        if is_tensor(term) or is_size(term) or (isinstance(term, Constant) and term.value is None):
            return term
        is_key = isinstance(term, Constant) and isinstance(term.value, str)
        help = "a part goes by its name: `output.mu`" if is_key else None
        message = f"an index is an integer, a slice, `...`, `null` or a tensor, not `{self.source(node)}`"
        raise self.wrong(node, message, help)

    def bound(self, node: ast.expr | None) -> Term | None:
        if node is None:
            return None
        term = self.term(node)
        if is_size(term) or (isinstance(term, Constant) and term.value is None):
            return term
        raise self.wrong(node, f"a slice goes from one integer to another, not `{self.source(node)}`")

    def visit_call(self, node: ast.Call) -> Term:
        if isinstance(node.func, ast.Attribute):
            raise self.method(node, node.func)
        entry = lookup.find(self.source(node.func), "function") if isinstance(node.func, ast.Name) else None
        if entry is None:
            raise self.unknown_function(node.func)
        named = [
            Named(self.text[start : start + len(argument.arg or "**")], start, self.term(argument.value))
            for argument in node.keywords
            for start in self.span(argument)[:1]
        ]
        return bind(entry, self.text, self.span(node), tuple(map(self.term, node.args)), named)

    def method(self, node: ast.Call, function: ast.Attribute) -> Wrong:
        """`x.mean(1)` and `torch.mean(x, 1)`."""
        receiver, name = self.source(function.value), self.source(function).rpartition(".")[2].strip()
        given = self.text[self.span(function)[1] : self.span(node)[1]].strip()[1:-1].strip()
        meant = _ELSEWHERE.get(name, name)
        entry = lookup.find(meant, "function")
        if entry is None:
            return self.unknown_function(function, name)
        if list(entry.parameters.values())[-1].type.startswith("tuple") and len(node.args) > 1:
            given = f"[{given}]"
        of_package = receiver.split(".")[0] in _PACKAGES
        arguments = ", ".join(part for part in ("" if of_package else receiver, given) if part)
        message = f"an expression calls functions by their name alone, not `{self.source(function)}`"
        return self.wrong(node, message, f"write `{meant}({arguments})`")

    def unknown_function(self, node: ast.expr, name: str | None = None) -> Wrong:
        name = name or self.source(node)
        functions, modules = lookup.names("function"), lookup.names("module")
        if not name.isidentifier():
            return self.wrong(node, "an expression calls functions by their name", _HAS)
        if name in modules:
            same = next((f for f in functions if _folded(f) == _folded(name)), None)
            advice = f"there is the function `{same}`" if same else "give it a node of its own, and name that"
            return self.wrong(node, f"`{name}` is a module, not a function", advice)
        if reason := first(NOT_FUNCTIONAL, name):
            same = next((module for module in modules if _folded(module) == _folded(name)), None)
            message = f"`{name}` isn't in the catalogue: {reason.split(';')[0]}"
            return self.wrong(node, message, f"there is the module `{same}`" if same else None)
        if name in ("size", "len"):
            return self.wrong(node, f"unknown function `{name}`", "`batch` is the batch's size")
        meant = _ELSEWHERE.get(name)
        help = f"did you mean `{meant}`?" if meant else did_you_mean(name, functions)[0]
        return self.wrong(
            node, f"unknown function `{name}`", help or "`yamlnet list function` shows the names"
        )


def _only_numbers(node: ast.expr) -> bool:
    """Whether it is arithmetic of numbers alone, which is worked out at once."""
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.BinOp(left=left, op=op, right=right):
            known = type(op) in OPERATORS and not isinstance(op, ast.MatMult)
            return known and _only_numbers(left) and _only_numbers(right)
        case ast.UnaryOp(op=op, operand=operand):
            return type(op) in OPERATORS and _only_numbers(operand)
    return False


def _is_dotted(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_dotted(node.value))


def _folded(name: str) -> str:
    return name.replace("_", "").lower()
