"""A training's progress on a terminal: a bar with loss, rate and time left, records above it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from yamlnet.cli.lines import duration, line
from yamlnet.language.render import printable
from yamlnet.training import observer


class Bar:
    """Draws the bar while training runs."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("loss {task.fields[loss]}  {task.fields[rate]} samples/s  {task.fields[left]} left"),
            console=self.console,
            refresh_per_second=2,  # drawing takes a millisecond from the training
            transient=True,
        )

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the bar away, however training ended."""
        self.progress.stop()

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.say(f"{run}: {num_steps:,} steps" + (f", from step {step:,} on" if step else ""))
        self.progress.start()
        self.task = self.progress.add_task(
            "", total=num_steps, completed=step, epoch=1, loss="-", rate="-", left="-"
        )

    def progressed(self, progress: observer.Progress) -> None:
        self.progress.update(
            self.task,
            completed=progress.step,
            epoch=progress.epoch,
            loss=f"{progress.loss:.4f}",
            rate=f"{progress.samples_per_second:,.0f}",
            left=duration(progress.time_left_s),
        )

    def recorded(self, record: Mapping[str, Any]) -> None:
        self.say(line(record))

    def saved(self, step: int, path: Path) -> None: ...

    def noted(self, message: str) -> None:
        self.say(message)

    def warned(self, message: str) -> None:
        self.console.print(Text(f"warning: {printable(message)}", style="yellow"))

    def say(self, text: str) -> None:
        self.console.print(Text(printable(text)))
