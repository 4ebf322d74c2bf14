"""A training's progress on a terminal: a bar with loss, rate and time left, records above it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from yamlnet.cli.lines import duration, line
from yamlnet.language.render import printable
from yamlnet.training.observer import Progress

WIDTH = 40


class Bar:
    """Draws the bar while training runs: one line of text, which costs a step the least."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._drawn = Segments(())
        self._num_steps, self._words = 0, "loss -  - samples/s  - left"
        self.live = Live(
            console=self.console, refresh_per_second=2, transient=True, get_renderable=lambda: self._drawn
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the bar away, however training ended."""
        self.live.stop()

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.say(f"{run}: {num_steps:,} steps" + (f", from step {step:,} on" if step else ""))
        self._num_steps = num_steps
        self._draw(1, step)
        self.live.start()

    def progressed(self, progress: Progress) -> None:
        self._words = (
            f"loss {progress.loss:.4f}  {progress.samples_per_second:,.0f} samples/s  "
            f"{duration(progress.time_left_s)} left"
        )
        self._draw(progress.epoch, progress.step)

    def recorded(self, record: Mapping[str, Any]) -> None:
        self.say(line(record))

    def saved(self, step: int, path: Path) -> None: ...

    def noted(self, message: str) -> None:
        self.say(message)

    def warned(self, message: str) -> None:
        self.say(f"warning: {message}", "yellow")

    def say(self, text: str, style: str = "") -> None:
        self.console.print(Text(printable(text), style), soft_wrap=True)

    def _draw(self, epoch: int, step: int) -> None:
        head, tail = f"epoch {epoch} ", f" {step:,}/{self._num_steps:,} {self._words}"
        room = self.console.width - len(head)
        tail = tail if len(tail) <= room else f"{tail[: max(0, room - 1)]}…"
        width = max(0, min(WIDTH, room - len(tail)))
        done = width * step // max(self._num_steps, 1)
        mark = "━" if self.console.encoding.startswith("utf") else "-"
        rest = " " if self.console.no_color or self.console.color_system is None else mark
        get_style = self.console.get_style
        self._drawn = Segments(
            (
                Segment(head),
                Segment(mark * done, get_style("bar.complete")),
                Segment(rest * (width - done), get_style("bar.back")),
                Segment(tail),
            )
        )
