"""The document's sections as written -> the same with every call resolved, ready to be validated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.allowed import NOTHING, Allowed, is_foreign
from yamlnet.catalog.entry import Call, Kind
from yamlnet.catalog.transforms import is_random
from yamlnet.diagnostics import Mistake, Path, did_you_mean, nearest, plural
from yamlnet.language import planned, rules
from yamlnet.language.calls import BROKEN, name_place, resolve, split, unknown_key
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.objective import read_loss, read_metrics
from yamlnet.language.plain import kind_of, show
from yamlnet.language.values import check_value, plainly
from yamlnet.language.vocabulary import RULE

Read = tuple[Any, list[Mistake]]


def read_call(
    value: Any, path: Path, kind: Kind, sides: tuple[str, ...], what: str, allow: Allowed = NOTHING
) -> tuple[Call, Mapping[str, Any], list[Mistake]]:
    """One call of a section, and what stands beside it."""

    def is_call(name: str) -> bool:
        return lookup.find(name, kind) is not None or is_foreign(name, allow)

    written, mistakes = split(value, path, sides, is_call, what)
    if written is None:
        return BROKEN, {}, mistakes
    call, wrong = resolve(written, (kind,), allow=allow)
    mistakes += wrong
    if call is not None and kind in NESTED:
        call, wrong = _nested(call, kind, *NESTED[kind])
        mistakes += wrong
    return call or BROKEN, written.sides, mistakes


NESTED: Mapping[Kind, tuple[str, str]] = {
    "scheduler": ("schedulers", "a scheduler"),
    "transform": ("transforms", "a transform"),
}
"""Kinds of which one may be made of several: the parameter that has them, and what one of them is."""


def _nested(call: Call, kind: Kind, parameter: str, what: str) -> tuple[Call, list[Mistake]]:
    """A scheduler made of schedulers, or a transform of transforms: those are calls too."""
    if not isinstance(call.arguments.get(parameter), list):
        return call, []
    found, mistakes = [], []
    path = call.argument_path(parameter)
    for position, item in enumerate(call.arguments[parameter]):
        inner, _, wrong = read_call(item, (*path, position), kind, (), what)
        found.append(inner)
        mistakes += wrong
        if inner.name == "Normalize":
            mistakes.append(_misplaced(inner, call.name))
    nested = Call(call.entry, {**call.arguments, parameter: found}, call.path, call.positional)
    return nested, [*mistakes, *_unsuited_milestones(nested)]


def _unsuited_milestones(call: Call) -> Iterator[Mistake]:
    """Another number of milestones than lie between schedulers, or milestones that don't rise."""
    milestones = call.arguments.get("milestones")
    if call.name != "SequentialLR" or not isinstance(milestones, list) or UNKNOWN in milestones:
        return
    path, count = call.argument_path("milestones"), len(call.arguments["schedulers"])
    if len(milestones) != count - 1:
        message = f"{plural(count, 'scheduler')} {'have' if count > 1 else 'has'} "
        message += f"{plural(count - 1, 'milestone')} between them, not {len(milestones)}"
        yield Mistake("wrong-value", path, message)
    elif milestones != sorted(set(milestones)) and all(type(when) is int for when in milestones):
        yield Mistake("wrong-value", path, f"milestones rise, and {show(milestones)} don't")


def read_data(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`data`: the data sets, and the lists of transforms."""
    if not isinstance(value, dict):
        return value, []
    read = dict(value)
    mistakes: list[Mistake] = []
    for key in ("dataset", "validation", "test"):
        is_share = key != "dataset" and isinstance(plainly(value.get(key)), int | float)
        if isinstance(value.get(key), dict | str) and not is_share:
            read[key], _, wrong = read_call(value[key], (*path, key), "dataset", (), f"`{key}`", allow)
            mistakes += wrong
    if isinstance(value.get("fields"), dict):
        read["fields"], wrong = read_fields(value["fields"], (*path, "fields"))
        mistakes += wrong
    if "augment" in value:
        read["augment"], wrong = _transforms(value["augment"], (*path, "augment"))
        mistakes += wrong
    transforms = value.get("transforms")
    if isinstance(transforms, list):
        both, wrong = _transforms(transforms, (*path, "transforms"))
        read["transforms"] = {"train": both, "evaluation": both}
        mistakes += wrong
    elif isinstance(transforms, dict):
        read["transforms"] = dict(transforms)
        for key in transforms:
            if key in ("train", "evaluation"):
                read["transforms"][key], wrong = _transforms(transforms[key], (*path, "transforms", key))
                mistakes += wrong
    return read, mistakes


def read_fields(value: Mapping[str, Any], path: Path) -> tuple[dict[str, Call], list[Mistake]]:
    """`fields` of the data: what kind each is."""
    read: dict[str, Call] = {}
    mistakes: list[Mistake] = []
    for name, item in value.items():
        place = (*path, name)
        read[name], _, wrong = read_call(item, place, "field", (), f"`{name}`")
        mistakes += wrong
        if not name.isidentifier() or name == "output":
            message = f"a field can't be named `{name}`"
            column = json.dumps(name, ensure_ascii=False)
            kind = read[name].name or "number"
            help = f"a name of letters, digits and `_` will do: `NAME: {{{kind}: {column}}}`"
            mistakes.append(Mistake("wrong-value", place, message, help, at="key"))
    return read, mistakes


def _transforms(value: Any, path: Path) -> Read:
    if not isinstance(value, list):
        return value, []
    calls, mistakes = [], []
    for position, item in enumerate(value):
        call, _, wrong = read_call(item, (*path, position), "transform", (), "a transform")
        calls.append(call)
        mistakes += wrong
        for_training = path[-1] in ("augment", "train")
        if call is not BROKEN and (is_random(call.name) and not for_training):
            mistakes.append(_misplaced(call, str(path[-1])))
        if call.name == "Normalize" and path[-1] == "augment":
            mistakes.append(_misplaced(call, "augment"))
    return calls, mistakes


def _misplaced(call: Call, where: str) -> Mistake:
    """A transform in a list for other ones."""
    help = "it draws at random: `augment` is for training only"
    if call.name == "Normalize":
        help = "`transforms` is for all splits"
    message, at = f"`{call.name}` can't stand in `{where}`", name_place(call.path, call.name)
    return Mistake("wrong-value", call.path, message, help, at=at)


def read_optimizer(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`optimizer`: a call, and `groups` beside it."""
    several = planned.several_optimizers(
        value, path, lambda name: lookup.find(name, "optimizer") is not None or is_foreign(name, allow)
    )
    if several is not None:
        return {"call": BROKEN}, [several]
    call, sides, mistakes = read_call(value, path, "optimizer", ("groups",), "`optimizer`", allow)
    read: dict[str, Any] = {"call": call}
    if "groups" in sides:
        read["groups"] = sides["groups"]
        if isinstance(sides["groups"], list):
            groups = [_group(g, (*path, "groups", i), call) for i, g in enumerate(sides["groups"])]
            read["groups"] = [group for group, _ in groups]
            mistakes += [mistake for _, wrong in groups for mistake in wrong]
    return read, mistakes


def _group(value: Any, path: Path, call: Call) -> Read:
    if not isinstance(value, dict):
        return value, []
    mistakes: list[Mistake] = []
    options = {key: item for key, item in value.items() if key != "match"}
    for key, item in options.items():
        parameter = call.entry.options.get(key)
        if call is BROKEN:
            continue
        if parameter is None:
            known = ("match", *call.entry.options)
            mistakes.append(unknown_key(key, (*path, key), known, f"in a group of `{call.name}`"))
        else:
            mistakes += check_value(item, parameter, (*path, key), call.name)
    read: dict[str, Any] = {"options": options}
    return ({**read, "match": value["match"]} if "match" in value else read), mistakes


def read_scheduler(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`scheduler`: a call, and `every` and `metric` beside it."""
    call, sides, mistakes = read_call(value, path, "scheduler", ("every", "metric"), "`scheduler`")
    plateau = call.name == "ReduceLROnPlateau"
    if plateau and "metric" not in sides:
        message = "`ReduceLROnPlateau` needs the `metric` that it watches"
        mistakes.append(
            Mistake(
                "missing-key",
                call.path,
                message,
                "metric: validation.loss",
                at=name_place(call.path, call.name),
            )
        )
    if not plateau and call is not BROKEN and "metric" in sides:
        message = f"`{call.name}` follows no metric"
        mistakes.append(
            Mistake("unknown-key", (*path, "metric"), message, "only `ReduceLROnPlateau` does", at="key")
        )
    return {"call": call, "every": "epoch" if plateau else "step", **sides}, mistakes


def read_init(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`init`: a list of rules; each names modules, and initialisers for their parameters."""
    if not isinstance(value, list):
        return value, []
    rules, mistakes = [], []
    for position, item in enumerate(value):
        place = (*path, position)
        if not isinstance(item, dict):
            rules.append(item)
            continue
        typos = {key: item[key] for key in item if _is_type(key, item[key])}
        mistakes += [unknown_key(key, (*place, key), ("type",), "in this rule") for key in typos]
        others = {key: item[key] for key in item if key not in ("type", "name", *typos)}
        rule: dict[str, Any] = {key: item[key] for key in ("type", "name") if key in item}
        if not others and not typos:
            message = "this rule sets no parameter"
            mistakes.append(Mistake("missing-key", place, message, "for example `weight: kaiming_normal`"))
        rule["parameters"], wrong = initialisers(others, place)
        mistakes += wrong + _unknown_types(item.get("type"), (*place, "type"))
        rules.append({**rule, "path": place})
    return rules, mistakes


def _is_type(key: str, value: Any) -> bool:
    """Whether a key is a misspelt `type`: classes aren't what a parameter is drawn by."""
    names = value if isinstance(value, list) else [value]
    modules = [name for name in names if isinstance(name, str) and lookup.find(name, "module")]
    return key != "type" and bool(modules) and nearest(key, ("type",)) is not None


def _unknown_types(value: Any, path: Path) -> list[Mistake]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        return []
    mistakes = []
    for position, name in enumerate(names):
        if isinstance(name, str) and lookup.find(name, "module") is None:
            place = path if isinstance(value, str) else (*path, position)
            mistakes.append(_unknown_type(name, place))
    return mistakes


def _unknown_type(name: str, path: Path) -> Mistake:
    help, suggestion = did_you_mean(name, lookup.names("module"))
    return Mistake("unknown-name", path, f"unknown module `{name}`", help, suggestion)


def initialisers(
    parameters: Mapping[str, Any], path: Path, named: bool = True
) -> tuple[dict[str, list[Call]], list[Mistake]]:
    """The calls for each parameter, which run one after another; unnamed, for the only one."""
    read: dict[str, list[Call]] = {}
    mistakes: list[Mistake] = []
    for name, value in parameters.items():
        place = (*path, name) if named else path
        items = value if isinstance(value, list) else [value]
        places = [(*place, i) for i in range(len(items))] if items is value else [place]
        read[name] = []
        for item, where in zip(items, places, strict=True):
            call, _, wrong = read_call(item, where, "init", (), "an initialiser")
            read[name].append(call)
            mistakes += wrong
    return read, mistakes


def read_expect(value: Any, path: Path, allow: Allowed = NOTHING) -> Read:
    """`expect`: a rule such as `>= 0.97` for each figure."""
    if not isinstance(value, dict):
        return value, []
    read: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key, rule in value.items():
        match = RULE.fullmatch(rule) if isinstance(rule, str) else None
        if match is None:
            if rule is UNKNOWN:
                continue
            message = f"an expectation is a comparison with a number, not {kind_of(rule)}"
            code = "wrong-value" if isinstance(rule, str) else "wrong-type"
            mistakes.append(Mistake(code, (*path, key), message, rules.meant(key, rule)))
            continue
        read[key] = {"rule": rule.strip(), "operator": match[1], "bound": float(match[2].replace("_", ""))}
    return read, mistakes


READERS: Mapping[str, Callable[[Any, Path, Allowed], Read]] = {
    "data": read_data,
    "init": read_init,
    "loss": read_loss,
    "metrics": read_metrics,
    "optimizer": read_optimizer,
    "scheduler": read_scheduler,
    "expect": read_expect,
}
"""How each section that holds calls is read; `model` and `vars` have files of their own."""
