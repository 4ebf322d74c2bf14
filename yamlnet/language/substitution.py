"""`$name` and `$(expression)` in a document's values -> the values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.expressions import (
    CONSTANTS,
    LATER,
    MAX_LENGTH,
    UNKNOWN,
    Budget,
    Wrong,
    as_text,
    evaluate,
    syntax,
)

_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class _Part:
    """A piece of a text: literal words, or an expression and where it begins and ends."""

    text: str
    start: int
    expression: bool


def substitute(
    value: Any, path: Path, scope: Mapping[str, Any], late: frozenset[str] = frozenset()
) -> tuple[Any, list[Mistake]]:
    """The value with every `$name` and `$(expression)` in it worked out; keys are left as they are."""
    names = Scope(scope)
    return names.value(value, path, late), names.mistakes


def evaluate_vars(given: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], list[Mistake]]:
    """The `vars` of a document, in order: each may use those before it."""
    refused = [name for name in given if not _NAME.fullmatch(name) or name in CONSTANTS]
    help = "names are letters, digits and `_`, and neither begin with a digit nor are `true false null`"
    mistakes = [
        Mistake("wrong-value", (*path, name), f"`{name}` can't name a value", help, at="key")
        for name in refused
    ]
    values: dict[str, Any] = {name: LATER for name in given if name not in refused}
    scope = Scope(values)
    for name in values:
        values[name] = scope.value(given[name], (*path, name))
    return values, mistakes + scope.mistakes


@dataclass(frozen=True)
class Late:
    """A text whose expressions wait for `waits`: sizes that are inferred for the call that it is in."""

    text: str
    scope: Scope
    waits: frozenset[str]
    path: Path

    def resolve(self, known: Mapping[str, Any]) -> tuple[Any, list[Mistake]]:
        """The value, once the names that it waits for are known."""
        scope = Scope({**known, **self.scope.names})
        return scope.value(self.text, self.path), scope.mistakes

    def __str__(self) -> str:
        return rewritten(self.text, self.scope.names, self.waits)


@dataclass(frozen=True)
class Scope:
    """The names that `$` may use at a place of the document.

    All places of a section share a budget, and the list of what is wrong. What has been worked out as a whole
    is `done`: a dollar in it is a dollar.
    """

    names: Mapping[str, Any]
    budget: Budget = field(default_factory=Budget)
    mistakes: list[Mistake] = field(default_factory=list)
    done: bool = False

    def with_names(self, names: Mapping[str, Any]) -> Scope:
        """The scope with more names, or others."""
        return replace(self, names={**self.names, **names})

    def value(self, value: Any, path: Path, late: frozenset[str] = frozenset()) -> Any:
        """The value worked out; `late` are names that are known when the network's sizes are."""
        if self.done:
            return value
        if isinstance(value, str):
            return self.text(value, path, late) if "$" in value else value
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key), late) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, position), late) for position, item in enumerate(value)]
        return value

    def text(self, text: str, path: Path, late: frozenset[str]) -> Any:
        """What a text with `$` in it gives; UNKNOWN, and a mistake, where it can't be worked out."""
        if self.budget.left <= 0:
            return UNKNOWN
        try:
            parts = _parts(text)
            waits = frozenset(name for name in late if name not in self.names)
            if waits and any(part.expression and names_in(part.text) & waits for part in parts):
                return Late(text, self, waits, path)
            return self.joined(text, parts, waits)
        except Wrong as wrong:
            part = (wrong.start, wrong.end)
            self.mistakes.append(
                Mistake("expression", path, str(wrong), wrong.help, wrong.suggestion, part=part)
            )
            return UNKNOWN

    def joined(self, text: str, parts: Sequence[_Part], near: frozenset[str]) -> Any:
        """The parts of a text, worked out: a value alone keeps its type, several become one text.

        `near` are names that it may have meant.
        """
        names = {**self.names, **dict.fromkeys(near, UNKNOWN)} if near else self.names
        values = [
            evaluate(part.text, part.start, names, self.budget) if part.expression else part.text
            for part in parts
        ]
        if len(parts) == 1 and parts[0].expression:
            return values[0]
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        whole = "".join(map(as_text, values))
        if len(whole) > MAX_LENGTH + len(text):
            raise Wrong("the result would be too large", 0, len(text))
        return whole


@lru_cache(4096)
def names_in(text: str) -> frozenset[str]:
    """The names of an expression; none where it isn't one."""
    try:
        tree = syntax(text, 0)
    except Wrong:
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def names_of(text: str) -> frozenset[str]:
    """The names that the `$` in a text use."""
    try:
        return frozenset().union(*(names_in(part.text) for part in _parts(text) if part.expression))
    except Wrong:
        return frozenset()


def rewritten(text: str, names: Mapping[str, Any], waits: frozenset[str]) -> str:
    """A text whose expressions use no name but those that they wait for."""

    class Known(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            if node.id in waits or node.id not in names:
                return node
            return ast.parse(literal(names[node.id]), mode="eval").body

    written = ""
    for part in _split(text):
        if part.expression:
            written += f"$({ast.unparse(Known().visit(ast.parse(part.text.strip(), mode='eval')))})"
        else:
            written += part.text.replace("$", "$$")
    return written


def literal(value: Any) -> str:
    """A value as an expression writes it."""
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value) if isinstance(value, str | float) else as_text(value)


@lru_cache(4096)
def _parts(text: str) -> tuple[_Part, ...]:
    return tuple(_split(text))


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
            yield _Part(literal, 0, False)
            literal = ""
        name = _NAME.match(text, position + 1)
        if name:
            yield _Part(name[0], position + 1, True)
            position = name.end()
        elif text.startswith("$(", position):
            end = _closing(text, position + 1)
            yield _Part(text[position + 2 : end], position + 2, True)
            position = end + 1
        else:
            raise Wrong(
                "a `$` is followed by a name or `(`", position, position + 1, _plain_dollar(text, position)
            )
    if literal:
        yield _Part(literal, 0, False)


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
    raise Wrong("this `$(` is never closed", start - 1, start + 1)


def _plain_dollar(text: str, position: int) -> str:
    """How a dollar is written, or `${name}` as other languages have it."""
    braces = re.match(r"\$\{\s*([A-Za-z_]\w*)\s*\}", text[position:])
    return f"write `${braces[1]}`" if braces else "`$$` is a plain dollar"
