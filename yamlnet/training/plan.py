"""The train section and the number of batches in; how many steps there are and what is due when out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yamlnet.language.experiment import Train
from yamlnet.training.loop import Position

Interval = Literal["epoch"] | int


@dataclass(frozen=True)
class Plan:
    """The whole training in steps."""

    num_batches: int
    steps_per_epoch: int
    num_steps: int
    evaluate: Interval
    checkpoint: Interval

    @property
    def num_epochs(self) -> int:
        """Epochs, the last perhaps not whole."""
        return -(-self.num_steps // self.steps_per_epoch)

    def next_pause(self, step: int) -> int:
        """The next step after which the loop pauses, but for the ends of epochs."""
        intervals = [every for every in (self.evaluate, self.checkpoint) if every != "epoch"]
        return min([self.num_steps, *(step - step % every + every for every in intervals)])

    def is_over(self, position: Position) -> bool:
        """Whether no step is left."""
        return position.step >= self.num_steps

    def is_epoch_over(self, position: Position) -> bool:
        """Whether all batches of the epoch were taken."""
        return position.batch >= self.num_batches

    def is_pause(self, position: Position) -> bool:
        """Whether something is due after this step."""
        return self.is_epoch_over(position) or self.next_pause(position.step - 1) == position.step

    def is_due(self, every: Interval, position: Position) -> bool:
        """Whether what is done each epoch, or every so many steps, is due; at the training's end all is."""
        if self.is_over(position):
            return True
        return self.is_epoch_over(position) if every == "epoch" else position.step % every == 0


def plan(train: Train, num_batches: int) -> Plan:
    """The plan of the file for a training split of so many batches."""
    steps_per_epoch = -(-num_batches // train.accumulate)
    num_steps = train.steps if train.steps is not None else (train.epochs or 0) * steps_per_epoch
    return Plan(num_batches, steps_per_epoch, num_steps, train.evaluate, train.checkpoint.every)
