"""A model, batches and what to do with them in; steps taken, and their loss and metrics summed, out.

Per step: index, forward, backward, step. Nothing here reads from the device but `Sums.loss`, which is asked
for a few times a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.average import Average
from yamlnet.training.device import autocast
from yamlnet.training.interrupt import Interruption
from yamlnet.training.meter import Meter
from yamlnet.training.objective import Batch, Objective

Forward = Callable[[Batch], tuple[Any, tuple[Tensor, ...]]]
"""A batch in; the model's outputs and the terms of the loss, each one number, out."""

Report = Callable[[float], object]
"""Is told this epoch's mean loss so far."""

REPORT_EVERY_S = 0.2


@dataclass
class Position:
    """Where a training is: steps and epochs that are behind it, and what was taken of the epoch under way.

    `time_s` leaves out evaluation and saving; `timed_samples` and `timed_s` an epoch's first step as well.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    num_samples: int = 0
    timed_samples: int = 0
    timed_s: float = 0.0
    time_s: float = 0.0

    def advance(self, num_batches: int, num_samples: int) -> None:
        """Notes one step."""
        self.step += 1
        self.batch += num_batches
        self.num_samples += num_samples
        if self.batch > num_batches:  # not the epoch's first step
            self.timed_samples += num_samples

    def take_time(self, start: float, end: float) -> float:
        """Notes how long the steps since `start` took, in seconds of the same clock; gives `end`."""
        self.time_s += end - start
        if self.timed_samples:
            self.timed_s += end - start
        return end

    def next_epoch(self) -> None:
        """Begins a new epoch."""
        self.epoch += 1
        self.batch = self.num_samples = self.timed_samples = 0
        self.timed_s = self.time_s = 0.0

    @property
    def samples_per_second(self) -> float:
        """The rate in this epoch; that of its first step where there is no other."""
        if self.timed_samples:
            return self.timed_samples / self.timed_s
        return self.num_samples / self.time_s if self.time_s else float("nan")


@dataclass(eq=False)
class Sums:
    """What an epoch's losses add up to, on the device, and what its metrics are counted from.

    `totals` has a number for each term of the loss.
    """

    objective: Objective
    meter: Meter
    totals: tuple[Tensor, ...]

    def add(self, output: Any, losses: Sequence[Tensor], batch: Batch, num_samples: int) -> None:
        """Takes one batch in."""
        for term, total, loss in zip(self.objective.terms, self.totals, losses, strict=True):
            total.add_(loss.detach(), alpha=1 if term.summed else num_samples)
        self.meter.add(output, batch)

    def loss(self, num_samples: int) -> float:
        """The mean per sample so far; reads from the device."""
        return self.losses(num_samples)["loss"]

    def losses(self, num_samples: int) -> dict[str, float]:
        """`loss`, and `loss.NAME` for each term with a name, without its weight; reads from the device."""
        terms = self.objective.terms
        totals = [float(self.totals[0])] if len(terms) == 1 else torch.stack(self.totals).tolist()
        means = [total / num_samples if num_samples else float("nan") for total in totals]
        loss = sum(mean if t.weight == 1 else t.weight * mean for t, mean in zip(terms, means, strict=True))
        named = {f"loss.{t.name}": mean for t, mean in zip(terms, means, strict=True) if t.name}
        return {"loss": loss, **named}

    def figures(self, num_samples: int) -> dict[str, float]:
        """The losses and every metric; reads from the device."""
        return {**self.losses(num_samples), **self.meter.compute()}

    def reset(self) -> None:
        """Begins anew."""
        for total in self.totals:
            total.zero_()
        self.meter.reset()


def sums(objective: Objective, meter: Meter, device: torch.device) -> Sums:
    """Sums over nothing yet."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return Sums(objective, meter, tuple(torch.zeros((), dtype=dtype, device=device) for _ in objective.terms))


def forward(
    model: nn.Module, inputs: Sequence[str], objective: Objective, precision: str, device: torch.device
) -> Forward:
    """What runs the model on the batch's fields `inputs`, in order, and compares, in float32."""
    run = autocast(model, precision, device)

    def call(batch: Batch) -> tuple[Any, tuple[Tensor, ...]]:
        output = run(*[batch[name] for name in inputs])
        return output, objective.losses(output, batch)

    return call


@dataclass(eq=False)
class Loop:
    """All that a step uses; what the file leaves out is None."""

    forward: Forward
    objective: Objective
    sums: Sums
    optimizer: torch.optim.Optimizer
    parameters: Sequence[nn.Parameter]
    field: str
    accumulate: int = 1
    scaler: torch.amp.GradScaler | None = None
    clip: Callable[[], object] | None = None
    scheduler: LRScheduler | None = None
    average: Average | None = None

    def run(
        self,
        batches: Iterator[Batch],
        position: Position,
        until: int,
        interruption: Interruption,
        report: Report,
    ) -> None:
        """Takes steps until `until` are behind it, the batches end or the interruption; notes where it is.

        Raises:
            YamlnetError: the loss isn't finite any more, found when it is read: after an epoch's first step,
                every `REPORT_EVERY_S` seconds, and at the end.
        """
        clock = perf_counter()
        due = clock + REPORT_EVERY_S
        while position.step < until and not interruption.signal:
            group = list(islice(batches, self.accumulate))
            if not group:
                break
            num_samples = self.step(group)
            position.advance(len(group), num_samples)
            now = perf_counter()
            if position.batch == len(group) or now >= due:
                loss = self._mean_loss(position)
                clock = position.take_time(clock, perf_counter())
                due = clock + REPORT_EVERY_S
                report(loss)
        self._mean_loss(position)
        position.take_time(clock, perf_counter())

    def step(self, group: Sequence[Batch]) -> int:
        """One optimizer step on the mean gradient of the group's samples; gives their number."""
        sizes = [len(batch[self.field]) for batch in group]
        num_samples = sum(sizes)
        for batch, size in zip(group, sizes, strict=True):
            output, losses = self.forward(batch)
            self._backward(self.objective.total(losses, size / num_samples))
            self.sums.add(output, losses, batch, size)
        applied = self._apply()
        for parameter in self.parameters:
            parameter.grad = None
        if applied and self.scheduler is not None:
            self.scheduler.step()
        if applied and self.average is not None:
            self.average.update()
        return num_samples

    def _backward(self, loss: Tensor) -> None:
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

    def _apply(self) -> bool:
        """Clips and steps; false where fp16 overflowed and the scaler left the step out."""
        if self.scaler is None:
            if self.clip is not None:
                self.clip()
            self.optimizer.step()
            return True
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            self.clip()
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def _mean_loss(self, position: Position) -> float:
        """This epoch's mean loss so far; reads from the device, and so waits for it."""
        loss = self.sums.loss(position.num_samples)
        if position.num_samples and not math.isfinite(loss):
            raise YamlnetError(
                f"the training loss is {loss} at step {position.step}, in epoch {position.epoch + 1}",
                help="a lower learning rate or `train.clip` often helps",
            )
        return loss
