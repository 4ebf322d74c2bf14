"""A text that isn't YAML -> the diagnostic in the words of someone who wrote a file, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from yamlnet.diagnostics import Diagnostic, Span

Mark = Any  # PyYAML's stubs let marks be None, which a parser's events never have

_PROBLEMS = {
    "mapping values are not allowed in this context": "a `key: value` can't stand here",
    "did not find expected key": "a key or the end of the block was expected here",
    "could not find expected ':'": "a `:` is missing after this key",
    "did not find expected ',' or ']'": "a `,` or `]` was expected here",
    "did not find expected ',' or '}'": "a `,` or `}` was expected here",
    "did not find expected '-' indicator": "a `-` was expected here, as in the lines above",
    "did not find expected node content": "a value was expected here",
    "did not find expected <document start>": "nothing was expected after the end of the document",
    "found unexpected end of stream": "this quote is never closed",
    "found unknown escape character": "a `\\` in double quotes begins an escape, and this one isn't known",
    "found incompatible YAML document": "only YAML 1.1 and 1.2 are read",
    "found unexpected ':'": "a space is missing before or after this `:`",
}
"""A parser's complaint in other words."""

_CANNOT_BEGIN = (
    "found character that cannot start any token",
    "did not find expected alphabetic or numeric character",
    "did not find expected comment or line break",
)
_AT_START = (*_CANNOT_BEGIN[1:], "could not find expected ':'", "found unexpected end of stream")
"""Complaints that come after the start of what is wrong."""

_QUOTED_STARTS = re.compile(
    r"(?P<lead>(?:[:,\[{]|^\s*-)\s*)(?P<value>(?:[*@`%]|[<>]=?\s*[\d.]|&\W|!=)[^,\]}#\n]*)"
)


def syntax_error(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """The diagnostic for what PyYAML complains of."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Diagnostic(Span(file, 1, 1, 1, 1), "yaml-syntax", f"this isn't YAML: {error}".split("\n")[0])
    unclosed = _unclosed(error, text)
    mark = error.problem_mark or error.context_mark
    if unclosed or error.problem in _AT_START:
        mark = error.context_mark
    assert mark is not None
    mark = _in_text(mark, text)
    line = text.split("\n")[mark.line]
    end = len(line.rstrip()) if error.problem == "could not find expected ':'" else mark.column + 1
    span = Span(file, mark.line + 1, mark.column + 1, mark.line + 1, max(end, mark.column + 1) + 1)
    return Diagnostic(span, "yaml-syntax", _words(error, text, unclosed), help=_help(error, text, mark))


def _in_text(mark: Mark, text: str) -> Mark:
    """The mark, brought back to the end of the text where it stands after it."""
    end = len(text.rstrip())
    if mark.index < end:
        return mark
    return yaml.Mark(mark.name, end, text.count("\n", 0, end), end - text.rfind("\n", 0, end) - 1, None, 0)


def _unclosed(error: yaml.MarkedYAMLError, text: str) -> bool:
    """Whether a flow collection has no closing bracket: the complaint then comes long after its start."""
    if error.context_mark is None or "flow" not in (error.context or ""):
        return False
    depth = 0
    for character in text[error.context_mark.index :]:
        depth += (character in "[{") - (character in "]}")
        if depth == 0:
            return False
    return True


def _words(error: yaml.MarkedYAMLError, text: str, unclosed: bool) -> str:
    problem = error.problem or "syntax error"
    if unclosed and error.context_mark is not None:
        bracket = text[error.context_mark.index : error.context_mark.index + 1]
        return f"this `{bracket}` is never closed"
    start = error.context_mark if problem in _AT_START else error.problem_mark
    if start is not None and problem in _CANNOT_BEGIN:
        first = text[start.index : start.index + 1]
        return "a tab can't indent YAML" if first == "\t" else f"a value can't begin with `{first}`"
    closing = text[error.problem_mark.index : error.problem_mark.index + 1] if error.problem_mark else ""
    if closing in ("]", "}") and "flow" not in (error.context or ""):
        return f"this `{closing}` closes nothing"
    indented = _indented(error, text)
    if indented is not None:
        return "this line is indented by {}, and the block that it continues by {}".format(*indented)
    return _PROBLEMS.get(problem, problem)


def _indented(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int] | None:
    """The columns of a line and of its block, where the line is indented unlike the block."""
    mark, block = error.problem_mark, error.context_mark
    if mark is None or block is None or error.problem != "did not find expected key":
        return None
    before = text.split("\n")[_in_text(mark, text).line][: mark.column]
    return (mark.column, block.column) if not before.strip() and mark.column != block.column else None


def _help(error: yaml.MarkedYAMLError, text: str, mark: Mark) -> str | None:
    lines = text.split("\n")
    line = lines[mark.line]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces"
    if error.problem == "found unknown escape character":
        return "in single quotes a `\\` is plain"
    if error.problem == "could not find expected ':'":
        return _missing_colon_help(lines, mark.line)
    if error.problem == "mapping values are not allowed in this context":
        return _colon_help(line) or _above_help(lines, mark.line)
    if line[mark.column : mark.column + 1] == ";":
        return "lines end without a `;`"
    return unclosed_help(text, mark) or quote_help(text, mark) or _colon_help(line)


def unclosed_help(text: str, mark: Mark) -> str | None:
    """How to quote the expression of a line that YAML ends at a comma or bracket."""
    expression = next(_open_expressions(text.split("\n")[mark.line]), None)
    return None if expression is None else f'quote the expression: "{expression}"'


def _open_expressions(line: str) -> Iterator[str]:
    """Expressions of a line that hold a comma or bracket and aren't quoted."""
    for match in re.finditer(r"(?<![\"'])\$\((?:[^()\"']|\([^()]*\))*\)", line):
        if re.search(r"[,\[\]{}]", match[0]):
            yield match[0]
    for match in re.finditer(r"\bexpr:\s+([^\"'{}]*?[,\[][^\"'{}]*?)(?=\s*(?:,\s*\w+:[^,}]*)*\})", line):
        yield match[1].strip()


def quote_help(text: str, mark: Mark) -> str | None:
    """How to quote a value that begins with a character of YAML's own."""
    lines = text.split("\n")
    for number in (mark.line, mark.line - 1):
        if 0 <= number < len(lines):
            match = _QUOTED_STARTS.search(lines[number])
            if match:
                return f'quote it: "{match["value"].strip()}"'
    return None


def _missing_colon_help(lines: list[str], number: int) -> str | None:
    words = lines[number].split()
    if number and lines[number - 1].lstrip().startswith("- "):
        return f"an item of the list above is `- {' '.join(words)}`"
    if len(words) > 1:
        return f"write `{words[0]}: {' '.join(words[1:])}`"
    key, colon, value = words[0].partition(":")
    return f"write `{key}: {value}`: a space after the colon" if colon else None


def _above_help(lines: list[str], number: int) -> str | None:
    """What the line above lacks, where this one can't go on from it."""
    above = next((line for line in reversed(lines[:number]) if line.strip()), "").split(" #")[0]
    words = above.strip()
    item = words.startswith("- ")
    name, equals, value = words.removeprefix("- ").partition("=")
    if equals:
        return f"write `{name.strip()}: {value.strip()}`: a key and its value have a colon between them"
    if ":" in words or not words or " " in name.strip():
        return None
    if item:
        return f"`{name}` above is an item by itself: write `{name}:`, or a `-` before this one too"
    return f"`{words}` above is a key: write `{words}:`"


def _colon_help(line: str) -> str | None:
    if line.count(": ") > 1 and "{" not in line:
        return "write several arguments as `{name: value, name: value}`, and quote text that holds `: `"
    return None
