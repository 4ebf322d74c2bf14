"""A docstring of torch in; its first sentence, and that of each argument, as plain text out."""

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
_SECTION = re.compile(r"^( *)(?:Args?|Arguments|Parameters|Keyword [Aa]rg(?:ument)?s)::? *$")
_ARGUMENT = re.compile(r"^ *([\w, *]+?) *(?:\((?:[^()]|\([^()]*\))*\))? *:(?: +(.*))?$")
_DEFAULT = re.compile(
    r"[,.;]? *(?:\((?:default|Default)[^()]*(?:\([^()]*\)[^()]*)*\)|\bDefault:.*$|Has a default value.*$)"
)
_ABBREVIATIONS = re.compile(r"\b(?:i\.e|e\.g|et al|vs)\.(?=\s)")

MAX_LENGTH = 300
"""Of a description; what is longer isn't one sentence."""


def summary(doc: str | None) -> str:
    """The first sentence; empty where there is none."""
    for paragraph in re.split(r"\n\s*\n", doc or ""):
        text = _without_signature(paragraph.strip())
        if text and not text.startswith("..") and not _SIGNATURE.match(text):
            return _first_sentence(_plain(text))
    return ""


def arguments(doc: str | None) -> dict[str, str]:
    """The first sentence that is said of each argument."""
    found: dict[str, str] = {}
    names: list[str] = []
    section, depth = -1, 0
    for line in (doc or "").expandtabs().splitlines():
        indent = len(line) - len(line.lstrip())
        if header := _SECTION.match(line):
            section, depth, names = len(header[1]), 0, []
        elif section < 0 or not line.strip():
            names = []
        elif indent <= section:
            section = -1
        else:
            depth = depth or indent
            start = _ARGUMENT.match(line) if indent == depth else None
            if start is not None:
                names = [name.strip(" *") for name in start[1].split(",")]
            elif indent == depth:
                names = []
            for name in names:
                found[name] = f"{found.get(name, '')} {(start[2] or '') if start else line.strip()}"
    return {name: said for name, text in found.items() if (said := _sentence(text))}


def _sentence(text: str) -> str:
    """The first sentence without the default, which the signature tells."""
    said = _first_sentence(_DEFAULT.sub("", _plain(text))).strip()
    return said if re.search(r"\w", said) and len(said) <= MAX_LENGTH else ""


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
