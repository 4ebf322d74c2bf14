"""What happens in a training in; whatever the caller shows of it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Progress:
    """How far the training is; steps and epochs count from 1, `loss` is the mean of this epoch so far."""

    step: int
    num_steps: int
    epoch: int
    loss: float
    samples_per_second: float
    time_left_s: float


class Observer(Protocol):
    """Is told what happens; `progressed` at most once a second, the others once for each event."""

    def started(self, run: Path, num_steps: int, step: int) -> None:
        """The training begins, or goes on, after `step` steps of `num_steps`."""

    def progressed(self, progress: Progress) -> None:
        """Some more steps were taken."""

    def recorded(self, record: Mapping[str, Any]) -> None:
        """A line was added to `metrics.jsonl`."""

    def saved(self, step: int, path: Path) -> None:
        """A checkpoint is on disk."""

    def noted(self, message: str) -> None:
        """Something else worth a line, such as an early stop."""

    def warned(self, message: str) -> None:
        """Something that isn't as it should be, but can be gone on with."""


class Silent:
    """Shows nothing."""

    def started(self, run: Path, num_steps: int, step: int) -> None: ...
    def progressed(self, progress: Progress) -> None: ...
    def recorded(self, record: Mapping[str, Any]) -> None: ...
    def saved(self, step: int, path: Path) -> None: ...
    def noted(self, message: str) -> None: ...
    def warned(self, message: str) -> None: ...
