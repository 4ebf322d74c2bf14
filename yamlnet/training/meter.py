"""The metrics section, then outputs and batches step by step, in; one number for each metric out.

While training steps run a meter only keeps references; it counts many batches in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from yamlnet.language.experiment import MetricTerm
from yamlnet.training.metrics import Accumulator, make_accumulator
from yamlnet.training.objective import Batch, Pick, picks

MAX_PENDING_ELEMENTS = 2**20
MAX_PENDING_BATCHES = 64


class Meter:
    """Collects what metrics need, step by step, and counts it when enough has gathered."""

    def __init__(
        self, accumulators: Mapping[str, Accumulator], inputs: Mapping[str, tuple[str, str]]
    ) -> None:
        """`inputs` names for each metric its prediction and its target."""
        self.accumulators = dict(accumulators)
        self._groups: list[tuple[Pick, Pick, list[Accumulator]]] = []
        for pair in dict.fromkeys(inputs.values()):
            prediction, target = picks(pair)
            users = [accumulators[name] for name, wanted in inputs.items() if wanted == pair]
            self._groups.append((prediction, target, users))
        self._pending: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self._groups]
        self._elements = self._batches = 0

    def add(self, output: Any, batch: Batch) -> None:
        """Keeps one batch's detached outputs and targets; nothing is computed but now and then."""
        for (prediction, target, _), pending in zip(self._groups, self._pending, strict=True):
            kept = prediction(output, batch).detach()
            pending.append((kept, target(output, batch).detach()))
            self._elements += kept.numel()
        self._batches += 1
        if self._elements >= MAX_PENDING_ELEMENTS or self._batches >= MAX_PENDING_BATCHES:
            self.flush()

    @torch.no_grad()
    def flush(self) -> None:
        """Counts what was kept."""
        for (_, _, users), pending in zip(self._groups, self._pending, strict=True):
            if not pending:
                continue
            predictions, targets = zip(*pending, strict=True)
            for accumulator in users:
                accumulator.update(predictions, targets)
            pending.clear()
        self._elements = self._batches = 0

    def compute(self) -> dict[str, float]:
        """Every metric over all batches since `reset`; reads from the device."""
        self.flush()
        return {name: accumulator.compute() for name, accumulator in self.accumulators.items()}

    def reset(self) -> None:
        """Forgets all batches."""
        for accumulator in self.accumulators.values():
            for tensor in accumulator.state.values():
                tensor.zero_()
        for pending in self._pending:
            pending.clear()
        self._elements = self._batches = 0


def meter(
    terms: Mapping[str, MetricTerm], num_classes: int | None, threshold: float, device: torch.device
) -> Meter:
    """A meter for the file's metrics; `threshold` is what one number per sample is compared with."""
    accumulators = {
        name: make_accumulator(term, num_classes, threshold, device) for name, term in terms.items()
    }
    return Meter(accumulators, {name: (term.inputs[0], term.inputs[1]) for name, term in terms.items()})
