"""What is wrong, and where: spans, diagnostics, the table of codes, and the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Path = tuple[str | int, ...]
"""The way from the document's root to a value: mapping keys and list positions."""

Severity = Literal["error", "warning"]

CODES: dict[str, str] = {
    "yaml-syntax": "the text isn't YAML, or a part of YAML that experiments don't use (tags, ...)",
    "duplicate-key": "a key is written twice in one mapping",
    "unknown-key": "a key that this place doesn't have",
    "unknown-name": "a name that isn't in the catalogue",
    "unknown-parameter": "a parameter that the called class or function doesn't have",
    "missing-key": "a key that this place needs isn't there",
    "missing-parameter": "a call lacks a parameter that has no default and can't be inferred",
    "wrong-type": "a value of another type than the key or parameter takes",
    "wrong-value": "a value of the right type that can't be used here",
    "unknown-reference": "a `from`, `output` or step names nothing that stands before it",
    "missing-file": "a file that is needed to build the network isn't there (yet)",
    "expression": "a `$name` or `$(expression)` that can't be worked out",
    "recursion": "a value, a file or a block that leads back to itself without an end",
    "shape-mismatch": "sizes that don't fit together",
    "dtype-mismatch": "a tensor of another element type than the layer or function takes",
    "loss-mismatch": "the loss doesn't fit the model's output and the target",
    "schedule-mismatch": "a schedule of the learning rate that doesn't end with the training",
    "no-match": "a pattern that matches nothing",
    "unused-value": "a value or parameter that nothing uses",
    "too-large": "more than the limits of a file or of this machine's memory",
    "outside-path": "a path of the file that leads out of the folders it may lead into",
    "not-allowed": "code outside the catalogue that nobody has permitted to run",
}
"""Every code with the kind of mistake it stands for."""

RUN_CODES: dict[str, str] = {
    "run-failure": "a layer, function, loss or metric that failed on the data it was run on",
    "not-finite": "a loss, a gradient or weights that are no finite numbers any more",
}
"""The codes of what only a run shows: `check` has none of them."""


@dataclass(frozen=True, order=True)
class Span:
    """A place in a text: lines and columns count from 1 in characters, the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Related:
    """A second place that a diagnostic speaks of."""

    span: Span
    message: str


@dataclass(frozen=True)
class Diagnostic:
    """One mistake: where it is, what is wrong, and where possible what to write instead."""

    span: Span
    code: str
    message: str
    severity: Severity = "error"
    help: str | None = None
    suggestion: str | None = None
    path: Path = ()
    related: tuple[Related, ...] = ()

    @property
    def file(self) -> str:
        """The text that the span is in."""
        return self.span.file

    @property
    def line(self) -> int:
        """The first line, counted from 1."""
        return self.span.line

    @property
    def column(self) -> int:
        """The first column, counted from 1."""
        return self.span.column

    @property
    def end_line(self) -> int:
        """The last line."""
        return self.span.end_line

    @property
    def end_column(self) -> int:
        """The column after the last character."""
        return self.span.end_column

    def as_dict(self) -> dict[str, object]:
        """The object that `check --format json` prints."""
        return {
            **_span_dict(self.span),
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "help": self.help,
            "suggestion": self.suggestion,
            "path": list(self.path),
            "related": [{**_span_dict(r.span), "message": r.message} for r in self.related],
        }


@dataclass(frozen=True)
class Mistake:
    """A diagnostic whose places are still paths; the document that was read knows their spans.

    `at` says whether the key or the value at `path` is wrong, `part` which characters of a scalar;
    `worked_out` that they count in its text without `$`.
    """

    code: str
    path: Path
    message: str
    help: str | None = None
    suggestion: str | None = None
    severity: Severity = "error"
    at: Literal["key", "value"] = "value"
    part: tuple[int, int] | None = None
    related: tuple[tuple[Path, str], ...] = field(default=())
    worked_out: bool = False


class YamlnetError(Exception):
    """The outside world failed: no file, no data, no device, no memory. One line, and what to do.

    `exit_code` is what the command line ends with: 3, a failure while running, unless said otherwise.
    """

    def __init__(self, message: str, help: str | None = None, exit_code: int = 3) -> None:
        super().__init__(message if help is None else f"{message}\n  = help: {help}")
        self.message = message
        self.help = help
        self.exit_code = exit_code


class MistakeError(YamlnetError):
    """A mistake in the file that only its data show."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.message, mistake.help, exit_code=1)
        self.mistake = mistake


class ConfigError(YamlnetError):
    """Mistakes in the file: `diagnostics` lists them, the text is what `yamlnet check` prints."""

    def __init__(self, diagnostics: Sequence[Diagnostic], text: str) -> None:
        super().__init__(text, exit_code=1)
        self.diagnostics = list(diagnostics)


class RunError(YamlnetError):
    """What failed while running, and where the file says it; the text is as `yamlnet check` prints it.

    `message` is one line, with the place.
    """

    def __init__(self, diagnostic: Diagnostic, text: str) -> None:
        place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}"
        super().__init__(f"{place}: {diagnostic.message}")
        self.args = (text,)
        self.diagnostics = [diagnostic]


MAX_MISTAKES = 500
"""How many mistakes of a file are told: nobody reads more."""

MAX_CHOICES = 20
"""How many names are listed where none is near."""

MAX_LETTERS = 100
"""The longest name that one may have been meant for another."""

MAX_KNOWN = 2_000
"""Among how many names the nearest is looked for: the catalogue's are fewer."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be, or None where none is near.

    Case, `-` and `_` count for little; otherwise insertions, deletions, substitutions and swaps of
    neighbours each cost one (the restricted Damerau-Levenshtein distance), and about a third of the
    letters may be wrong. The first words of a longer name will do: `kernal` is near `kernel_size`.
    """
    return next((candidate for _, candidate in ranked(name, known)), None)


def ranked(name: str, known: Iterable[str]) -> list[tuple[float, str]]:
    """The known names that `name` may have been meant to be, the nearest first, with their distances."""
    if len(name) > MAX_LETTERS:
        return []
    folded = _fold(name)
    letters = frozenset(folded)
    names = list(known)
    names = names if len(names) <= MAX_KNOWN else sorted(names)[:MAX_KNOWN]
    scored = ((_distance(name, folded, letters, candidate), candidate) for candidate in names)
    return sorted((distance, candidate) for distance, candidate in scored if distance is not None)


def _distance(name: str, folded: str, letters: frozenset[str], candidate: str) -> float | None:
    best = None
    for head, others, cut in _heads(candidate):
        if not cut or len(folded) >= 4:
            distance = _within_third(folded, letters, head, others)
            if distance is not None and (best is None or distance + cut < best):
                best = distance + cut
    if len(folded) >= 4 and _fold(candidate).startswith(folded):
        best = min(1.5, best if best is not None else 1.5)
    if best is None:
        return None
    # capitals break ties: classes are offered for classes; then what was cut short
    different = sum(x != y for x, y in zip(name, candidate, strict=False)) / 100
    capital = 0.4 * (_has_capitals(name) != _has_capitals(candidate))
    capital -= 0.02 * (best == len(candidate) - len(name))  # letters are left out more often than replaced
    return best + different + capital + 0.005 * (len(candidate) < len(name))


@lru_cache(8192)
def _heads(candidate: str) -> tuple[tuple[str, frozenset[str], float], ...]:
    """A name and its first words, the letters of each, and what is added where words are left out."""
    if len(candidate) > MAX_LETTERS:
        return ()
    whole = _fold(candidate)
    heads = [whole[:end] for end, letter in enumerate(whole) if letter == "_"]
    return ((whole, frozenset(whole), 0), *((head, frozenset(head), 0.5) for head in heads))


def _has_capitals(name: str) -> bool:
    return name != name.lower()


def _within_third(a: str, letters: frozenset[str], b: str, others: frozenset[str]) -> int | None:
    """The edit distance where it is small; each letter that only one of both has takes an edit."""
    allowed = max(1, max(len(a), len(b)) // 3)
    if abs(len(a) - len(b)) > allowed or max(len(letters - others), len(others - letters)) > allowed:
        return None
    distance = _edit_distance(a, b)
    return distance if distance <= allowed and distance < len(b) else None


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str | None, str | None]:
    """The help line and the suggestion for an unknown name: the nearest one, else the choices where few."""
    choices = sorted(set(known))
    near = nearest(name, choices)
    if near is not None:
        return f"did you mean `{near}`?", near
    if len(choices) == 1:
        return f"there is only `{choices[0]}`", None
    if 0 < len(choices) <= MAX_CHOICES:
        return "choose from " + ", ".join(f"`{choice}`" for choice in choices), None
    return None, None


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def size(count: float) -> str:
    """Bytes in the unit that reads best: `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if round(count, 0 if unit == "B" else 3) < 999.5:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1000
    return f"{count:,.0f} EB"


def plural(count: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


@lru_cache(8192)
def _fold(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")


def _edit_distance(a: str, b: str) -> int:
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _span_dict(span: Span) -> dict[str, object]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
