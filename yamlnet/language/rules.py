"""An expectation that is no comparison with a number -> the one that was meant, or one for example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.language.vocabulary import RULE

EXAMPLES: Mapping[str, str] = {
    "parameters": "<= 100_000",
    "trainable_parameters": "<= 100_000",
    "loss": "<= 0.5",
    "samples_per_second": ">= 1000",
    "time_s": "<= 600",
    "num_skipped": "<= 0",
    "lr": "<= 0.01",
}
"""A rule for figures that aren't metrics, by the last part of their names."""

OPERATORS: Mapping[str, str] = {
    "=>": ">=",
    "=<": "<=",
    "≥": ">=",
    "≤": "<=",
    "at least": ">=",
    "at most": "<=",
    "above": ">",
    "below": "<",
    "over": ">",
    "under": "<",
    "min": ">=",
    "max": "<=",
}
BOUNDS: Mapping[str, str] = {"min": ">=", "minimum": ">=", "max": "<=", "maximum": "<="}
UNITS: Mapping[str, float] = {"%": 0.01, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}

_MEANT = re.compile(
    r"(?P<operator>[<>=!≥≤][<>=! ]*|at least |at most |above |below |over |under |min |max )?\s*"
    r"(?P<number>[1-9]\d{0,2}(?:[, ]\d{3})+|-?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?)\s*(?P<unit>[%kKMGB]?)"
)


def meant(key: str, rule: Any) -> str:
    """The help: what to write, where that is known, else an example for this figure."""
    if isinstance(rule, dict) and rule:
        inner, value = next(iter(rule.items()))
        bounded = len(rule) == 1 and inner in BOUNDS
        return meant(key, f"{BOUNDS[inner]} {value}") if bounded else meant(f"{key}.{inner}", value)
    if isinstance(rule, str) and RULE.fullmatch(rule):
        return f'write `{key}: "{rule}"`'
    found = _MEANT.fullmatch(str(rule).strip()) if isinstance(rule, str | int | float) else None
    if found is None:
        return f'for example `{key}: "{_example(key)}"`'
    operator = re.sub(r"\s+(?==)", "", (found["operator"] or "").strip())
    operator = OPERATORS.get(operator, operator)
    bound = _number(found["number"], found["unit"])
    if RULE.fullmatch(f"{operator} {bound}"):
        return f'write `{key}: "{operator} {bound}"`'
    example = f"{_example(key).partition(' ')[0]} {bound}"
    return f'for example `{key}: "{example if RULE.fullmatch(example) else _example(key)}"`'


def _number(text: str, unit: str) -> str:
    """`100,000` as `100_000`, `1.5M` as `1_500_000`, `95%` as `0.95`."""
    grouped = re.fullmatch(r"[1-9]\d{0,2}([, ]\d{3})+", text)
    plain = re.sub("[, ]", "", text) if grouped else text.replace(",", ".")
    value = round(float(plain) * UNITS.get(unit, 1), 10)
    if not unit and not grouped:
        return plain
    return f"{int(value):_}" if value.is_integer() and unit != "%" else f"{value:.10g}"


def _example(key: str) -> str:
    figure = key.rpartition(".")[2]
    if "loss" in key.split("."):
        figure = "loss"
    return EXAMPLES.get(figure, "<= 0.1" if _falls(figure) else ">= 0.9")


def _falls(figure: str) -> bool:
    """Whether less is better, of a metric that has its class's name."""
    folded = figure.replace("_", "")
    name = next((name for name in lookup.names("metric") if name.lower() == folded), None)
    entry = None if name is None else lookup.find(name, "metric")
    return entry is not None and entry.rising is False
