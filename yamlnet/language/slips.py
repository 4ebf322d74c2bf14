"""A text that isn't YAML and where reading it fails -> the slip that explains it, proved by mending it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any

import yaml

from yamlnet.catalog import lookup
from yamlnet.diagnostics import Diagnostic, Related, Span

MAX_TEXT = 2**15
"""Characters of a text that is read again with each mending."""

MAX_LINE = 1000
"""Characters of a line in which slips are looked for."""

MAX_TRIED = 60
"""Mendings that are tried."""

Event = Any  # PyYAML's stubs let marks be None, which a parser's events never have

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


Place = tuple[int, int]
"""Where characters of a text begin and end."""


@dataclass(frozen=True)
class Slip:
    """What may have been meant: `new` in place of the characters `edit`; the mistake stands at `place`."""

    place: Place
    message: str
    help: str | None
    edit: Place
    new: str
    related: tuple[Place, str] | None = None

    def mended(self, text: str) -> str:
        """The text with the slip taken back."""
        start, end = self.edit
        return text[:start] + self.new + text[end:]

    def told(self, text: str, file: str) -> Diagnostic:
        """The diagnostic that points at it."""
        related = (
            () if self.related is None else (Related(_span(self.related[0], text, file), self.related[1]),)
        )
        span = _span(self.place, text, file)
        return Diagnostic(span, "yaml-syntax", self.message, help=self.help, related=related)


def _span(place: Place, text: str, file: str) -> Span:
    """The span of characters of one line."""
    start, end = place
    before = text.rfind("\n", 0, start)
    line = text.count("\n", 0, start) + 1
    return Span(file, line, start - before, line, end - before)


@dataclass(frozen=True)
class Line:
    """A line that says something, where it starts in the text, and what it says without its comment."""

    start: int
    indent: int
    words: str

    @property
    def first(self) -> int:
        """Where its words begin."""
        return self.start + self.indent

    @property
    def place(self) -> Place:
        """Where its words stand."""
        return self.first, self.first + len(self.words)

    @property
    def is_item(self) -> bool:
        """Whether it begins with the dash of a list's item."""
        return re.match(r"-(\s|$)", self.words) is not None

    @property
    def lead(self) -> str:
        """The dashes before its words."""
        found = re.match(r"(-\s+)*", self.words)
        return found[0] if found else ""

    @property
    def key(self) -> str | None:
        """The key that it begins with, behind any dashes."""
        found = re.match(r"([\w.$]+)\s*:(\s|$)", self.words[len(self.lead) :])
        return found[1] if found else None


def lines_of(text: str) -> list[Line]:
    """The lines that say something."""
    found = []
    start = 0
    for line in text.split("\n"):
        words = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if words.strip():
            indent = len(words) - len(words.lstrip())
            found.append(Line(start, indent, words[indent:]))
        start += len(line) + 1
    return found


def proved(slips: Iterable[Slip], text: str, failed: int) -> Slip | None:
    """The first slip without which the whole text reads, else the first without which line `failed` does."""
    if len(text) > MAX_TEXT or max(map(len, text.split("\n"))) > MAX_LINE:
        return None
    further = None
    for slip in islice(slips, MAX_TRIED):
        reached = _reached(slip.mended(text))
        if reached == inf:
            return slip
        if further is None and reached > failed:
            further = slip
    return further


def _reached(text: str) -> float:
    """The line, from 0, up to which a text reads."""
    reached = -1.0
    try:
        event: Event
        for event in yaml.parse(text, Loader=LOADER):
            reached = float(event.start_mark.line)
    except yaml.YAMLError:
        return reached
    return inf


def is_call(name: str) -> bool:
    """Whether a name is one of PyTorch's, or of what stands beside it in the catalogue."""
    return bool(lookup.kinds_of(name))


def takes(name: str, key: str) -> bool:
    """Whether what has this name takes a parameter of that name."""
    entries = [entry for kind in lookup.kinds_of(name) if (entry := lookup.find(name, kind)) is not None]
    return any(key in entry.options for entry in entries)
