"""A text that isn't YAML -> the quotes that may not be closed where they were meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from yamlnet.language.slips import LOADER, Event, Slip

_ENDS = (r",(?=\s*[\w.]+:\s)", r"[\]}]", r",")
"""What ends a value in brackets, the surest first."""

_NEVER_OPENED = re.compile(
    r"(?:[:\-]\s+|[\[{,]\s*)(?P<value>[^\s\"'#][^\"'#\n]*)(?P<quote>[\"'])\s*(?=[,\]}]|$)", re.M
)


def quote_slips(error: yaml.MarkedYAMLError, text: str) -> Iterator[Slip]:
    """The last quote before the failure, closed on its line; and texts of the line that no quote opens."""
    yield from _never_closed(error, text)
    if error.problem_mark is not None:
        marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
        for start in {text.rfind("\n", 0, mark.index) + 1 for mark in marks}:
            yield from _never_opened(text, start)


def _never_opened(text: str, start: int) -> Iterator[Slip]:
    """Texts of the line at `start` that only end with a quote."""
    for found in _NEVER_OPENED.finditer(text, start, (text + "\n").index("\n", start)):
        value, quote = found["value"], found["quote"]
        message = "this quote closes a text that no quote opens"
        if re.search(r"(^|:\s*)[\[{]", value):  # a list or a mapping, which no quotes belong around
            yield Slip(found.span("quote"), message, None, found.span("quote"), "")
            continue
        new = f"{quote}{value}{quote}"
        edit = (found.start("value"), found.end("quote"))
        yield Slip(found.span("quote"), message, f"write `{new}`", edit, new)


def _never_closed(error: yaml.MarkedYAMLError, text: str) -> Iterator[Slip]:
    """The last quote before the failure, closed at the end of its line or before a comma or bracket."""
    opened = _opened(error, text)
    if opened is None:
        return
    start, end = opened
    line = text[start:].split("\n")[0]
    quote = line[0]
    ends = [
        len(re.sub(r"\s#.*", "", line).rstrip()),
        *(found.start() for form in _ENDS for found in re.finditer(form, line)),
    ]
    for length in ends:
        written = line[:length].rstrip()
        value = written[1:].rstrip("\"'")
        if value and quote not in written[1:]:
            new = f"{quote}{value}{quote}"
            related = None if end is None else ((end - 1, end), "its text ends only here")
            edit = (start, start + len(written))
            yield Slip((start, start + 1), "this quote is never closed", f"write `{new}`", edit, new, related)


def inner_quote(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str] | None:
    """The message and the help where a quote inside quoted text ends it."""
    last = _last_quoted(text)
    if error.problem_mark is None or last is None:
        return None
    at, quote = error.problem_mark.index, text[last[0]]
    if text[last[1] : at].strip(" ") or quote not in text[max(at, last[1]) :].split("\n")[0]:
        return None
    escaped = "''" if quote == "'" else '\\"'
    return "the quoted text ends before this", f"a quote inside it is written `{escaped}`"


def _opened(error: yaml.MarkedYAMLError, text: str) -> tuple[int, int | None] | None:
    """Where the quote opens, and where it is closed if it is."""
    if error.problem == "found unexpected end of stream" and error.context_mark is not None:
        return error.context_mark.index, None
    return _last_quoted(text)


def _last_quoted(text: str) -> tuple[int, int] | None:
    """The start and the end of the last quoted text that can be read."""
    found = None
    try:
        event: Event
        for event in yaml.parse(text, Loader=LOADER):
            place = event.start_mark.index, event.end_mark.index
            if isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"'):
                found = place
    except yaml.YAMLError:
        pass
    return found
