"""Sections with resolved calls -> an Experiment, pydantic's complaints put in the user's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from yamlnet.catalog import lookup
from yamlnet.diagnostics import MAX_MISTAKES, Mistake, Path, did_you_mean, nearest
from yamlnet.language import planned
from yamlnet.language.calls import unknown_key
from yamlnet.language.experiment import (
    Checkpoint,
    Clip,
    Data,
    Draw,
    Experiment,
    Group,
    InitRule,
    Optimizer,
    Scheduler,
    Section,
    Stop,
    Train,
    Transforms,
    Watch,
)
from yamlnet.language.plain import kind_of, show
from yamlnet.language.synonyms import key_meant
from yamlnet.language.values import plainly, truth
from yamlnet.language.vocabulary import CONTAINERS

KEYS: Mapping[Path, type[Section]] = {
    (): Experiment,
    ("data",): Data,
    ("data", "draw"): Draw,
    ("data", "transforms"): Transforms,
    ("optimizer",): Optimizer,
    ("optimizer", "groups"): Group,
    ("init",): InitRule,
    ("scheduler",): Scheduler,
    ("train",): Train,
    ("train", "clip"): Clip,
    ("train", "stop"): Stop,
    ("train", "checkpoint"): Checkpoint,
    ("train", "watch"): Watch,
}
"""The section at each place; positions in lists are left out."""

DATASET_ARGUMENTS = ("root", "path", "train", "split", "folder", "file")

SECTION_KEYS: Mapping[str, Collection[str]] = {
    "": (*Experiment.model_fields, "blocks", "extends"),
    "train": tuple(Train.model_fields),
    "data": tuple(Data.model_fields),
    "model": ("input", "inputs", "edit", "output", "forward", *CONTAINERS),
    "scheduler": ("every",),
    "optimizer": ("groups",),
    "train.stop": ("patience",),
    "train.checkpoint": ("keep", "best"),
    "train.clip": ("norm",),
}
"""The keys of sections, for those that are written in another one."""

CHOICES: Mapping[str, str] = {
    "evaluate": "`epoch` or a number of steps",
    "every": "`epoch` or a number of steps",
    "watch.every": "a number of steps",
    "validation": "a share such as 0.1, a count, or a data set",
    "test": "a share such as 0.1, a count, or a data set",
    "fields": "a mapping of names to `number` or `category`",
    "target": "a field or a list of fields",
    "init": "a list of rules such as `- {type: Linear, weight: xavier_uniform}`",
    "draw": "a mapping of names to mappings such as `{same: target}`",
    "same": "the name of a field",
    "different": "the name of a field",
    "compile": "`true`, `false` or `auto`",
    "device": "`auto`, `cpu`, `cuda`, `cuda:N` or `mps`",
    "metric": "a figure such as `validation.loss`",
    "best": "a figure such as `validation.loss`",
    "name": "a name of letters, digits, `-`, `_` and `.`, the run's folder",
    "match": "a pattern or a list of patterns",
    "type": "a module's name or a list of names",
    "clip": "a mapping such as `{norm: 1.0}`, or a list of them",
    "watch": 'a mapping such as `{activations: "conv*", every: 100}`',
    "activations": "a pattern or a list of patterns",
    "gradients": "a pattern or a list of patterns",
    "resample": "a pattern or a list of patterns",
    "memory": "`auto`, a number of bytes, or a size such as `4 GB`",
    "workers": "`auto` or a number of processes from 0 to 256",
    "stop": "a mapping such as `{metric: validation.loss}`",
    "metrics": "a list of metrics, or a mapping of names to metrics",
}
"""What a key takes, where one sentence says it better than a type."""

TYPES: Mapping[str, str] = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "is_instance_of": "a call",
}

OTHER_NAMES: Mapping[str, str] = {
    "float16": "fp16",
    "half": "fp16",
    "float32": "fp32",
    "float": "fp32",
    "bfloat16": "bf16",
    "tensorfloat32": "tf32",
    "nhwc": "channels_last",
    "nchw": "contiguous",
    "contiguous_format": "contiguous",
}
"""What other names for a choice most likely mean."""

DEVICES: Mapping[str, str] = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps", "any": "auto", "best": "auto"}
"""What other names for a device most likely mean."""

_PLAIN: Mapping[str, type] = {"int_type": int, "float_type": float, "bool_type": bool}


def validate(raw: Mapping[str, Any], said: Mapping[str, Any]) -> tuple[Experiment | None, list[Mistake]]:
    """Validates the sections; `said` is the document as it was written, for what a message shows."""
    try:
        return Experiment.model_validate(dict(raw)), []
    except ValidationError as error:
        return None, _mistakes(error, said)


def validate_data(raw: Any) -> Data | None:
    """The `data` section alone, None where it has a mistake."""
    try:
        return Data.model_validate(raw)
    except ValidationError:
        return None


def _mistakes(error: ValidationError, said: Mapping[str, Any]) -> list[Mistake]:
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False)[: 2 * MAX_MISTAKES]:
        missing = detail["type"] in ("missing", "extra_forbidden")
        loc = detail["loc"][:-1] if missing else detail["loc"]
        path = _written(loc, said)
        by_path.setdefault((*path, detail["loc"][-1]) if missing else path, []).append(detail)
    unknown = [path for path, details in by_path.items() if details[0]["type"] == "missing"]
    unknown = [path for path in unknown if _written(path, said) == path]
    return [_mistake(path, details, said) for path, details in by_path.items() if path not in unknown]


def _written(loc: Path, document: Any) -> Path:
    """The part of pydantic's location that the document has; the rest names branches of unions."""
    path: list[str | int] = []
    below: Any = document
    for step in loc:
        if isinstance(below, list):
            below = dict(enumerate(below))
        if not isinstance(below, dict):
            break
        if step not in below:
            continue
        below = below[step]
        path.append(step)
    return tuple(path)


def _mistake(path: Path, details: list[ErrorDetails], said: Mapping[str, Any]) -> Mistake:
    kind, context = details[0]["type"], details[0].get("ctx", {})
    name = next((str(step) for step in reversed(path) if isinstance(step, str)), "the document")
    value = details[0]["input"]
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind == "missing":
        return _missing(path)
    bound = _bound(kind, context)
    if bound is not None and len(details) == 1:
        return Mistake("wrong-value", path, f"`{name}` must be {bound}, not {show(value)}")
    choices = CHOICES.get(".".join(map(str, path[-2:]))) or CHOICES.get(name)
    if path[:1] == ("scheduler",):
        choices = None
    if path[:2] == ("data", "draw") and len(path) == 3:
        choices = "a mapping such as `{same: target}`"
    if choices is not None:
        code = "wrong-type" if len(details) == 1 and kind in TYPES else "wrong-value"
        meant = _chosen(name, value, choices)
        help = f"did you mean `{meant}`?" if meant else None
        if path == ("name",) and type(value) in (int, float):
            help = "quote it"
        return Mistake(code, path, f"`{name}` is {choices}, not {kind_of(value)}", help, meant)
    if kind == "literal_error":
        expected = [str(word).strip("' ") for word in context["expected"].replace(" or ", ",").split(",")]
        if str(value) in expected:
            message = f"`{name}` takes {value}, not {kind_of(value)}"
            return Mistake("wrong-type", path, message, f"write `{value}`", str(value))
        help, suggestion = did_you_mean(OTHER_NAMES.get(str(value), str(value)), expected)
        return Mistake("wrong-value", path, f"`{name}` can't be `{show(value)}`", help, suggestion)
    wanted = TYPES.get(kind, details[0]["msg"].lower())
    message = f"`{name}` takes {wanted}, not {kind_of(value)}"
    if path == ("data",) and isinstance(value, str) and lookup.find(value, "dataset") is not None:
        meant = f"{{dataset: {value}}}"
        return Mistake("wrong-type", path, message, f"write `data: {meant}`", meant)
    intended = truth(value) if kind == "bool_type" else plainly(value)
    if type(intended) is not _PLAIN.get(kind):
        several, plain = planned.split_at_commas(value, plainly), _PLAIN.get(kind, ())
        help = planned.one_run_each(several, path, lambda one: isinstance(one, plain))
        return Mistake("wrong-type", path, message, help)
    return Mistake("wrong-type", path, message, f"write `{show(intended)}`", show(intended))


def _chosen(name: str, value: Any, choices: str) -> str | None:
    """What was most likely meant of a key whose choices one sentence says."""
    if name == "device":
        return DEVICES.get(str(value).lower())
    if name == "clip" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{{norm: {show(value)}}}"
    if not isinstance(value, str):
        return None
    words, plain = re.findall(r"`(\w+)`", choices), plainly(value)
    if name in ("validation", "test"):
        is_part = type(plain) in (int, float) and (0 < plain < 1 or (plain >= 1 and isinstance(plain, int)))
        return show(plain) if is_part else None
    if name == "name":
        return _run_name(value)
    return show(plain) if show(plain) in words else nearest(value, words)


def _run_name(value: str) -> str | None:
    """The name with a dash for what can't be in one."""
    name = re.sub(r"[^\w.]+", "-", value).strip("-.")
    return name if 0 < len(name) <= 100 else None


def _bound(kind: str, context: Mapping[str, Any]) -> str | None:
    words = {
        "greater_than": ("gt", "above"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "below"),
        "less_than_equal": ("le", "at most"),
    }
    if kind not in words:
        return None
    key, word = words[kind]
    return f"{word} {context[key]:,}"


def _section(path: Path) -> type[Section] | None:
    if path[:2] == ("data", "draw"):
        path = path[:2]
    return KEYS.get(tuple(step for step in path if isinstance(step, str)))


def _unknown(path: Path) -> Mistake:
    section = _section(path[:-1])
    known = [*section.model_fields] if section is not None else []
    if section is Experiment:
        if path[-1] == "extends":  # the file's own has been read
            message = "`extends` stands in a file: an option can't set it"
            return Mistake("unknown-key", path, message, at="key")
        known += ["extends", "blocks"]
        if path[-1] in planned.KEYS:
            message, help = f"unknown key `{path[-1]}` in the document", planned.KEYS[str(path[-1])]
            return Mistake("unknown-key", path, message, help, at="key")
    where = f"in `{path[-2]}`" if len(path) > 1 else "in the document"
    if len(path) > 2 and isinstance(path[-2], int):
        where = f"in `{path[-3]}`"
    mistake = unknown_key(str(path[-1]), path, known, where)
    if path[:-1] == ("data",):
        key = str(path[-1])
        if lookup.find(key, "dataset") is not None:
            help = f"`dataset` names the data set: `dataset: {{{key}: ...}}`"
            return replace(mistake, help=help)
        if key in DATASET_ARGUMENTS:
            return replace(
                mistake, help=f"it is an argument of the data set: `dataset: {{NAME: {{{key}: ...}}}}`"
            )
    meant = key_meant(path, SECTION_KEYS) if mistake.suggestion is None else None
    return mistake if meant is None else replace(mistake, help=meant[0], suggestion=meant[1])


def _missing(path: Path) -> Mistake:
    owner = next((str(step) for step in reversed(path[:-1]) if isinstance(step, str)), "the document")
    message = f"`{owner}` needs `{path[-1]}`" if len(path) > 1 else f"`{path[-1]}` is missing"
    return Mistake("missing-key", path[:-1], message, at="key")
