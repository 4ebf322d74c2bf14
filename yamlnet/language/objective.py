"""The sections `loss` and `metrics` as written -> their terms: what is called, on what, and its weight."""

from __future__ import annotations

import re
from collections.abc import Mapping
from keyword import iskeyword
from math import isfinite
from typing import Any

from yamlnet.catalog import lookup, types
from yamlnet.catalog.allowed import NOTHING, Allowed, is_foreign
from yamlnet.catalog.entry import Call, Kind
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.calls import BROKEN, resolve, split
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.misnamed import discriminated
from yamlnet.language.plain import kind_of
from yamlnet.language.sources import read_formula, read_sources

Read = tuple[Any, list[Mistake]]
TERMS: tuple[Kind, ...] = ("loss", "function")
SIDES = ("from", "weight")
_EXAMPLE = "`loss: {image: {MSELoss, from: [output.image, image]}, kl: {expr: ..., weight: 0.1}}`"


def read_loss(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`loss`: one term under the empty name, or several by their names."""
    otherwise = (
        isinstance(value, dict) and discriminated(value, lambda name: _is_call(name, allow)) is not None
    )
    if not isinstance(value, dict) or otherwise or not _is_several(value, allow):
        term, mistakes = _term(value, path, "`loss`", allow)
        if isinstance(value, dict) and "weight" in value and _is_call(_called(value), allow):
            mistakes = [mistake for mistake in mistakes if mistake.path != (*path, "weight")]
            mistakes += _lone_weight(value, path, term["call"])
        return {"terms": {"": {**term, "weight": 1.0}}}, mistakes
    terms: dict[str, Any] = {}
    mistakes = []
    for name, item in value.items():
        place = (*path, name)
        if _is_call(name, allow) and not _is_term(item, name, allow):
            message = f"`{name}` stands beside terms that have names"
            help = f"give it one too: `{_free_name(value)}: {{{name}: ...}}`"
            mistakes.append(Mistake("wrong-value", place, message, help, at="key"))
            continue
        if name == "from" or (name == "weight" and not _is_term(item, name, allow)):
            message = f"`{name}` belongs to one term, and here are several"
            mistakes.append(Mistake("unknown-key", place, message, "write it beside a term's call", at="key"))
            continue
        if not name.isidentifier() or iskeyword(name):
            mistakes.append(Mistake("wrong-value", place, f"a term can't be named `{name}`", at="key"))
        terms[name], wrong = _term(item, place, f"the term `{name}`", allow)
        mistakes += wrong
    return {"terms": terms}, mistakes


def _is_several(value: Mapping[str, Any], allow: Allowed) -> bool:
    """Whether the values are terms; what is written wrongly counts as what it was meant to be."""
    if any(_is_term(item, name, allow) for name, item in value.items() if name != "from"):
        return True
    unnamed = any(_is_call(name, allow) for name in value)
    return not unnamed and any(isinstance(item, dict) and "from" in item for item in value.values())


def _is_term(value: Any, name: str, allow: Allowed) -> bool:
    """Whether what stands under a name is a term, and no argument of a call of that name."""
    if is_foreign(name, allow):
        return False
    if isinstance(value, str) and value.partition(".")[0] == "output":
        return not _calls(name)
    if isinstance(value, str):
        takes = [call.positional for call in _calls(name) if call.positional is not None]
        return _is_call(value, allow) and not any(types.accepts(parameter.type, value) for parameter in takes)
    if not isinstance(value, dict):
        return False
    options = {option for call in _calls(name) for option in call.options}
    return any(_is_call(key, allow) and key not in options for key in value)


def _calls(name: str) -> list[Any]:
    return [entry for kind in TERMS if (entry := lookup.find(name, kind)) is not None]


def _is_call(name: str | None, allow: Allowed) -> bool:
    return name == "expr" or (name is not None and (bool(_calls(name)) or is_foreign(name, allow)))


def _called(value: Mapping[str, Any]) -> str | None:
    return next((key for key in value if key not in SIDES), None)


def _free_name(taken: Mapping[str, Any]) -> str:
    return next(name for name in ("task", "main", "first", "other", "last") if name not in taken)


def _lone_weight(value: Mapping[str, Any], path: Path, call: Call | None) -> list[Mistake]:
    """A weight where there is nothing to be weighed against."""
    message, help = "a loss that is one term has no `weight`", f"terms have names: {_EXAMPLE}"
    if isinstance(value["weight"], list) and call is not None and "weight" in call.entry.options:
        message = f"the weights of classes are an argument of `{call.name}`"
        help = f"{call.name}: {{weight: [...]}}"
    return [Mistake("unknown-key", (*path, "weight"), message, help, at="key")]


def _term(value: Any, path: Path, what: str, allow: Allowed) -> tuple[dict[str, Any], list[Mistake]]:
    """One term of the loss."""
    written, mistakes = split(value, path, SIDES, lambda name: _is_call(name, allow), what)
    if written is None:
        return {"call": BROKEN, "weight": 1.0}, mistakes
    weight, wrong = _weight(written.sides.get("weight", 1.0), (*path, "weight"))
    mistakes += wrong
    if written.name == "expr":
        term, wrong = read_formula(written, path)
        return {**term, "weight": weight}, mistakes + wrong
    if written.name.partition(".")[0] == "output" and written.argument is None:
        message = f"`{written.name}` is a value, and a term is a loss of values"
        help = f"`{{expr: {written.name}}}` is its mean; a loss takes it as `from: [{written.name}, target]`"
        wrong = [Mistake("unknown-name", written.path, message, help, at=written.at)]
        return {"call": BROKEN, "weight": weight}, mistakes + wrong
    own = written.name.rpartition(".")[2]
    kinds: tuple[Kind, ...] = TERMS if own == own.lower() else ("loss",)
    call, wrong = resolve(written, kinds, also=("expr",), allow=allow)
    mistakes += wrong
    sources, wrong = read_sources(written, path, call or BROKEN)
    return {"call": call or BROKEN, **sources, "weight": weight}, mistakes + wrong


def _weight(value: Any, path: Path) -> tuple[float, list[Mistake]]:
    if value is UNKNOWN:
        return 1.0, []
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value), []
    return 1.0, [Mistake("wrong-type", path, f"`weight` of a term is a number, not {kind_of(value)}")]


def read_metrics(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`metrics`: a list of calls named by their class in snake_case, or a mapping of names to calls.

    Under a name an expression will do.
    """
    if isinstance(value, str) or (isinstance(value, dict) and _is_lone(value)):
        value, paths = [value], [path]
    elif isinstance(value, list):
        paths = [(*path, position) for position in range(len(value))]
    elif isinstance(value, dict):
        return _named_metrics(value, path)
    else:
        return value, []
    read: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for item, place in zip(value, paths, strict=True):
        term, wrong = _metric(item, place)
        mistakes += wrong
        if term["call"] is None:
            message, help = "an expression has no name of its own", "metrics: {spread: {expr: ...}}"
            mistakes.append(Mistake("wrong-value", place, message, help))
            continue
        name = snake_case(term["call"].name)
        if name in read and name:
            help = "name them: `metrics: {first: ..., second: ...}`"
            mistakes.append(Mistake("wrong-value", place, f"two metrics are named `{name}`", help, at="key"))
        read[name] = term
    return read, mistakes


def _is_lone(value: Mapping[str, Any]) -> bool:
    """Whether a mapping is one metric, and not several by their names."""
    return _is_metric(_called(value)) or ("expr" in value and not isinstance(value["expr"], dict))


def _is_metric(name: str | None) -> bool:
    return name is not None and lookup.find(name, "metric") is not None


def _named_metrics(value: Mapping[str, Any], path: Path) -> Read:
    read: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, item in value.items():
        read[name], wrong = _metric(item, (*path, name))
        mistakes += wrong
        if not name.isidentifier() or name == "loss":
            mistakes.append(
                Mistake("wrong-value", (*path, name), f"a metric can't be named `{name}`", at="key")
            )
    return read, mistakes


def _metric(value: Any, path: Path) -> tuple[dict[str, Any], list[Mistake]]:
    def is_call(name: str) -> bool:
        return name == "expr" or _is_metric(name)

    written, mistakes = split(value, path, ("from",), is_call, "a metric")
    if written is None:
        return {"call": BROKEN}, mistakes
    if written.name == "expr":
        term, wrong = read_formula(written, path)
        return term, mistakes + wrong
    call, wrong = resolve(written, ("metric",), also=("expr",))
    mistakes += wrong
    sources, wrong = read_sources(written, path, call or BROKEN)
    return {"call": call or BROKEN, **sources}, mistakes + wrong


def snake_case(name: str) -> str:
    """`F1Score` -> `f1_score`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
