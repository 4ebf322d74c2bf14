"""A text that isn't YAML -> the diagnostic in the words of someone who wrote a file, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import yaml

from yamlnet.diagnostics import Diagnostic, Span
from yamlnet.language.flow_slips import flow_slips
from yamlnet.language.line_slips import line_slips
from yamlnet.language.quote_slips import inner_quote, quote_slips
from yamlnet.language.slips import Line, Slip, lines_of, proved

Mark = Any  # PyYAML's stubs let marks be None, which a parser's events never have

_SECOND_KEY = "mapping values are not allowed in this context"
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?= |$)", re.MULTILINE)

_PROBLEMS = {
    _SECOND_KEY: "a `key: value` can't stand here",
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
    "block sequence entries are not allowed in this context": "an item of a list can't begin within a line",
    "mapping keys are not allowed in this context": "a value can't begin with `?`",
    "found a tab character that violates indentation": "a tab can't indent YAML",
    "found a tab character where an indentation space is expected": "a tab can't indent YAML",
}
"""A parser's complaint in other words."""

_CANNOT_BEGIN = (
    "found character that cannot start any token",
    "did not find expected alphabetic or numeric character",
    "did not find expected comment or line break",
    "found an indentation indicator equal to 0",
    "found unknown directive name",
)
_AT_START = (*_CANNOT_BEGIN[1:], "could not find expected ':'", "found unexpected end of stream")
"""Complaints that come after the start of what is wrong."""

QUOTES = " \"'"

_QUOTED_STARTS = re.compile(
    r"(?P<lead>(?:[:,\[{]|^\s*-)\s*)(?P<value>(?:[*@`%]|[<>]=?\s*[\d.]|&\W|!=)[^,\]}#\n]*)"
)


def syntax_error(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """The diagnostic for what PyYAML complains of."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Diagnostic(Span(file, 1, 1, 1, 1), "yaml-syntax", f"this isn't YAML: {error}".split("\n")[0])
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        return Diagnostic(Span(file, line, 1, line, 8), "yaml-syntax", "two versions were left unmerged here")
    slip = _slip(error, text)
    if slip is not None:
        return slip.told(text, file)
    inner = inner_quote(error, text)
    unclosed = _unclosed(error, text)
    mark = error.problem_mark or error.context_mark
    if unclosed or error.problem in _AT_START:
        mark = error.context_mark
    assert mark is not None
    mark = _in_text(mark, text)
    line = text.split("\n")[mark.line]
    end = len(line.rstrip()) if error.problem == "could not find expected ':'" else mark.column + 1
    span = Span(file, mark.line + 1, mark.column + 1, mark.line + 1, max(end, mark.column + 1) + 1)
    message, help = inner or (_words(error, text, unclosed), _help(error, text, mark))
    return Diagnostic(span, "yaml-syntax", message, help=help)


def _slip(error: yaml.MarkedYAMLError, text: str) -> Slip | None:
    """The slip that explains a failure: one that has a place of its own, or one of a line around it."""
    marks = [_in_text(mark, text) for mark in (error.context_mark, error.problem_mark) if mark is not None]
    lines = lines_of(text)
    at = marks[0] if error.problem == "could not find expected ':'" else marks[-1]
    slips = quote_slips(error, text)
    if lines and not _unclosed(error, text) and "tab" not in str(error.problem):
        around = line_slips(lines, _position(lines, at), _position(lines, marks[0]))
        slips = chain(slips, flow_slips(error, text), around)
    return proved(slips, text, max(mark.line for mark in marks))


def _position(lines: Sequence[Line], mark: Mark) -> int:
    """The position of the line that a mark stands in, or behind."""
    return max((position for position, line in enumerate(lines) if line.start <= mark.index), default=0)


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
    opening = {"]": "{", "}": "["}.get(closing)
    if opening is not None:
        return f"this `{closing}` can't close a `{opening}`"
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
    if error.problem == "block sequence entries are not allowed in this context":
        return "begin it on a line of its own, or write the list as `[...]`"
    found = unclosed_help(text, mark) or quote_help(text, mark)
    return found or (_colon_help(line) if error.problem == _SECOND_KEY else None)


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


def key_help(text: str, mark: Mark) -> str | None:
    """How to write what has brackets where a key is expected."""
    braced = re.compile(r"\{\s*([A-Za-z_]\w*)\s*\}\}").match(text, mark.index)
    return f"write `${braced[1]}`" if braced is not None else unclosed_help(text, mark)


def quote_help(text: str, mark: Mark) -> str | None:
    """How to quote a value that begins with a character of YAML's own."""
    lines = text.split("\n")
    for number in (mark.line, mark.line - 1):
        if 0 <= number < len(lines):
            match = _QUOTED_STARTS.search(lines[number])
            if match:
                return f'quote it: "{match["value"].strip(QUOTES)}"'
    return None


def needs_quotes(value: str) -> bool:
    """Whether a value by itself begins with a character of YAML's own, and no list or mapping."""
    return _QUOTED_STARTS.match(f": {value.strip()}") is not None


def _colon_help(line: str) -> str | None:
    if line.count(": ") > 1 and "{" not in line:
        return "write several arguments as `{name: value, name: value}`, and quote text that holds `: `"
    return None
