"""A name that the catalogue doesn't have -> the help and the suggestion: what was likely meant by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.allowed import CATALOGUED
from yamlnet.catalog.entry import Entry, Kind
from yamlnet.diagnostics import Path, nearest, ranked
from yamlnet.language import planned
from yamlnet.language.expressions import Wrong
from yamlnet.language.formula import parse
from yamlnet.language.misnamed import called, from_python, is_arithmetic
from yamlnet.language.plain import show
from yamlnet.language.synonyms import OF_OPTIMIZER, names_meant, top_k_meant
from yamlnet.language.values import plainly

Offer = tuple[str, str | None]
"""The help and the suggestion."""

ONE_WORD = re.compile(r"(?P<key>[\w.]+)(?P<mark>:\s*|\s*=(?!=)\s*|\s+(?=[\d.\[{-]))(?P<value>.*)", re.DOTALL)
"""A key and its value that YAML takes for one word, and what stands between them."""


@dataclass(frozen=True)
class Unknown:
    """A call of no known name: its argument, its place, and the kinds that can stand there.

    `own` are the file's own names, `fits` tells whether a call of another name would take this argument.
    """

    name: str
    argument: Any
    path: Path
    kinds: tuple[Kind, ...]
    own: Collection[str]
    fits: Callable[[str], bool]

    @property
    def known(self) -> frozenset[str]:
        """The names that could have been written."""
        return frozenset({*self.own, *(name for kind in self.kinds for name in lookup.names(kind))})


def offer(unknown: Unknown) -> Offer | None:
    """What to write for it, None where that can't be known."""
    known = unknown.known
    finders: tuple[Callable[[], Offer | None], ...] = (
        lambda: space_lost(unknown.name, known) if ":" in unknown.name else None,
        lambda: _otherwise_dotted(unknown.name, known),
        lambda: _each(unknown, known),
        lambda: _called(unknown),
        lambda: _of_other_tools(unknown, known),
        lambda: _colon_lost(unknown, known),
        lambda: likeliest(unknown.name, known, unknown.fits, unknown.own),
    )
    return next((found for find in finders if (found := find()) is not None), None)


def space_lost(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """The help and the suggestion for `Linear:128` and `lr = 0.1`, which YAML takes for one word."""
    found = ONE_WORD.fullmatch(name)
    if found is None or found["key"] not in known:
        return None
    key, mark, value = found["key"], found["mark"], found["value"]
    if not value:
        return (f"write `{key}:`: one colon", key) if mark.strip() == ":" else None
    whole = f"{key}: {value}"
    if mark.startswith(":") and mark.endswith(" "):
        return f"write `{whole}` without quotes", whole
    missing = {":": "a space after the colon", "=": "a colon, not an equals sign"}
    return f"write `{whole}`: {missing.get(mark.strip(), 'a colon after the key')}", whole


def likeliest(
    name: str,
    known: Iterable[str],
    fits: Callable[[str], bool] = lambda name: True,
    own: Iterable[str] = (),
) -> tuple[str, str] | None:
    """The help and the suggestion: the file's `own` name where it is the nearest.

    Else of the names that are equally near one that fits, a common one.
    """
    near = ranked(name, known)
    equal = [found for distance, found in near if distance < near[0][0] + 0.5]
    equal = equal[:1] if equal and equal[0] in own else equal
    chosen = min(equal, key=lambda found: (not fits(found), found not in lookup.COMMON), default=None)
    return None if chosen is None else (f"did you mean `{chosen}`?", chosen)


def _otherwise_dotted(name: str, known: Iterable[str]) -> Offer | None:
    """The offer for a model without its package, and for `nn.Linear` with it."""
    bare = name.rpartition(".")[2] if name.partition(".")[0] in CATALOGUED else name
    likely = (bare, f"torchvision.{bare}", bare.removeprefix("Lazy"))  # all layers infer their sizes here
    found = next((one for one in likely if one in known and one != name), None)
    return (f"did you mean `{found}`?", found) if found else None


def _each(unknown: Unknown, known: Collection[str]) -> Offer | None:
    """The offer for several names, of which each would be a run."""
    several = planned.split_at_commas(unknown.name, plainly)
    each = planned.one_run_each(several, unknown.path, lambda name: name in known)
    return (each, None) if each else None


def _called(unknown: Unknown) -> Offer | None:
    """The offer for a call or a formula as Python writes it."""
    python = from_python(unknown.name, unknown.kinds)
    if python is not None:
        return f"write `{_placed(python, unknown)}`", None
    entry = called(unknown.name, unknown.kinds)
    formula = _FUNCTION_OF.sub("", unknown.name)
    if "function" in unknown.kinds and _is_formula(formula, unknown, entry):
        formula = f'"{formula}"' if re.search(r"[,\[\]{}#]", formula) else formula
        return f"an expression is written `{{expr: {formula}}}`", None
    return None if entry is None or entry.kind == "function" else (_notation(entry, unknown), None)


def _placed(call: str, unknown: Unknown) -> str:
    """A call as it can stand here: behind a key on the same line, in braces."""
    behind = isinstance(unknown.path[-1], str) and unknown.path[-1] != unknown.name
    return f"{{{call}}}" if behind and ": " in call else call


def _is_formula(text: str, unknown: Unknown, entry: Entry | None) -> bool:
    """Whether a text is a formula of values, or a function's call on the file's own."""
    if entry is None:
        words = re.findall(_NAME, text)
        return is_arithmetic(text) and not any(lookup.find(word, "module") for word in words)
    try:
        names = parse(text).names
    except Wrong:
        return False
    return entry.kind == "function" and bool(names) and {*names} <= {*unknown.own, "input"}


_NAME = r"[A-Za-z_][\w.]*"
_FUNCTION_OF = re.compile(r"(?<![\w.])(?:torch\.nn\.functional|nn\.functional|torch|F)\.(?=\w+\()")


def _colon_lost(unknown: Unknown, known: Collection[str]) -> Offer | None:
    """The offer for `Linear 32` and `Linear out_features=32`."""
    found = re.fullmatch(rf"({_NAME})(?:(?:\s*=\s*|\s+)(.+)|[(\[]([^()\[\]]+)[)\]]?)", unknown.name)
    if found is None or called(unknown.name, unknown.kinds) is not None:
        return None
    head, rest = found[1], found[2] or found[3]
    if not re.match(r"\w+\s*=|[-.\d(\[]|true|false|null|None", rest, re.IGNORECASE):
        return None

    def written(name: str) -> str | None:
        return from_python(f"{name}({rest})", unknown.kinds)

    near = likeliest(head, known, lambda name: written(name) is not None)
    entry = None if near is None else entry_of(near[1], unknown.kinds)
    if entry is None:
        return None
    call = written(entry.name) if unknown.name.count("(") == unknown.name.count(")") else None
    if call is None and entry.kind == "function":
        return None
    return (f"write `{_placed(call, unknown)}`" if call else _notation(entry, unknown)), None


def _notation(entry: Entry, unknown: Unknown) -> str:
    """How the arguments of a call are written, where those that were meant can't be told."""
    needed = [name for name, parameter in entry.options.items() if parameter.required]
    needed = needed or list(entry.options)[:2]
    named = ", ".join(f"{name}: ..." for name in needed)
    whole = f"{entry.name}: {{{named}}}" if named else entry.name
    return f"arguments have names: `{_placed(whole, unknown)}`"


def entry_of(name: str, kinds: Iterable[Kind]) -> Entry | None:
    """The entry of the first kind that has this name."""
    return next((entry for kind in kinds if (entry := lookup.find(name, kind)) is not None), None)


def _of_other_tools(unknown: Unknown, known: Collection[str]) -> Offer | None:
    """The offer for what other tools call by this name."""
    name, kinds, argument = unknown.name, unknown.kinds, unknown.argument
    if kinds == ("optimizer",) and name in OF_OPTIMIZER:
        return f"it is an argument: `{{AdamW: {{{name}: {show(argument)}}}}}`", None
    if kinds == ("metric",) and name == "loss":
        return "the loss and its terms are measured anyway", None
    if kinds == ("metric",) and (found := top_k_meant(name, argument, known)) is not None:
        return f"write `{{{found[0]}: {show(found[1])}}}`", None
    if nearest(name, unknown.own) is not None:
        return None
    ours = next((one for one in names_meant(name, kinds) if one in known), None)
    return None if ours is None else (f"did you mean `{ours}`?", ours)
