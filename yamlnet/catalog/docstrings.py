"""A docstring of torch in; its first sentence as one line of plain text out."""

from __future__ import annotations

import re

_ROLE = re.compile(r":\w+(?::\w+)*:`([^`]*)`")
_TARGET = re.compile(r"^~?(?:[\w.]*\.)?(\w+)$")
_LINK = re.compile(r"`([^`<]+?)\s*<[^>]*>`_+")
_LITERAL = re.compile(r"``?([^`]*)``?")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|texttt)\{+([^{}]*)\}+")
_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_SIGNATURE = re.compile(r"^\w+\(.*\)\s*(->.*)?$", re.DOTALL)
_SENTENCE = re.compile(r"^.*?[.:](?=\s|$)", re.DOTALL)
_ABBREVIATIONS = re.compile(r"\b(?:i\.e|e\.g|et al|vs)\.(?=\s)")


def summary(doc: str | None) -> str:
    """The first sentence; empty where there is none."""
    for paragraph in re.split(r"\n\s*\n", doc or ""):
        text = _without_signature(paragraph.strip())
        if text and not text.startswith("..") and not _SIGNATURE.match(text):
            return _first_sentence(_plain(text))
    return ""


def _without_signature(paragraph: str) -> str:
    first, _, rest = paragraph.partition("\n")
    return rest.strip() if rest and _SIGNATURE.match(first) else paragraph


def _plain(text: str) -> str:
    text = _ROLE.sub(_role_text, text)
    text = _LINK.sub(r"\1", text)
    text = _LITERAL.sub(r"\1", text)
    text = _LATEX.sub(r"\1", text)
    text = _FRACTION.sub(r"(\1) / (\2)", text)
    text = (
        text.replace(r"\leq", "<=")
        .replace(r"\geq", ">=")
        .replace(r"\neq", "!=")
        .replace(r"\left", "")
        .replace(r"\right", "")
        .replace(r"\times", "x")
        .replace("\\", "")
        .replace("**", "")
        .replace("`", "")
    )
    return " ".join(text.split())


def _role_text(match: re.Match[str]) -> str:
    target = _TARGET.match(match[1])
    return target[1] if target else match[1]


def _first_sentence(text: str) -> str:
    protected = _ABBREVIATIONS.sub(lambda match: match[0].replace(".", "\0"), text)
    sentence = _SENTENCE.match(protected)
    return (sentence[0] if sentence else protected).replace("\0", ".").rstrip(".:")
