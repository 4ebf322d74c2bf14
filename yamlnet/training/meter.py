"""The metrics section, then outputs and batches step by step, in; one number for each metric out.

While training steps run a meter only keeps references; it counts many batches in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.language.experiment import Loss, MetricTerm
from yamlnet.training.classes import are_logits, compares_classes
from yamlnet.training.criteria import Scores, scores_of
from yamlnet.training.measure import accumulator, mean
from yamlnet.training.metrics import Accumulator
from yamlnet.training.objective import NO_CRITERIA, Batch, Criteria, Pick, picks, shown
from yamlnet.training.processes import ALONE, Processes

MAX_PENDING_ELEMENTS = 2**20
MAX_PENDING_BATCHES = 64


class Meter:
    """Collects what metrics need, step by step, and counts it when enough has gathered."""

    def __init__(
        self, accumulators: Mapping[str, Accumulator], inputs: Mapping[str, tuple[Pick, ...]]
    ) -> None:
        """`inputs` take what each metric compares; metrics that share them are counted together."""
        self.accumulators = dict(accumulators)
        users: dict[tuple[Pick, ...], list[Accumulator]] = {}
        for name, takers in inputs.items():
            users.setdefault(takers, []).append(accumulators[name])
        self._groups = list(users.items())
        self._pending: list[list[tuple[Tensor, ...]]] = [[] for _ in self._groups]
        self._elements = self._batches = 0

    def add(self, output: Any, batch: Batch) -> None:
        """Keeps one batch's detached outputs and targets; nothing is computed but now and then."""
        for (takers, _), pending in zip(self._groups, self._pending, strict=True):
            taken = [take(output, batch) for take in takers]
            kept = tuple([value.detach() if value.requires_grad else value for value in taken])
            pending.append(kept)
            self._elements += kept[0].numel()
        self._batches += 1
        if self._elements >= MAX_PENDING_ELEMENTS or self._batches >= MAX_PENDING_BATCHES:
            self.flush()

    @torch.no_grad()
    def flush(self) -> None:
        """Counts what was kept."""
        for (_, users), pending in zip(self._groups, self._pending, strict=True):
            if not pending:
                continue
            columns = tuple(zip(*pending, strict=True))
            for user in users:
                user.update(*columns)
            pending.clear()
        self._elements = self._batches = 0

    def compute(self, processes: Processes = ALONE) -> dict[str, float]:
        """Every metric over all batches since `reset`, of all processes; reads from the device."""
        self.flush()
        if processes.count == 1 or not self.accumulators:
            return {name: accumulator.compute() for name, accumulator in self.accumulators.items()}
        states, figures = processes.gathered(self.state()), {}
        if processes.first:
            own = {name: tensor.clone() for name, tensor in states[0].items()}
            self.merge([own, *states[1:]])
            figures = self.compute()
            self.restore(own)
        found: dict[str, float] = processes.agreed(figures)
        return found

    def state(self) -> dict[str, Tensor]:
        """What has been counted, as `METRIC.NAME`."""
        self.flush()
        items = self.accumulators.items()
        return {f"{name}.{key}": tensor for name, held in items for key, tensor in held.state().items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what had been counted."""
        self.reset()
        for name, held in self.accumulators.items():
            held.restore(_under(name, state))

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Goes on from what several have counted, as if this one had counted all of it."""
        self.reset()
        for name, held in self.accumulators.items():
            held.merge([_under(name, state) for state in states])

    def reset(self) -> None:
        """Forgets all batches."""
        for held in self.accumulators.values():
            held.reset()
        for pending in self._pending:
            pending.clear()
        self._elements = self._batches = 0


def meter(
    terms: Mapping[str, MetricTerm],
    loss: Loss | None,
    example: tuple[Any, Batch],
    num_classes: int | None,
    device: torch.device,
    criteria: Criteria = NO_CRITERIA,
) -> Meter:
    """A meter for the file's metrics on outputs and batches like the example; `num_classes` is the data's.

    Metrics of classes compare the scores that the loss's own weights (`criteria`) make of what it takes.
    """
    inputs: dict[str, tuple[Pick, ...]] = {}
    accumulators: dict[str, Accumulator] = {}
    shared: dict[tuple[str, ...], tuple[Pick, ...]] = {}
    for name, term in terms.items():
        if term.call is None:
            inputs[name], accumulators[name] = (_mean(picks(term.inputs)[0]),), mean(device)
            continue
        score = scores_of(loss, criteria, term.inputs[0]) if compares_classes(term.call) else None
        key = ("scores" if score else "", *map(shown, term.inputs))
        inputs[name] = shared.setdefault(key, _scored(picks(term.inputs), score))
        taken = [take(*example) for take in inputs[name]]
        logits = are_logits(loss, term.inputs[0])
        accumulators[name] = accumulator(term.call, taken, num_classes, logits, device)
    return Meter(accumulators, inputs)


def _under(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): t for key, t in state.items() if key.startswith(f"{name}.")}


def _scored(takers: tuple[Pick, ...], score: Scores | None) -> tuple[Pick, ...]:
    """The first input as the scores that are made of it."""
    if score is None:
        return takers
    take, *others = takers

    def scored(output: Any, batch: Batch) -> Tensor:
        with torch.no_grad():
            return score(take(output, batch))

    return scored, *others


def _mean(take: Pick) -> Pick:
    """A batch's mean of a value, as often as there are samples."""

    def averaged(output: Any, batch: Batch) -> Tensor:
        value: Tensor = take(output, batch)
        exact = value if value.is_floating_point() else value.to(torch.float32)
        return exact.mean().expand(len(next(iter(batch.values()))))

    return averaged
