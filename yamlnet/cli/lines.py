"""A training's progress as plain lines to standard error, where that is no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlnet.cli.output import tell, warn
from yamlnet.diagnostics import plural
from yamlnet.training.observer import Progress

SHOWN_EVERY_S = 10.0
HIDDEN = ("step", "epoch", "split", "samples_per_second", "time_s", "lr", "num_skipped")


class Lines:
    """A line for each record, and every ten seconds one in between."""

    def __init__(self) -> None:
        self.num_steps = 0
        self._last_s = 0.0

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.num_steps = num_steps
        self.say(f"{run}: {num_steps:,} steps" + (f", from step {step:,} on" if step else ""))

    def progressed(self, progress: Progress) -> None:
        from time import monotonic

        if not self._last_s:
            self._last_s = monotonic()
        if monotonic() - self._last_s >= SHOWN_EVERY_S:
            self._last_s = monotonic()
            self.say(
                f"step {progress.step:,} of {progress.num_steps:,}  loss {progress.loss:.4f}  "
                f"{progress.samples_per_second:,.0f} samples/s  {duration(progress.time_left_s)} left"
            )

    def recorded(self, record: Mapping[str, Any]) -> None:
        self.say(line(record))

    def saved(self, step: int, path: Path) -> None: ...

    def noted(self, message: str) -> None:
        self.say(message)

    def warned(self, message: str) -> None:
        warn(message)

    def say(self, text: str) -> None:
        tell(text)


def line(record: Mapping[str, Any]) -> str:
    """One record: `epoch 3  train  loss 0.2113  accuracy 0.9342  12,345 samples/s`."""
    figures = [f"{name} {_figure(value)}" for name, value in record.items() if name not in HIDDEN]
    words = [f"epoch {record['epoch']:>3}", f"{record['split']:<10}", *figures]
    if "samples_per_second" in record:
        words.append(f"{_figure(record['samples_per_second'], 0)} samples/s")
    if record.get("num_skipped"):
        words.append(f"{plural(record['num_skipped'], 'step')} left out")
    return "  ".join(words)


def _figure(value: Any, digits: int = 4) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else str(value)


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
