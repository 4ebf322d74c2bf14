"""Mistakes of texts in the place of other values -> the same, with how a value of that name is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yamlnet.diagnostics import Mistake, Path


def with_names(mistakes: Sequence[Mistake], document: Mapping[str, Any]) -> list[Mistake]:
    """`width` where a number is taken was meant to be `$width`, where the document names such a value."""
    return [_with_name(mistake, document) for mistake in mistakes]


def _with_name(mistake: Mistake, document: Mapping[str, Any]) -> Mistake:
    if mistake.code != "wrong-type" or mistake.help is not None or mistake.at == "key":
        return mistake
    value = _value(document, mistake.path)
    name = value.strip("{} ").removeprefix("vars.") if isinstance(value, str) else ""
    if name not in _names(document, mistake.path):
        return mistake
    return replace(mistake, help=f"`${name}` is the value of that name", suggestion=f"${name}")


def _value(document: Any, path: Path) -> Any:
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _names(document: Mapping[str, Any], path: Path) -> set[str]:
    """The values that have names at this place: those of `vars`, and the parameters of its block."""
    known = [_value(document, ("vars",))]
    if path[:1] == ("blocks",):
        known.append(_value(document, (*path[:2], "params")))
    named = [item for names in known if isinstance(names, dict) for item in names.items()]
    return {name for name, value in named if not isinstance(value, str) or _may_be_other(value)}


def _may_be_other(text: str) -> bool:
    """Whether a text of the file stands for a value of another kind."""
    return "$" in text or text == "required"
