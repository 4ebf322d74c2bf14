"""`$name` and `$(expression)` in a document's values -> the values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
)

_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class _Part:
    """A piece of a text: literal words, or an expression and where it begins and ends."""

    text: str
    start: int
    expression: bool


def substitute(value: Any, path: Path, scope: Mapping[str, Any]) -> tuple[Any, list[Mistake]]:
    """The value with every `$name` and `$(expression)` in it worked out; keys are left as they are."""
    substitution = _Substitution(scope)
    return substitution.value(value, path), substitution.mistakes


def evaluate_vars(given: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], list[Mistake]]:
    """The `vars` of a document, in order: each may use those before it."""
    refused = [name for name in given if not _NAME.fullmatch(name) or name in CONSTANTS]
    help = "names are letters, digits and `_`, and neither begin with a digit nor are `true false null`"
    mistakes = [
        Mistake("wrong-value", (*path, name), f"`{name}` can't name a value", help, at="key")
        for name in refused
    ]
    values: dict[str, Any] = {name: LATER for name in given if name not in refused}
    substitution = _Substitution(values)
    for name in values:
        values[name] = substitution.value(given[name], (*path, name))
    return values, mistakes + substitution.mistakes


class _Substitution:
    """Works values out, in the order of the document, within one budget for all of them."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope
        self.budget = Budget()
        self.mistakes: list[Mistake] = []

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self.text(value, path) if "$" in value else value
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, position)) for position, item in enumerate(value)]
        return value

    def text(self, text: str, path: Path) -> Any:
        if self.budget.left <= 0:
            return UNKNOWN
        try:
            return self.worked_out(text)
        except Wrong as wrong:
            part = (wrong.start, wrong.end)
            self.mistakes.append(Mistake("expression", path, str(wrong), wrong.help, part=part))
            return UNKNOWN

    def worked_out(self, text: str) -> Any:
        parts = list(_split(text))
        values = [
            evaluate(part.text, part.start, self.scope, self.budget) if part.expression else part.text
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
                "a `$` is followed by a name or `(`", position, position + 1, "`$$` is a plain dollar"
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
