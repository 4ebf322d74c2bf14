"""Diagnostics -> what a person or a program reads: text, one line each, JSON, annotations for CI."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence

from yamlnet.diagnostics import Diagnostic, Span, plural

RED, YELLOW, BLUE, BOLD, RESET = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"
MAX_WIDTH = 120
MAX_BEFORE = 40
"""Columns of a line that are shown, and of them before the place, where a line is cut."""


def as_text(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], colour: bool = False) -> str:
    """Each diagnostic with its line, a caret under the place, related places and help."""
    return "\n".join(_Block(diagnostic, texts, colour).render() for diagnostic in diagnostics)


def as_oneline(diagnostics: Sequence[Diagnostic]) -> str:
    """`file:line:column: severity[code] message` for each."""
    return "".join(
        f"{printable(d.span.file)}:{d.span.line}:{d.span.column}: "
        + f"{d.severity}[{d.code}] {printable(d.message)}"
        + (f" ({printable(d.help)})" if d.help else "")
        + "\n"
        for d in diagnostics
    )


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON array of objects as `Diagnostic.as_dict` makes them."""
    return json.dumps([d.as_dict() for d in diagnostics], indent=2, ensure_ascii=False) + "\n"


def as_github(diagnostics: Sequence[Diagnostic]) -> str:
    """Workflow commands that GitHub shows beside the lines of a change."""
    lines = []
    for d in diagnostics:
        message = d.message + (f"\n{d.help}" if d.help else "")
        place = (
            f"file={_property(d.span.file)},line={d.span.line},endLine={d.span.end_line},col={d.span.column}"
        )
        lines.append(f"::{d.severity} {place},title={_property(d.code)}::{_data(message)}\n")
    return "".join(lines)


def counts(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(d.severity == "error" for d in diagnostics)
    warnings = len(diagnostics) - errors
    parts = [plural(errors, "error")] if errors else []
    return ", ".join(parts + ([plural(warnings, "warning")] if warnings else []))


def printable(text: str) -> str:
    """The text with control characters shown, so that no file can steer a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


class _Block:
    """One diagnostic as a block of lines, in the manner of rustc."""

    def __init__(self, diagnostic: Diagnostic, texts: Mapping[str, str], colour: bool) -> None:
        self.diagnostic = diagnostic
        self.lines = {file: text.split("\n") for file, text in texts.items()}
        self.colour = colour

    def paint(self, text: str, code: str) -> str:
        return f"{code}{text}{RESET}" if self.colour and text else text

    def render(self) -> str:
        d = self.diagnostic
        tone = RED if d.severity == "error" else YELLOW
        span = d.span
        out = [self.paint(f"{d.severity}[{d.code}]", tone) + self.paint(f": {printable(d.message)}", BOLD)]
        same = [r for r in d.related if r.span.file == span.file]
        gutter = max(len(str(s.line)) for s in [span, *(r.span for r in d.related)])
        place = f"{printable(span.file)}:{span.line}:{span.column}"
        out.append(" " * (gutter + 1) + self.paint("-->", BLUE) + f" {place}")
        shown = self.source(span)
        label = d.help if d.help is not None and d.help.startswith("did you mean") else None
        if shown is not None:
            out.append(self.bar(gutter))
            places = [(r.span, "-", r.message, BLUE) for r in same] + [(span, "^", label or "", tone)]
            out += self.excerpt(sorted(places, key=lambda p: (p[0].line, p[1] == "^")), gutter)
        else:
            label = None
        for r in d.related:
            if r.span.file != span.file:
                other = f"{printable(r.span.file)}:{r.span.line}:{r.span.column}"
                out.append(" " * (gutter + 1) + self.paint(":::", BLUE) + f" {other}: {printable(r.message)}")
        if d.help is not None and label is None:
            out += self.help(d.help, gutter)
        return "\n".join(out) + "\n"

    def source(self, span: Span) -> str | None:
        lines = self.lines.get(span.file)
        if lines is None or span.line > len(lines) or not lines[span.line - 1].strip():
            return None
        return lines[span.line - 1]

    def bar(self, gutter: int) -> str:
        return " " * (gutter + 2) + self.paint("|", BLUE)

    def excerpt(self, places: Sequence[tuple[Span, str, str, str]], gutter: int) -> list[str]:
        out: list[str] = []
        last: tuple[int, str] | None = None
        for span, mark, label, tone in places:
            line = self.source(span)
            if line is None:
                continue
            end = span.end_column - 1 if span.end_line == span.line else len(line)
            text, before, width = _window(line, span.column - 1, end)
            if (span.line, text) != last:
                if last is not None and span.line > last[0] + 1:
                    out.append(" " * (gutter + 1) + self.paint("...", BLUE))
                out.append(" " + self.paint(f"{span.line:>{gutter}} |", BLUE) + f" {text}".rstrip())
            carets = self.paint(mark * width + (f" {printable(label)}" if label else ""), tone)
            out.append(f"{self.bar(gutter)} {' ' * before}{carets}")
            last = (span.line, text)
        return out

    def help(self, text: str, gutter: int) -> list[str]:
        first, *rest = text.split("\n")
        lead = " " * (gutter + 2)
        return [
            f"{lead}{self.paint('=', BLUE)} help: {printable(first)}",
            *(f"{lead}  {printable(line)}" for line in rest),
        ]


def _window(line: str, start: int, end: int) -> tuple[str, int, int]:
    """The line cut to what surrounds the span, the width before the span, and the span's width."""
    end = max(start + 1, min(end, len(line)))
    shown = [printable(character).replace("\t", " ") for character in line]
    widths = [sum(map(_width, text)) for text in shown]
    left, right = (0, len(line)) if sum(widths) <= MAX_WIDTH else _cut(widths, start)
    cut_left, cut_right = "..." if left else "", "..." if right < len(line) else ""
    before = len(cut_left) + sum(widths[left:start])
    width = sum(widths[start : min(end, right)])
    return cut_left + "".join(shown[left:right]) + cut_right, before, max(1, width)


def _cut(widths: Sequence[int], start: int) -> tuple[int, int]:
    """The characters around `start` that fit into a line, most of them behind it."""
    left = right = start
    used = 0
    while left > 0 and used + widths[left - 1] <= MAX_BEFORE:
        left -= 1
        used += widths[left]
    while right < len(widths) and used + widths[right] <= MAX_WIDTH:
        used += widths[right]
        right += 1
    while left > 0 and used + widths[left - 1] <= MAX_WIDTH:
        left -= 1
        used += widths[left]
    while left < start and widths[left] == 0:  # no accent without its letter
        left += 1
    return left, right


def _width(character: str) -> int:
    """The columns of a terminal that a character takes."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0  # what joins the character before: accents, and the second half of a Hangul syllable
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
