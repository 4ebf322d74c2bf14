"""What each batch of an epoch gives in; its losses' means, and its metrics, out.

A step only keeps references; many batches are counted in one go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.training.meter import Meter
from yamlnet.training.objective import Batch, Objective
from yamlnet.training.processes import ALONE, Processes

MAX_PENDING_BYTES = 2**22
MAX_PENDING_BATCHES = 1024

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
        self._kept: list[Row] = []
        self._most, self._num_added_up = 1, 0

    @property
    def totals(self) -> tuple[Tensor, ...]:
        """The very tensor of each term of the loss, with all batches in it."""
        self.flush()
        return self._totals

    def add(self, output: Any, losses: Sequence[Tensor], batch: Batch, num_samples: int) -> None:
        """Takes one batch in, by as few calls as can be: each costs a small network's step a thousandth."""
        kept, field = self._kept, self.meter.field
        if field is not None and len(losses) == 1:
            kept.append((num_samples, losses[0].detach(), output.detach(), batch[field]))
        else:
            taken = self.meter.take(output, batch)
            kept.append((num_samples, *[loss.detach() for loss in losses], *taken))
        if len(kept) >= self._most:
            self.flush()

    @torch.no_grad()
    def flush(self) -> None:
        """Counts what was kept; where that is done changes no bit."""
        if not self._kept:
            return
        self._add_up()
        _, *columns = zip(*self._kept, strict=True)
        size = sum(map(_num_bytes, columns))
        self._most = min(MAX_PENDING_BATCHES, MAX_PENDING_BYTES // max(size, 1))
        self._forget()
        self.meter.count(columns[len(self._totals) :])

    def _forget(self) -> None:
        self._kept.clear()
        self._num_added_up = 0

    @torch.no_grad()
    def _add_up(self) -> None:
        """The losses of what was kept since; they are read more often than metrics."""
        new = self._kept[self._num_added_up :]
        if not new:
            return
        self._num_added_up = len(self._kept)
        for place, (term, total) in enumerate(zip(self.objective.terms, self._totals, strict=True), start=1):
            factors = [1 if term.summed else row[0] for row in new]
            _add_in_order(total, [row[place] for row in new], factors)

    def loss(self, num_samples: int) -> float:
        """The mean per sample so far; reads from the device."""
        return self.losses(num_samples)["loss"]

    def losses(self, num_samples: int) -> dict[str, float]:
        """`loss`, and `loss.NAME` for each term with a name, without its weight; reads from the device."""
        self._add_up()
        terms = self.objective.terms
        totals = [float(self._totals[0])] if len(terms) == 1 else torch.stack(self._totals).tolist()
        totals = self.processes.added(totals)
        means = [total / num_samples if num_samples else float("nan") for total in totals]
        loss = sum(mean if t.weight == 1 else t.weight * mean for t, mean in zip(terms, means, strict=True))
        named = {f"loss.{t.name}": mean for t, mean in zip(terms, means, strict=True) if t.name}
        return {"loss": loss, **named}

    def figures(self, num_samples: int) -> dict[str, float]:
        """The losses and every metric; reads from the device."""
        self.flush()
        return {**self.losses(num_samples), **self.meter.compute(self.processes)}

    def reset(self) -> None:
        """Begins anew."""
        self._forget()
        for total in self._totals:
            total.zero_()
        self.meter.reset()


def _num_bytes(column: Sequence[Tensor]) -> int:
    """What the first of them keeps from being freed: all that it is a part of, unless the next is, too."""
    first, *others = (tensor.untyped_storage() for tensor in column[:2])
    return 0 if any(other.data_ptr() == first.data_ptr() for other in others) else first.nbytes()


def _add_in_order(total: Tensor, losses: list[Tensor], factors: Sequence[int]) -> None:
    """Adds the losses one after another, so that no bit depends on how many there are."""
    if total.device.type == "cpu":
        factor = factors[0] if len(set(factors)) == 1 else torch.tensor(factors)
        weighted = torch.stack(losses).to(total.dtype).mul_(factor)
        weighted[0].add_(total)
        total.copy_(weighted.cumsum(0)[-1])
        return
    for loss, factor in zip(losses, factors, strict=True):  # a GPU's `cumsum` has an order of its own
        total.add_(loss, alpha=factor)
