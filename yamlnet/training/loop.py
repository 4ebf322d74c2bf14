"""A model, batches and what to do with them in; steps taken, and their loss and metrics summed, out.

Per step: index, forward, backward, step. Nothing here reads from the device but `Sums.loss`, which is asked
for about once a second, and what fp16, `non_finite: skip`, `watch`, `LBFGS` and careful steps can't do
without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any, Literal, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import LBFGS
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.training import randomness
from yamlnet.training.average import Average
from yamlnet.training.interrupt import Interruption
from yamlnet.training.objective import Batch, Objective
from yamlnet.training.processes import ALONE, Processes
from yamlnet.training.sums import Sums
from yamlnet.training.watch import Watcher

Forward = Callable[[Batch], tuple[Any, Batch, tuple[Tensor, ...]]]
"""A batch in; the model's outputs, the batch with those of drawn samples, and the terms of the loss, out."""

Report = Callable[[float], object]
"""Is told this epoch's mean loss so far."""

REPORT_EVERY_S = 1.0

LEAST_SCALE = 2.0**-10
"""Where fp16's loss is scaled by less and still overflows, scaling isn't what it lacks."""


class NotFiniteError(Exception):
    """Something isn't finite: `what`, seen when it is read; in a careful step, before the step is taken.

    `value` is the loss's; `batch` the position in the step's group of the batch that gave it.
    """

    def __init__(
        self, what: Literal["loss", "gradient", "weights"], value: float = math.nan, batch: int = 0
    ) -> None:
        super().__init__(f"the {what}: {value}")
        self.what, self.value, self.batch = what, value, batch


Taken = tuple[int, int, bool]
"""Of a step: its batches, the samples that count, and whether it was taken or left out."""


class Ahead(Protocol):
    """What takes steps after the first of an epoch otherwise than one by one, to the same bits.

    `tell` is told whether it does: None, or why not.
    """

    tell: Callable[[str | None], object]

    def take(self, batches: Iterator[Batch], most: int) -> Iterator[Taken]:
        """Takes the next steps, `most` of them at the most; tells of each when it is taken."""


Skipped = Callable[[Sequence[Batch], NotFiniteError, Mapping[str, Tensor]], object]


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


def forward(
    run: Callable[..., Any], inputs: Sequence[str], objective: Objective, draws: Sequence[str] = ()
) -> Forward:
    """What calls `run`, the model, on the batch's fields `inputs`, in order, and compares.

    It runs on those of each drawn sample of `draws` too.
    """

    def call(batch: Batch) -> tuple[Any, Batch, tuple[Tensor, ...]]:
        output = run(*[batch[name] for name in inputs])
        if draws:
            drawn = {f"{draw}.output": run(*[batch[f"{draw}.{name}"] for name in inputs]) for draw in draws}
            batch = {**batch, **drawn}
        return output, batch, objective.losses(output, batch)

    return call


def finite_gradients(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether every gradient is finite; reads from the device."""
    gradients = [p.grad._values() if p.grad.is_sparse else p.grad for p in parameters if p.grad is not None]
    return not gradients or bool(nn.utils.get_total_norm(gradients, math.inf).isfinite())


def finite_weights(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether every parameter is finite; reads from the device."""
    found = [p.detach().isfinite().all() for p in parameters]
    return not found or bool(torch.stack(found).all())


@dataclass(eq=False)
class Loop:
    """All that a step uses; what the file leaves out is None.

    `buffers` are what a step that is left out must leave as it was. `skipped` is told of each such step: its
    batches, what wasn't finite, and the random states it began with. While it is `careful`, a step looks at
    its loss and gradients before the optimizer does, and at the weights after. Several `processes` take the
    same steps, each on its `Share` of every batch; they read and report at the same ones, where a run ends.
    What is `ahead` takes the steps that nobody looks at. At `due_s` of the clock the loss is read again.
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
    processes: Processes = ALONE
    skipped: Skipped = lambda group, found, random: None
    careful: bool = False
    ahead: Ahead | None = None
    due_s: float = 0.0

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
            NotFiniteError: the loss isn't finite any more, found when it is read: after the first step, every
                `REPORT_EVERY_S` seconds, and at the end; in a careful step, before it is taken.
        """
        clock = perf_counter()
        alone = self.processes.count == 1
        while position.step < until and not interruption.signal:
            before = position.batch
            for taken in self._next(batches, position, until):
                position.advance(*taken)
            if position.batch == before:
                break
            now = perf_counter()
            if alone and now >= self.due_s:
                loss = self._mean_loss(position)
                position.take_time(clock, perf_counter())
                report(loss)
                clock = perf_counter()
                self.due_s = clock + REPORT_EVERY_S
            elif before == 0:
                clock = position.take_time(clock, now)
        loss = self._mean_loss(position)
        position.take_time(clock, perf_counter())
        if not alone:
            report(loss)

    def _next(self, batches: Iterator[Batch], position: Position, until: int) -> Iterator[Taken]:
        """Takes the next step, or some of them."""
        if self.ahead is not None and position.batch and not self.careful:
            yield from self.ahead.take(batches, until - position.step)
        elif group := list(islice(batches, self.accumulate)):
            yield (len(group), *self.take(group, position.step + 1))

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
        sizes = [self._sizes(batch) for batch in group]
        num_samples = num_counted = sum(size for _, size in sizes)
        before = [buffer.clone() for buffer in self.buffers]
        random = randomness.capture(self.sums.device) if self.skips else {}
        found: NotFiniteError | None = None
        for index, (batch, (own, size)) in enumerate(zip(group, sizes, strict=True)):
            with self.processes.between(last=index == len(group) - 1):
                output, whole, losses = self.forward(batch)
                loss = self.objective.total(losses, own / num_samples)
                if self.skips or self.careful:
                    (value,) = self.processes.added([float(loss.detach())])
                    if not math.isfinite(value):
                        found = found or NotFiniteError("loss", value, index)
                        num_counted -= size
                        continue
                self._backward(self.processes.weighed(loss, own > 0))
            if own:
                self.sums.add(output, losses, whole, own)
        applied = found is None and self._apply(group, loss)
        if not applied and found is None and self.scaler is None:
            found = NotFiniteError("gradient")
        self.clear()
        if not applied:
            for buffer, old in zip(self.buffers, before, strict=True):
                buffer.copy_(old)
        if found is not None:
            if not self.skips:
                raise found
            self.skipped(group, found, random)
        if applied and self.scheduler is not None:
            self.scheduler.step()
        if applied and self.average is not None:
            self.average.update()
        if self.careful and not finite_weights(self.parameters):
            raise NotFiniteError("weights")
        return num_counted, applied

    def _sizes(self, batch: Batch) -> tuple[int, int]:
        """How many rows of a batch this process takes, of how many."""
        if self.processes.count > 1:
            share = cast(Any, batch)
            return share.rows, share.size
        size = batch[self.field].shape[0]
        return size, size

    def _backward(self, loss: Tensor) -> None:
        scaled = loss if self.scaler is None else self.scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]

    def clear(self) -> None:
        """Forgets the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def _apply(self, group: Sequence[Batch], loss: Tensor) -> bool:
        """Clips and steps; false where the step was left out: fp16 overflowed, or a gradient isn't finite."""
        if self.scaler is not None:
            return self._apply_scaled(self.scaler)
        if (self.skips or self.careful) and not finite_gradients(self.parameters):
            return False
        if self.clip is not None:
            self.clip()
        if isinstance(self.optimizer, LBFGS):
            self.optimizer.step(self._closure(group, loss.detach()))  # type: ignore[no-untyped-call]
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
        scale = scaler.get_scale()
        if scale < min(before, LEAST_SCALE) and not self.skips:
            raise NotFiniteError("gradient")
        return scale >= before

    def _closure(self, group: Sequence[Batch], loss: Tensor) -> Callable[[], Tensor]:
        """The loss with its gradient: at first what the step has found, from then on evaluated again."""
        found = [loss]

        def closure() -> Tensor:
            if found:
                return found.pop()
            self.clear()
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
            raise NotFiniteError("loss", loss)
        return loss
