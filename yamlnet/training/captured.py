"""A loop and what captures calls in; the loop's next steps, many to a replay, to the very same bits, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter

import torch
from torch import Tensor, nn

from yamlnet.training import randomness
from yamlnet.training.graphs import Call, Machine
from yamlnet.training.loop import Loop, Taken
from yamlnet.training.objective import Batch
from yamlnet.training.rates import Rates, Row

SIZES = (8, 1)
"""How many steps are replayed at once: as many as there are, at most these."""

LEAST_TRIED = 3
"""So many steps are compared, at least, before any is replayed: more than one, for what counts its calls."""

MOST_TRIALS = 3

LONGEST_S = 0.5
"""Steps that take longer together are replayed one by one: only between replays is there a way out."""


@dataclass(frozen=True)
class Stretch:
    """Steps that are replayed together, and the batches that they read."""

    inputs: Sequence[Batch]
    replay: Call

    def fits(self, batches: Sequence[Batch]) -> bool:
        """Whether the first of these batches can be copied to its own."""
        count = len(self.inputs)
        return len(batches) >= count and all(map(are_alike, self.inputs, batches[:count]))


@dataclass(frozen=True)
class State:
    """All that a step changes, apart from it, so that the device has no less memory: on the CPU."""

    tensors: Sequence[Tensor]
    random: dict[str, Tensor]
    num_averaged: int

    def is_same(self, other: State) -> bool:
        """Whether both have the same bits."""
        names = self.random.keys()
        pairs = zip(self.tensors, other.tensors, strict=True)
        drawn = zip(self.random.values(), (other.random[name] for name in names), strict=True)
        return all(_same(*pair) for pair in (*pairs, *drawn)) and self.num_averaged == other.num_averaged


class Captured:
    """Takes a loop's steps by replaying them, once that is known to change no bit.

    Steps are first taken one by one, then captured, then taken once more from where those began, by replay:
    only if everything is as it was then are the next ones replayed. A batch of another shape is taken by
    itself. `tell` is told of the verdict: None, or why no step is replayed.
    """

    def __init__(self, loop: Loop, model: nn.Module, machine: Machine) -> None:
        """`model` holds all that is trained; from now on the loop's optimizer has its rates as tensors."""
        self.tell: Callable[[str | None], object] = lambda reason: None
        self._scheduler = loop.scheduler
        self._loop = replace(loop, scheduler=None, ahead=None)
        self._rates, self._model, self._machine = Rates(loop.optimizer, SIZES[0]), model, machine
        self._stretches: list[Stretch] = []
        self._states: object = None
        self._num_trials, self._has_waited, self._refused = 0, False, False

    def take(self, batches: Iterator[Batch], most: int) -> Iterator[Taken]:
        """Takes the next steps, `most` of them at the most; tells of each when it is taken."""
        group = list(islice(batches, 1 if self._refused else min(most, SIZES[0])))
        if self._stretches and self._states is not self._loop.optimizer.state:
            self._stretches = []  # a state was loaded: it lies elsewhere in memory
        if not self._stretches and not self._refused and self._is_enough(group):
            yield from self._tried(group)
            return
        while group:
            stretch = next((found for found in self._stretches if found.fits(group)), None)
            count = 1 if stretch is None else len(stretch.inputs)
            yield from [self._eager(group[0])] if stretch is None else self._replayed(stretch, group[:count])
            group = group[count:]

    def _is_enough(self, group: Sequence[Batch]) -> bool:
        """Whether these steps are to tell if replays come to the same."""
        if len(group) < LEAST_TRIED or not all(are_alike(group[0], batch) for batch in group):
            return False
        waits = len(group) < SIZES[0] and not self._has_waited  # a pause may just be near
        self._has_waited = True
        return not waits

    def _eager(self, batch: Batch) -> Taken:
        taken = self._loop.step([batch])
        self._advance()
        return 1, *taken

    def _advance(self) -> None:
        if self._scheduler is not None:
            self._scheduler.step()

    def _replayed(self, stretch: Stretch, group: Sequence[Batch]) -> list[Taken]:
        rates = []
        for _ in group:
            rates.append(self._rates.now())
            self._advance()
        self._replay(stretch, group, rates)
        return [(1, len(batch[self._loop.field]), True) for batch in group]

    def _replay(self, stretch: Stretch, group: Sequence[Batch], rates: Sequence[Row]) -> None:
        _fill(stretch.inputs, group)
        self._rates.write(rates)
        self._loop.sums.flush()
        stretch.replay()
        if self._loop.average is not None:
            self._loop.average.num_averaged += len(group)

    def _tried(self, group: Sequence[Batch]) -> Iterator[Taken]:
        """Takes these steps one by one, and finds whether replays would have come to the same."""
        self._num_trials += 1
        own = self._own()
        start, rates = self._kept(own), []
        began = perf_counter()
        for batch in group:
            rates.append(self._rates.now())
            yield self._eager(batch)
        if not _are_the_same(own, self._own()):  # an optimizer that has just begun makes its state
            if self._num_trials >= MOST_TRIALS:
                self._refuse("its state doesn't stay where it is in memory")
            return
        end = self._kept(own)  # for which all of it is waited for
        sizes = SIZES if perf_counter() - began < LONGEST_S else SIZES[-1:]
        try:
            if (reason := self._machine.obstacle()) is None:
                self._stretches = [
                    self._captured(group[:count]) for count in sizes if len(group) % count == 0
                ]
                reason = self._compared(group, rates, start, end)
        except Exception as error:  # whatever it is: the steps themselves were taken
            reason = _cause(error)
        self._loop.clear()
        self._loop.sums.reset()  # a capture that failed leaves batches that nobody computed
        self._restore(self._own(), end)
        if reason is not None:
            self._refuse(reason)
        else:
            self._states, self._num_trials = self._loop.optimizer.state, 0
            self.tell(None)

    def _compared(self, group: Sequence[Batch], rates: Sequence[Row], start: State, end: State) -> str | None:
        """Why the stretches aren't to be used: they don't lead from the start to the end."""
        own = self._own()
        for stretch in self._stretches:
            self._restore(own, start)
            count = len(stretch.inputs)
            for place in range(0, len(group), count):
                self._replay(stretch, group[place : place + count], rates[place : place + count])
            if not self._kept(own).is_same(end):
                return "replayed, it doesn't come to the same bits"
        return None

    def _captured(self, group: Sequence[Batch]) -> Stretch:
        inputs = [{name: torch.empty_like(value) for name, value in batch.items()} for batch in group]
        _fill(inputs, group)

        def steps() -> None:
            with self._rates.reading(), self._counted_apart():
                for batch in inputs:
                    self._loop.step([batch])
            self._loop.sums.flush()

        self._machine.warm_up(steps)
        return Stretch(inputs, self._machine.capture(steps))

    @contextmanager
    def _counted_apart(self) -> Iterator[None]:
        """Whatever counts outside the device goes on as if nothing was done within: a replay can't count."""
        average = self._loop.average
        before = 0 if average is None else average.num_averaged
        try:
            yield
        finally:
            if average is not None:
                average.num_averaged = before

    def _refuse(self, reason: str) -> None:
        self._refused, self._stretches = True, []
        self.tell(reason)

    def _own(self) -> list[Tensor]:
        """The very tensors that a step changes."""
        loop = self._loop
        loop.sums.flush()
        held = [value for state in loop.optimizer.state.values() for value in state.values()]
        sums = [t for counted in loop.sums.meter.accumulators.values() for t in counted.state().values()]
        averages = [] if loop.average is None else list(loop.average.tensors.values())
        state = [value for value in held if isinstance(value, Tensor)]
        weights = [*self._model.parameters(), *self._model.buffers()]
        return [*weights, *state, *averages, *loop.sums.totals, *sums]

    def _kept(self, own: Sequence[Tensor]) -> State:
        self._loop.sums.flush()
        average = self._loop.average
        return State(
            [tensor.detach().to("cpu", copy=True) for tensor in own],
            randomness.capture(self._loop.sums.device),
            0 if average is None else average.num_averaged,
        )

    @torch.no_grad()
    def _restore(self, own: Sequence[Tensor], state: State) -> None:
        for tensor, old in zip(own, state.tensors, strict=True):
            tensor.copy_(old)
        randomness.restore(self._loop.sums.device, state.random)
        if self._loop.average is not None:
            self._loop.average.num_averaged = state.num_averaged


def are_alike(batch: Batch, other: Batch) -> bool:
    """Whether two batches have the same fields, of the same shapes and types."""
    return batch.keys() == other.keys() and all(_is_alike(batch[name], other[name]) for name in batch)


def _is_alike(value: object, other: object) -> bool:
    if not isinstance(value, Tensor) or not isinstance(other, Tensor) or value.is_nested or other.is_nested:
        return False
    return (value.shape, value.dtype, value.device) == (other.shape, other.dtype, other.device)


def _cause(error: BaseException) -> str:
    """What failed first, in a line: ending a capture that failed raises once more."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).strip().split("\n")[0] or type(error).__name__


def _fill(inputs: Sequence[Batch], group: Sequence[Batch]) -> None:
    for own, batch in zip(inputs, group, strict=True):
        for name, value in own.items():
            value.copy_(batch[name])


def _are_the_same(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    if len(tensors) != len(others):
        return False
    return all(a is b and a.device.type == b.device.type for a, b in zip(tensors, others, strict=True))


def _same(tensor: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bits: 0 is not -0, and NaN is NaN."""
    flat = [each.contiguous().reshape(-1).view(torch.uint8) for each in (tensor, other)]
    return torch.equal(*flat)
