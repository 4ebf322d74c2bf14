"""The metrics section, then what metrics compare of many batches, in; one number for each metric out."""

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
from yamlnet.training.objective import NO_CRITERIA, Batch, Criteria, Pick, compared_field, picks, shown
from yamlnet.training.processes import ALONE, Processes


class Meter:
    """Takes what metrics need from each batch, and counts it."""

    def __init__(
        self,
        accumulators: Mapping[str, Accumulator],
        inputs: Mapping[str, tuple[Pick, ...]],
        field: str | None = None,
    ) -> None:
        """`inputs` take what each metric compares; what several share is taken once.

        All of them compare the whole output with this `field` of the batch, where there is one.
        """
        self.accumulators, self.field = dict(accumulators), field
        users: dict[Pick, str] = {}
        for name, takers in inputs.items():
            for take in takers:
                users.setdefault(take, name)
        self._takers = [(name, take) for take, name in users.items()]
        places = {take: place for place, take in enumerate(users)}
        self._places = {name: [places[take] for take in takers] for name, takers in inputs.items()}

    def take(self, output: Any, batch: Batch) -> list[Tensor]:
        """What the metrics compare of one batch, detached."""
        taken = []
        for name, take in self._takers:  # noqa: B007 - by this name a failure is traced to its metric
            taken.append(take(output, batch).detach())
        return taken

    def count(self, taken: Sequence[Sequence[Tensor]]) -> None:
        """Counts batches in: of each thing that is taken, the tensors of them all, in order."""
        for name, places in self._places.items():  # here too
            self.accumulators[name].update(*[taken[place] for place in places])

    def compute(self, processes: Processes = ALONE) -> dict[str, float]:
        """Every metric over all batches since `reset`, of all processes; reads from the device."""
        figures: dict[str, float] = {}
        if processes.count == 1 or not self.accumulators:
            for name, accumulator in self.accumulators.items():
                figures[name] = accumulator.compute()
            return figures
        states = processes.gathered(self.state())
        if processes.first:
            own = {name: tensor.clone() for name, tensor in states[0].items()}
            self.merge([own, *states[1:]])
            figures = self.compute()
            self.restore(own)
        found: dict[str, float] = processes.agreed(figures)
        return found

    def state(self) -> dict[str, Tensor]:
        """What has been counted, as `METRIC.NAME`."""
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
    fields: set[str | None] = set()
    for name, term in terms.items():
        if term.call is None:
            inputs[name], accumulators[name] = (_mean(picks(term.inputs)[0]),), mean(device)
            fields.add(None)
            continue
        score = scores_of(loss, criteria, term.inputs[0]) if compares_classes(term.call) else None
        key = ("scores" if score else "", *map(shown, term.inputs))
        inputs[name] = shared.setdefault(key, _scored(picks(term.inputs), score))
        fields.add(None if score else compared_field(term.inputs))
        taken = [take(*example) for take in inputs[name]]
        logits = are_logits(loss, term.inputs[0])
        accumulators[name] = accumulator(term.call, taken, num_classes, logits, device)
    return Meter(accumulators, inputs, fields.pop() if len(fields) == 1 else None)


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
