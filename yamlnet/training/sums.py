"""What each batch of an epoch gives in; its losses' means, and its metrics, out.

A step only keeps references; many batches are counted in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.training.meter import Meter
from yamlnet.training.objective import Batch, Objective
from yamlnet.training.processes import ALONE, Processes

MAX_PENDING_ELEMENTS = 2**20
MAX_PENDING_BATCHES = 256

Row = tuple[Any, ...]
"""Of a batch: how many samples, the loss of each term, and what the metrics compare."""


class Sums:
    """What an epoch's losses add up to, on the device, and what its metrics are counted from.

    With several `processes` each adds up its own samples'; they come together when they are read.
    """

    def __init__(
        self, objective: Objective, meter: Meter, device: torch.device, processes: Processes = ALONE
    ) -> None:
        self.objective, self.meter, self.device, self.processes = objective, meter, device, processes
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._totals = tuple(torch.zeros((), dtype=dtype, device=device) for _ in objective.terms)
        self._pending: list[Row] = []
        self._most = 1
        self._row = _row(objective, meter)

    @property
    def totals(self) -> tuple[Tensor, ...]:
        """The very tensor of each term of the loss, with all batches in it."""
        self.flush()
        return self._totals

    def add(self, output: Any, losses: Sequence[Tensor], batch: Batch, num_samples: int) -> None:
        """Takes one batch in."""
        self._pending.append(self._row(output, losses, batch, num_samples))
        if len(self._pending) >= self._most:
            self.flush()

    @torch.no_grad()
    def flush(self) -> None:
        """Counts what was kept; where that is done changes no bit."""
        if not self._pending:
            return
        elements = sum(kept.numel() for kept in self._pending[0][1:])
        self._most = min(MAX_PENDING_BATCHES, MAX_PENDING_ELEMENTS // max(elements, 1))
        sizes, *columns = zip(*self._pending, strict=True)
        self._pending.clear()
        num_terms = len(self._totals)
        for term, total, losses in zip(self.objective.terms, self._totals, columns[:num_terms], strict=True):
            _add_up(total, losses, (1,) * len(sizes) if term.summed else sizes)
        self.meter.count(columns[num_terms:])

    def loss(self, num_samples: int) -> float:
        """The mean per sample so far; reads from the device."""
        return self.losses(num_samples)["loss"]

    def losses(self, num_samples: int) -> dict[str, float]:
        """`loss`, and `loss.NAME` for each term with a name, without its weight; reads from the device."""
        terms = self.objective.terms
        totals = [float(self.totals[0])] if len(terms) == 1 else torch.stack(self.totals).tolist()
        totals = self.processes.added(totals)
        means = [total / num_samples if num_samples else float("nan") for total in totals]
        loss = sum(mean if t.weight == 1 else t.weight * mean for t, mean in zip(terms, means, strict=True))
        named = {f"loss.{t.name}": mean for t, mean in zip(terms, means, strict=True) if t.name}
        return {"loss": loss, **named}

    def figures(self, num_samples: int) -> dict[str, float]:
        """The losses and every metric; reads from the device."""
        return {**self.losses(num_samples), **self.meter.compute(self.processes)}

    def reset(self) -> None:
        """Begins anew."""
        self._pending.clear()
        for total in self._totals:
            total.zero_()
        self.meter.reset()


def _row(objective: Objective, meter: Meter) -> Callable[[Any, Sequence[Tensor], Batch, int], Row]:
    """What keeps a batch; each call in it costs a small network's step a thousandth."""
    field = meter.field
    if len(objective.terms) == 1 and field is not None:
        return lambda output, losses, batch, size: (size, losses[0].detach(), output.detach(), batch[field])
    return lambda output, losses, batch, size: (
        size,
        *[loss.detach() for loss in losses],
        *meter.take(output, batch),
    )


def _add_up(total: Tensor, losses: tuple[Tensor, ...], factors: Sequence[int]) -> None:
    """Adds the losses one after another, so that no bit depends on how many there are."""
    if total.device.type == "cpu":
        factor = factors[0] if len(set(factors)) == 1 else torch.tensor(factors)
        weighted = torch.stack(losses).to(total.dtype) * factor
        weighted[0] += total
        total.copy_(weighted.cumsum(0)[-1])
        return
    for loss, factor in zip(losses, factors, strict=True):  # a GPU's `cumsum` has an order of its own
        total.add_(loss, alpha=factor)
