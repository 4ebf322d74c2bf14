"""A model, batches and what to do with them in; steps taken, and their loss and metrics summed, out.

Per step: index, forward, backward, step. Nothing here reads from the device but `Sums.loss`, which is asked
for a few times a second, and what `non_finite: skip`, `watch` and `LBFGS` can't do without.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.average import Average
from yamlnet.training.device import autocast
from yamlnet.training.interrupt import Interruption
from yamlnet.training.meter import Meter
from yamlnet.training.objective import Batch, Objective
from yamlnet.training.watch import Watcher

Forward = Callable[[Batch], tuple[Any, Batch, tuple[Tensor, ...]]]
"""A batch in; the model's outputs, the batch with those of drawn samples, and the terms of the loss, out."""

Report = Callable[[float], object]
"""Is told this epoch's mean loss so far."""

REPORT_EVERY_S = 0.2


@dataclass
class Position:
    """Where a training is: steps and epochs that are behind it, and what was taken of the epoch under way.

    `num_skipped` counts the epoch's steps that were left out; samples without a finite loss don't count.
    `time_s` leaves out evaluation and saving; `timed_samples` and `timed_s` an epoch's first step as well.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    num_samples: int = 0
    num_skipped: int = 0
    timed_samples: int = 0
    timed_s: float = 0.0
    time_s: float = 0.0

    def advance(self, num_batches: int, num_samples: int, applied: bool = True) -> None:
        """Notes one step, taken or left out."""
        self.step += 1
        self.num_skipped += not applied
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
        self.batch = self.num_samples = self.num_skipped = self.timed_samples = 0
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
    model: nn.Module,
    inputs: Sequence[str],
    objective: Objective,
    precision: str,
    device: torch.device,
    draws: Sequence[str] = (),
) -> Forward:
    """What runs the model on the batch's fields `inputs`, in order, and compares, in float32.

    It runs on those of each drawn sample of `draws` too.
    """
    run = autocast(model, precision, device)

    def call(batch: Batch) -> tuple[Any, Batch, tuple[Tensor, ...]]:
        output = run(*[batch[name] for name in inputs])
        if draws:
            drawn = {f"{draw}.output": run(*[batch[f"{draw}.{name}"] for name in inputs]) for draw in draws}
            batch = {**batch, **drawn}
        return output, batch, objective.losses(output, batch)

    return call


def finite(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether every gradient is finite; reads from the device."""
    gradients = [p.grad._values() if p.grad.is_sparse else p.grad for p in parameters if p.grad is not None]
    return not gradients or bool(nn.utils.get_total_norm(gradients, math.inf).isfinite())


@dataclass(eq=False)
class Loop:
    """All that a step uses; what the file leaves out is None.

    `buffers` are what a step that is left out must leave as it was; `losses` those that aren't read yet.
    """

    forward: Forward
    objective: Objective
    sums: Sums
    optimizer: torch.optim.Optimizer
    parameters: Sequence[nn.Parameter]
    field: str
    accumulate: int = 1
    scaler: torch.amp.GradScaler | None = None
    clip: Callable[[], object] | None = None
    skips: bool = False
    buffers: Sequence[Tensor] = ()
    scheduler: LRScheduler | None = None
    average: Average | None = None
    resample: Callable[[int], None] | None = None
    watcher: Watcher | None = None
    losses: list[Tensor] = dataclasses.field(default_factory=list)

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
            position.advance(len(group), *self.take(group, position.step + 1))
            now = perf_counter()
            if position.batch == len(group) or now >= due:
                loss = self._mean_loss(position)
                clock = position.take_time(clock, perf_counter())
                due = clock + REPORT_EVERY_S
                report(loss)
        self._mean_loss(position)
        position.take_time(clock, perf_counter())

    def take(self, group: Sequence[Batch], number: int) -> tuple[int, bool]:
        """The step of this number, counted from 1, with what is done before it and seen of it."""
        if self.resample is not None:
            self.resample(number)
        if self.watcher is None or not self.watcher.is_due(number):
            return self.step(group)
        with self.watcher.watching(number):
            return self.step(group)

    def step(self, group: Sequence[Batch]) -> tuple[int, bool]:
        """One optimizer step on the mean gradient of the group's samples.

        Gives the number of samples that count, and whether the step was taken or left out.
        """
        sizes = [len(batch[self.field]) for batch in group]
        num_samples = num_counted = sum(sizes)
        before = [buffer.clone() for buffer in self.buffers]
        for batch, size in zip(group, sizes, strict=True):
            output, whole, losses = self.forward(batch)
            loss = self.objective.total(losses, size / num_samples)
            if self.skips and not loss.isfinite():
                num_counted -= size
                continue
            self._backward(loss)
            self.losses.append(loss.detach())
            self.sums.add(output, losses, whole, size)
        applied = num_counted == num_samples and self._apply(group)
        self._clear()
        if not applied:
            for buffer, old in zip(self.buffers, before, strict=True):
                buffer.copy_(old)
        if applied and self.scheduler is not None:
            self.scheduler.step()
        if applied and self.average is not None:
            self.average.update()
        return num_counted, applied

    def _backward(self, loss: Tensor) -> None:
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

    def _clear(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def _apply(self, group: Sequence[Batch]) -> bool:
        """Clips and steps; false where the step was left out: fp16 overflowed, or a gradient isn't finite."""
        if self.scaler is not None:
            return self._apply_scaled(self.scaler)
        if self.skips and not finite(self.parameters):
            return False
        if self.clip is not None:
            self.clip()
        if isinstance(self.optimizer, LBFGS):
            self.optimizer.step(self._closure(group))  # type: ignore[no-untyped-call]
        else:
            self.optimizer.step()
        return True

    def _apply_scaled(self, scaler: torch.amp.GradScaler) -> bool:
        if self.clip is not None:
            scaler.unscale_(self.optimizer)
            self.clip()
        before = scaler.get_scale()
        scaler.step(self.optimizer)
        scaler.update()
        return scaler.get_scale() >= before

    def _closure(self, group: Sequence[Batch]) -> Callable[[], Tensor]:
        """The loss with its gradient: at first what the step has found, from then on evaluated again."""
        found = [self.losses[-1]]

        def closure() -> Tensor:
            if found:
                return found.pop()
            self._clear()
            loss = self.objective.total(self.forward(group[0])[2])
            self._backward(loss)
            if self.clip is not None:
                self.clip()
            return loss.detach()

        return closure

    def _mean_loss(self, position: Position) -> float:
        """This epoch's mean loss so far; reads from the device, and so waits for it."""
        loss = self.sums.loss(position.num_samples)
        if position.num_samples and not math.isfinite(loss):
            isnt = [not math.isfinite(value) for value in map(float, self.losses)]
            first = isnt.index(True) if any(isnt) else len(isnt) - 1
            num_later = -(-len(isnt) // self.accumulate) - first // self.accumulate - 1
            step = position.step - num_later
            raise YamlnetError(
                f"the training loss is {loss} at step {step}, in epoch {position.epoch + 1}",
                help="a lower learning rate or `train.clip` often helps",
            )
        self.losses.clear()
        return loss
