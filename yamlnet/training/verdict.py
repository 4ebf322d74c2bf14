"""The figures of a training and what the file expects of them in; a verdict on each, and the result, out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yamlnet.language.experiment import Expectation

OPERATORS = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@dataclass(frozen=True)
class Verdict:
    """One line of `expect`: its figure, None where the training gave none, and whether it holds."""

    key: str
    rule: str
    value: float | None
    holds: bool


@dataclass(frozen=True)
class Result:
    """What came out of a run: figures such as `test.accuracy`, the verdicts, and 0 or 4 to exit with.

    `path` is the run's folder, `best` the step, metric and value of the best checkpoint, where one is chosen.
    """

    path: Path
    metrics: Mapping[str, float]
    verdicts: tuple[Verdict, ...]
    best: Mapping[str, Any] | None
    steps: int

    @property
    def exit_code(self) -> int:
        """0, or 4 where an expectation doesn't hold."""
        return 0 if all(verdict.holds for verdict in self.verdicts) else 4

    def as_dict(self) -> dict[str, Any]:
        """What `result.json` holds."""
        return {
            "metrics": dict(self.metrics),
            "best": self.best,
            "expect": [asdict(verdict) for verdict in self.verdicts],
            "exit_code": self.exit_code,
            "steps": self.steps,
        }


def verdicts(expect: Mapping[str, Expectation], figures: Mapping[str, float]) -> tuple[Verdict, ...]:
    """Each expectation's verdict; one whose figure is missing or no number doesn't hold."""
    return tuple(_verdict(key, expectation, figures.get(key)) for key, expectation in expect.items())


def _verdict(key: str, expectation: Expectation, value: float | None) -> Verdict:
    known = value is not None and not math.isnan(value)
    holds = known and OPERATORS[expectation.operator](value, expectation.bound)
    return Verdict(key, expectation.rule, value, holds)
