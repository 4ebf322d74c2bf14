"""A training's progress on a terminal: a bar with loss, rate and time left, records above it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.text import Text

from yamlnet.cli.lines import duration, line
from yamlnet.language.render import printable
from yamlnet.training.observer import Progress

WIDTH = 40


class Bar:
    """Draws the bar when something is told: one line of text, which costs a step the least."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._num_steps, self._epoch, self._step = 0, 0, 0
        self._words = "loss -  - samples/s  - left"
        self.live = Live(self, console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the bar away, however training ended."""
        self.live.stop()

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.say(f"{run}: {num_steps:,} steps" + (f", from step {step:,} on" if step else ""))
        self._num_steps, self._step = num_steps, step
        self.live.start(refresh=True)

    def progressed(self, progress: Progress) -> None:
        self._epoch, self._step = progress.epoch, progress.step
        self._words = (
            f"loss {progress.loss:.4f}  {progress.samples_per_second:,.0f} samples/s  "
            f"{duration(progress.time_left_s)} left"
        )
        self.live.refresh()

    def recorded(self, record: Mapping[str, Any]) -> None:
        self._epoch, self._step = record["epoch"], record["step"]
        self.say(line(record))

    def saved(self, step: int, path: Path) -> None: ...

    def noted(self, message: str) -> None:
        self.say(message)

    def warned(self, message: str) -> None:
        self.say(f"warning: {message}", "yellow")

    def say(self, text: str, style: str = "") -> None:
        """A line above the bar, which is drawn anew."""
        self.console.print(Text(printable(text), style), soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head = f"epoch {self._epoch} " if self._epoch else ""
        tail = f" {self._step:,}/{self._num_steps:,} {self._words}"
        room = console.width - len(head)
        tail = tail if len(tail) <= room else f"{tail[: max(0, room - 1)]}…"
        width = max(0, min(WIDTH, room - len(tail)))
        done = width * self._step // max(self._num_steps, 1)
        mark = "━" if console.encoding.startswith("utf") else "-"
        rest = " " if console.no_color or console.color_system is None else mark
        yield Segment(head)
        yield Segment(mark * done, console.get_style("bar.complete"))
        yield Segment(rest * (width - done), console.get_style("bar.back"))
        yield Segment(tail)
