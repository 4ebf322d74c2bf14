"""An argument as the file writes it and its parameter -> the mistakes in its type and range."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yamlnet.catalog import lookup, ranges, types
from yamlnet.catalog.entry import REQUIRED, Parameter
from yamlnet.diagnostics import Mistake, Path, did_you_mean, nearest
from yamlnet.language import planned
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.plain import kind_of, show
from yamlnet.language.source import plain_scalar
from yamlnet.language.substitution import Late

TUPLE = re.compile(r"\(\s*-?[\d.]+\s*(?:,\s*-?[\d.]+\s*)*,?\s*\)|\d+(?:\s*x\s*\d+)+")
"""A tuple as Python writes it, or sizes as people do: `3x3`."""


YAML_1_1: Mapping[str, bool] = {"yes": True, "on": True, "no": False, "off": False}
"""Words that older YAML takes for truth values."""


def check_value(value: Any, parameter: Parameter, path: Path, owner: str) -> list[Mistake]:
    """Checks one argument against its parameter's type and range."""
    if _unknown_inside(value) or _is_default(value, parameter):
        return []
    if not types.accepts(parameter.type, value):
        return [_wrong_type(value, parameter, path, owner)]
    if isinstance(value, str) and "type" in parameter.type.split(" | "):
        return _wrong_class(value, parameter, path, owner)
    if _largest(value, whole="float" not in parameter.type) >= 2**63:
        message = f"`{parameter.name}` of `{owner}` is more than a tensor can count: {show(value)}"
        return [Mistake("wrong-value", path, message)]
    if ranges.bounded(parameter) and value in (float("inf"), float("-inf")):
        message = f"`{parameter.name}` of `{owner}` must be finite, not {show(value)}"
        return [Mistake("wrong-value", path, message)]
    if not ranges.within(parameter, value):
        bounds = ranges.describe_bounds(parameter)
        message = f"`{parameter.name}` of `{owner}` must be {bounds}, not {show(value)}"
        return [Mistake("wrong-value", path, message)]
    return []


def _wrong_class(name: str, parameter: Parameter, path: Path, owner: str) -> list[Mistake]:
    """The mistake of a name that is no class of module; a whole model is built by a function."""
    classes = [known for known in lookup.names("module") if "." not in known]
    if name in classes:
        return []
    help, suggestion = did_you_mean(name, classes)
    message = f"`{parameter.name}` of `{owner}` is a class of module, and `{name}` is none"
    return [Mistake("unknown-name", path, message, help, suggestion)]


def _wrong_type(value: Any, parameter: Parameter, path: Path, owner: str) -> Mistake:
    choices = types.choices(parameter.type)
    meant = truth(value) if {*parameter.type.split(" | ")} <= {"bool", "none"} else plainly(value)
    several = planned.split_at_commas(value, plainly)
    if meant is None and isinstance(several, list) and types.accepts(parameter.type, several):
        meant = several
    if choices and isinstance(value, str) and (meant is None or not types.accepts(parameter.type, meant)):
        help, suggestion = did_you_mean(value, choices)
        message = f"`{parameter.name}` of `{owner}` can't be `{show(value)}`"
        return Mistake("wrong-value", path, message, help, suggestion)
    item = types.misfit(parameter.type, value)
    if item is not None:
        position, wanted, named = item
        message = f"`{parameter.name}` of `{owner}` takes {wanted} here, not {kind_of(value[position])}"
        help, suggestion = did_you_mean(str(value[position]), named)
        return Mistake("wrong-type", (*path, position), message, help, suggestion)
    message = f"`{parameter.name}` of `{owner}` takes {types.describe(parameter.type)}, not {kind_of(value)}"
    if value == "None" and types.accepts(parameter.type, None):
        return Mistake("wrong-type", path, message, "write `null`", "null")
    if meant is None or not types.accepts(parameter.type, meant):
        help = planned.one_run_each(several, path, lambda one: types.accepts(parameter.type, one))
        return Mistake("wrong-type", path, message, help)
    return Mistake("wrong-type", path, message, f"write `{show(meant)}`", show(meant))


def truth(value: Any) -> bool | None:
    """Whether true or false was likely meant: by `Flase`, `yes` or `0`."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if not isinstance(value, str):
        return None
    near = nearest(value, ("true", "false"))
    return YAML_1_1.get(value.lower(), None if near is None else near == "true")


def plainly(value: Any) -> Any:
    """What a text was likely meant to be: `no` is false, `"128"` a number; None where it is just a text."""
    if not isinstance(value, str):
        return None
    if share := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value):
        return float(share[1]) / 100
    if TUPLE.fullmatch(value):
        return [plain_scalar(item) for item in re.findall(r"[^\s,()x]+", value)]
    return YAML_1_1.get(value.lower(), None if (plain := plain_scalar(value)) == value else plain)


def _is_default(value: Any, parameter: Parameter) -> bool:
    """Whether a value is what the parameter has anyway; `1` is no `true`."""
    default = parameter.default
    alike = isinstance(value, bool) == isinstance(default, bool)
    return default is not REQUIRED and value == default and alike


def _largest(value: Any, whole: bool) -> int:
    """The largest integer of a value, whatever its sign; a `whole` float is one too."""
    if isinstance(value, list):
        return max((_largest(item, whole) for item in value), default=0)
    counts = isinstance(value, int) or (whole and isinstance(value, float) and value.is_integer())
    return abs(int(value)) if counts else 0


def _unknown_inside(value: Any) -> bool:
    if isinstance(value, list):
        return any(_unknown_inside(item) for item in value)
    if isinstance(value, dict):
        return any(_unknown_inside(item) for item in value.values())
    return value is UNKNOWN or isinstance(value, Late)
