"""The figures of each evaluation in; which step is best, and whether to stop, out."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from yamlnet.language.experiment import Train


@dataclass
class Standing:
    """How a training stands: the last figures of each split, and what they led to.

    `settled` is the last step after which everything due was done. `waited` counts the evaluations since
    `stop_value` was last improved.
    """

    settled: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    best: dict[str, Any] | None = None
    stop_value: float | None = None
    waited: int = 0
    stopped: bool = False

    def settle(
        self, step: int, epoch: int, new: Mapping[str, float], train: Train, rising: Container[str]
    ) -> bool:
        """Takes a step's figures in, such as `validation.loss`; whether it is the best step so far.

        `rising` are the names of the figures that are better when higher.
        """
        self.settled = step
        self.figures.update(new)
        stop, metric = train.stop, train.checkpoint.best
        if stop is not None and stop.metric in new:
            if better(new[stop.metric], self.stop_value, stop.metric in rising):
                self.stop_value, self.waited = new[stop.metric], 0
            else:
                self.waited += 1
            self.stopped = self.waited >= stop.patience
        if metric is None or metric not in new:
            return False
        if not better(new[metric], self.best["value"] if self.best else None, metric in rising):
            return False
        figures = {key: value for key, value in new.items() if key.startswith("validation.")}
        self.best = {"step": step, "epoch": epoch, "metric": metric, "value": new[metric], "figures": figures}
        return True


def better(value: float, than: float | None, rising: bool) -> bool:
    """Whether a figure is an improvement; what isn't finite never is."""
    if not math.isfinite(value):
        return False
    return than is None or (value > than if rising else value < than)
