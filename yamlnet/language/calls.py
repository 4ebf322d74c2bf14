"""A call as the file writes it -> the catalogue's entry with checked arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from yamlnet.catalog import foreign, lookup, types
from yamlnet.catalog.allowed import NOTHING, Allowed, is_foreign
from yamlnet.catalog.entry import Call, Entry, Kind, Parameter
from yamlnet.catalog.overrides import left_out
from yamlnet.diagnostics import MAX_MISTAKES, Mistake, Path, did_you_mean, listed, nearest
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.meant import Unknown, entry_of, offer, space_lost
from yamlnet.language.misnamed import discriminated
from yamlnet.language.misnamed import written as written_call
from yamlnet.language.plain import kind_of, show
from yamlnet.language.positional import by_name
from yamlnet.language.substitution import Late
from yamlnet.language.synonyms import names_meant, parameter_meant, side_meant
from yamlnet.language.values import check_value

ARTICLES: Mapping[Kind, str] = {
    "module": "a module",
    "function": "a function",
    "loss": "a loss",
    "metric": "a metric",
    "optimizer": "an optimizer",
    "scheduler": "a scheduler",
    "init": "an initialiser",
    "dataset": "a data set",
    "field": "a kind of field",
    "transform": "a transform",
}


_BESIDE = {"from": "it stands beside the call, as in `{NAME, from: ...}`"}

OTHERWISE: Mapping[Kind, Mapping[str, str]] = {
    "function": _BESIDE,
    "loss": _BESIDE,
    "metric": _BESIDE,
    "module": {
        **_BESIDE,
        "activation": "an activation is a node of its own, such as `- ReLU` after this one",
    },
    "scheduler": {"monitor": "`metric` stands beside the call: `metric: validation.loss`"},
    "optimizer": {"parameters": "yamlnet fills in `params`; `groups` choose among them"},
}
"""What other tools say by an argument, and how it is said here."""

BROKEN = Call(Entry("", "module", "", {}), {}, ())
"""Stands for a call with a mistake, so that its section is validated all the same."""


@dataclass(frozen=True)
class Written:
    """A call before its name is looked up: the name, its argument, and the keys that stood beside it.

    `path` leads to the argument; for a bare name, to the name.
    """

    name: str
    argument: Any
    path: Path
    sides: Mapping[str, Any]
    beside: Path

    @property
    def at(self) -> Literal["key", "value"]:
        """Where the name stands: it is the key of its argument, or a value by itself."""
        return name_place(self.path, self.name)


def name_place(path: Path, name: str) -> Literal["key", "value"]:
    """Whether a call's name is the key that `path` ends with, or the bare name that stands there."""
    return "key" if path and path[-1] == name else "value"


def split(
    value: Any,
    path: Path,
    sides: Collection[str],
    is_call: Callable[[str], bool],
    what: str,
    offered: Callable[[str], Collection[str]] | None = None,
) -> tuple[Written | None, list[Mistake]]:
    """Tells the call of a mapping from the keys beside it; `what` names the place in messages.

    `offered` are the keys that can stand beside the call of a name, where not all can.
    """
    if value is UNKNOWN:
        return None, []
    if isinstance(value, str):
        return Written(value, None, path, {}, path), []
    if not isinstance(value, dict):
        message = f"{what} is a name or a mapping, not {kind_of(value)}"
        lone = value[0] if isinstance(value, list) and len(value) == 1 else None
        help = f"it is one, and no list: `{show(lone)}`" if isinstance(lone, str | dict) else None
        return None, [Mistake("wrong-type" if value is not None else "missing-key", path, message, help)]
    name, mistakes = _call_key(value, path, sides, is_call, what, offered or (lambda name: sides))
    if name is None:
        return None, mistakes
    beside = {key: item for key, item in value.items() if key in sides}
    return Written(name, value[name], (*path, name), beside, path), mistakes


def _call_key(
    value: Mapping[str, Any],
    path: Path,
    sides: Collection[str],
    is_call: Callable[[str], bool],
    what: str,
    offered: Callable[[str], Collection[str]],
) -> tuple[str | None, list[Mistake]]:
    candidates = [key for key in value if key not in sides]
    if len(candidates) == 1 and discriminated({candidates[0]: value[candidates[0]]}, is_call) is None:
        return candidates[0], []
    if not candidates:
        return None, [Mistake("missing-key", path, f"{what} calls nothing", at="key")]
    calls = [key for key in candidates if is_call(key)]
    named = discriminated({key: value[key] for key in candidates}, is_call) if not calls else None
    if named is not None:
        message = f"a call's name is its key here, not the value of `{named[0]}`"
        help = f"write `{named[1]}`"
        return None, [Mistake("unknown-key", (*path, named[0]), message, help, at="key")]
    if len(calls) > 1:
        message = f"{what} is one call, and here are two: `{calls[0]}` and `{calls[1]}`"
        advice = "write a list for one after another" if what == "a node" else None
        return None, [Mistake("wrong-value", (*path, calls[1]), message, advice, at="key")]
    if not calls:
        calls = [key for key in candidates if nearest(key, sides) is None] or candidates
    name = calls[0]
    others = [key for key in candidates if key != name]
    if is_call(name) and (whole := _with_others(name, value[name], others, value)) is not None:
        message = f"`{others[0]}` stands beside `{name}`, not in it"
        return None, [Mistake("unknown-key", (*path, others[0]), message, f"write `{whole}`", at="key")]
    said = value[name] is None and value[others[0]] is not None
    if said and is_call(name) and _could_be_argument(name, others[0], sides):
        under = {key: value[key] for key in others if nearest(key, sides) is None}
        help = f"indent it, so that it stands under `{name}`, or write `{name}: {show(under)}`"
        message = f"`{others[0]}` stands beside `{name}`, not under it"
        return None, [Mistake("unknown-key", (*path, others[0]), message, help, at="key")]
    return name, [unknown_key(key, (*path, key), offered(name), f"beside `{name}`") for key in others]


def _with_others(name: str, argument: Any, others: list[str], value: Mapping[str, Any]) -> str | None:
    """The call with its positional argument and those that stand beside it, where it takes them all."""
    entry = lookup.find(name, "module") or lookup.find(name, "function")
    if argument is None or isinstance(argument, dict) or entry is None or entry.positional is None:
        return None
    named = {key: value[key] for key in others}
    if not others or not all(key in entry.options for key in others):
        return None
    found = by_name(entry, argument, named) if isinstance(argument, list) else None
    said = found[0] if found is not None else {entry.positional.name: argument, **named}
    return None if check_arguments(Written(name, said, (), {}, ()), entry)[1] else written_call(entry, said)


def _could_be_argument(name: str, key: str, sides: Collection[str]) -> bool:
    """Whether a key beside a call without arguments was likely meant to stand under it."""
    if nearest(key, sides) is not None:
        return False
    known = [entry for kind in ("module", "function") if (entry := lookup.find(name, kind)) is not None]
    return not known or any(nearest(key, entry.options) is not None for entry in known)


def unknown_key(key: str, path: Path, known: Iterable[str], where: str) -> Mistake:
    """The mistake of a key that this place doesn't have."""
    known = tuple(known)
    help, suggestion = space_lost(key, known) or did_you_mean(key, known)
    meant = side_meant(key, known) if suggestion is None else None
    if meant is not None:
        help, suggestion = f"did you mean `{meant}`?", meant
    return Mistake("unknown-key", path, f"unknown key `{key}` {where}", help, suggestion, at="key")


def resolve(
    written: Written, kinds: tuple[Kind, ...], also: Iterable[str] = (), allow: Allowed = NOTHING
) -> tuple[Call | None, list[Mistake]]:
    """Looks the name up among `kinds`, then in the packages that `allow` names.

    `also` are names that could have been meant too.
    """
    for kind in kinds:
        entry = lookup.find(written.name, kind)
        if entry is not None:
            return check_arguments(written, entry)
    if not is_foreign(written.name, allow):
        return None, [_unknown_name(written, kinds, also)]
    said = written.argument if isinstance(written.argument, dict) else {}
    try:
        entry = foreign.find(written.name, kinds, allow, said)
    except foreign.Refused as wrong:
        return None, [
            Mistake(wrong.code, written.path, str(wrong), wrong.help, wrong.suggestion, at=written.at)
        ]
    return check_arguments(written, entry)


def _unknown_name(written: Written, kinds: tuple[Kind, ...], also: Iterable[str]) -> Mistake:
    where = lookup.kinds_of(written.name)
    wanted = " or ".join(ARTICLES[kind] for kind in kinds)
    if where:
        message = f"`{written.name}` is {ARTICLES[where[0]]}, not {wanted}"
        meant = next(iter(names_meant(written.name, kinds)), None)
        help = f"did you mean `{meant}`?" if meant else f"`yamlnet list {kinds[0]}` shows the names"
        if meant is None and (where[0], kinds) == ("loss", ("metric",)):
            help = "the loss and its terms are measured anyway"
        return Mistake("unknown-name", written.path, message, help, meant, at=written.at)
    why = next((why for kind in kinds if (why := left_out(written.name, kind)) is not None), None)
    if why is not None:
        message = f"`{written.name}` isn't {wanted} here"
        return Mistake("unknown-name", written.path, message, why, at=written.at)
    unknown = Unknown(
        written.name, written.argument, written.path, kinds, tuple(also), _taker(written, kinds)
    )
    advice, suggestion = offer(unknown) or (f"`yamlnet list {kinds[0]}` shows the names", None)
    message = f"unknown {' or '.join(ARTICLES[kind].split(' ', 1)[1] for kind in kinds)} `{written.name}`"
    return Mistake("unknown-name", written.path, message, advice, suggestion, at=written.at)


def _taker(written: Written, kinds: tuple[Kind, ...]) -> Callable[[str], bool]:
    """Whether a call of another name takes what is written."""

    def takes(name: str) -> bool:
        entry = entry_of(name, kinds)
        return entry is None or not check_arguments(replace(written, name=name), entry)[1]

    return takes


def check_arguments(written: Written, entry: Entry) -> tuple[Call | None, list[Mistake]]:
    """Checks names, types and ranges of what is said, and that nothing required is missing."""
    argument = written.argument
    if argument is UNKNOWN:
        said = {entry.positional.name: UNKNOWN} if entry.positional else {}
        return Call(entry, said, written.path, next(iter(said), None)), []
    if argument is None:
        call = Call(entry, {}, written.path)
        missing = _missing(call, set())
        return (None, missing) if missing else (call, [])
    if not isinstance(argument, dict):
        return _positional(written, entry, argument)
    mistakes: list[Mistake] = []
    for name, value in argument.items():
        parameter = entry.options.get(name)
        path = (*written.path, name)
        if parameter is None:
            mistakes.append(_unknown_parameter(name, path, entry, argument))
        else:
            mistakes += check_value(value, parameter, path, entry.name)
        if len(mistakes) > MAX_MISTAKES:
            break
    call = Call(entry, dict(argument), written.path)
    typos = [m.suggestion for m in mistakes if m.code == "unknown-parameter" and m.suggestion]
    meant = {suggestion.partition(":")[0] for suggestion in typos}
    num_unknown = sum(mistake.code == "unknown-parameter" for mistake in mistakes)
    mistakes += _missing(call, meant, num_unknown - len(meant))
    return (None, mistakes) if mistakes else (call, [])


def _positional(written: Written, entry: Entry, argument: Any) -> tuple[Call | None, list[Mistake]]:
    parameter = entry.positional
    if parameter is None:
        message, help = f"`{entry.name}` takes no arguments", f"write `{entry.name}` alone"
        layer = _layer_of(entry)
        if layer is not None:
            help = f"`{layer.name}: {show(argument)}` is the layer"
        return None, [Mistake("unknown-parameter", written.path, message, help)]
    wrong = check_value(argument, parameter, written.path, entry.name)
    if wrong:
        keyword = _keyword_form(entry, argument)
        return None, [Mistake(m.code, m.path, m.message, keyword or m.help, m.suggestion) for m in wrong]
    call = Call(entry, {parameter.name: argument}, written.path, positional=parameter.name)
    missing = _missing(call, set())
    return (None, missing) if missing else (call, [])


def _keyword_form(entry: Entry, argument: Any) -> str | None:
    """How a list of positional arguments is written by their names."""
    if not isinstance(argument, list) or not argument:
        return None
    if entry.positional is not None and all(isinstance(item, str) for item in argument) and entry.tensors:
        return f"tensors come by `from`: `{{{entry.name}, from: {show(argument)}}}`"
    found = by_name(entry, argument, {})
    if found is None:
        if len(argument) > 1 or entry.positional is None:
            return None
        fits = types.accepts(entry.positional.type, argument[0])
        return f"write `{written_call(entry, {entry.positional.name: argument[0]})}`" if fits else None
    said, sizes = found
    call = f"write `{written_call(entry, said)}`"
    if not sizes:
        return call
    inferred = listed(f"`{name}` ({show(size)})" for name, size in sizes.items())
    return f"{call}: {inferred} {'is' if len(sizes) == 1 else 'are'} inferred"


def _layer_of(entry: Entry) -> Entry | None:
    """The layer of a function's name: `Conv2d` for `conv2d`."""
    names = lookup.names("module") if entry.kind == "function" else ()
    name = next((name for name in names if name.lower() == entry.name), None)
    return None if name is None or name == entry.name else lookup.find(name, "module")


def _unknown_parameter(name: str, path: Path, entry: Entry, said: Mapping[str, Any]) -> Mistake:
    hidden = entry.parameters.get(name)
    if hidden is not None:
        message = f"`{name}` of `{entry.name}` is filled in by yamlnet"
        help = "`from` brings tensors" if hidden.role != "option" else None
        return Mistake("unknown-parameter", path, message, help, at="key")
    message = f"unknown parameter `{name}` in `{entry.name}`"
    glued = space_lost(name, entry.options)
    if glued is not None:
        return Mistake("unknown-parameter", path, message, *glued, at="key")
    free = [known for known in entry.options if known not in said]
    missing = [known for known in free if entry.options[known].required]
    near = nearest(name, missing) or parameter_meant(name, missing)
    near = near or parameter_meant(name, free) or nearest(name, free)
    if near is not None:
        return Mistake("unknown-parameter", path, message, f"did you mean `{near}`?", near, at="key")
    layer = _layer_of(entry)
    if layer is not None and name in layer.options:
        return Mistake("unknown-parameter", path, message, f"the layer is `{layer.name}`", at="key")
    takes = ", ".join(f"`{known}`" for known in entry.options)
    if name in OTHERWISE.get(entry.kind, ()):
        return Mistake("unknown-parameter", path, message, OTHERWISE[entry.kind][name], at="key")
    help = f"`{entry.name}` takes {takes}" if takes else f"`{entry.name}` takes no arguments"
    return Mistake("unknown-parameter", path, message, help, at="key")


def _missing(call: Call, meant: set[str], num_misnamed: int = 0) -> list[Mistake]:
    """One mistake for all parameters that must be said and aren't; those a typo stood for don't count.

    Names from elsewhere (`filters: 4`) stand for some of them too.
    """
    names = [n for n, p in call.entry.options.items() if p.required and p.role == "option"]
    names = [name for name in names if name not in call.arguments and name not in meant]
    if len(names) <= num_misnamed:
        return []
    words = listed(f"`{name}`" for name in names)
    help = None
    if "batch_first" in names:
        help = "batch_first: true for tensors of [batch, sequence, features]"
    elif call.entry.positional is not None and names == [call.entry.positional.name] and not call.arguments:
        example = _example(call.entry.positional)
        help = f"for example `{call.name}: {example}`" if example != "..." else None
    place = name_place(call.path, call.name)
    return [Mistake("missing-parameter", call.path, f"`{call.name}` needs {words}", help, at=place)]


def _example(parameter: Parameter) -> str:
    if parameter.type.startswith("int"):
        return "64" if parameter.name.endswith(("features", "size", "channels")) else "2"
    rate = "0.01" if parameter.name.endswith("lr") else "0.5"
    return rate if parameter.type.startswith("float") else "..."


def settled(call: Call, known: Mapping[str, Any]) -> tuple[Call, list[Mistake]]:
    """The call with the arguments that wait for inferred sizes worked out and checked."""
    if not any(map(_waits, call.arguments.values())):
        return call, []
    found: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for name, value in call.arguments.items():
        found[name] = value
        if _waits(value):
            found[name], wrong = _worked_out(value, known)
            path = call.argument_path(name)
            mistakes += wrong or check_value(found[name], call.entry.parameters[name], path, call.name)
    return replace(call, arguments=found), mistakes


def _waits(value: Any) -> bool:
    return isinstance(value, Late) or (isinstance(value, list) and any(map(_waits, value)))


def _worked_out(value: Any, known: Mapping[str, Any]) -> tuple[Any, list[Mistake]]:
    if isinstance(value, Late):
        return value.resolve(known)
    if isinstance(value, list):
        items = [_worked_out(item, known) for item in value]
        return [item for item, _ in items], [mistake for _, wrong in items for mistake in wrong]
    return value, []
