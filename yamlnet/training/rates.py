"""An optimizer in; the same one, which reads its learning rates from the device, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

import torch
from torch.optim import Optimizer

Row = Sequence[float]
"""The learning rate of each group."""


class Rates:
    """The learning rates that an optimizer steps with: tensors, for as long as a step takes.

    Between steps its groups hold numbers, as schedules, records and checkpoints want them. A captured step
    reads what was written before it was replayed.
    """

    def __init__(self, optimizer: Optimizer, most: int) -> None:
        """`most` is the number of steps that are written at once."""
        self._optimizer = optimizer
        device = optimizer.param_groups[0]["params"][0].device
        self._table = torch.zeros(most, len(optimizer.param_groups), device=device)  # [step, group]
        self._written: list[list[float]] = [[] for _ in range(most)]
        self._row: int | None = None
        step = optimizer.step

        @wraps(step)  # a scheduler that was made before looks for its mark
        def stepped(optimizer: Optimizer) -> Any:
            if self._row is None:
                self.write([self.now()])
                row = 0
            else:
                row, self._row = self._row, self._row + 1
            with self._on_device(row):
                return step()

        optimizer.step = MethodType(stepped, optimizer)  # type: ignore[method-assign]
        # a step that isn't captured is no mistake here
        optimizer._warned_capturable_if_run_uncaptured = True

    def now(self) -> list[float]:
        """What the groups have."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    def write(self, rows: Sequence[Row]) -> None:
        """Puts the rates of the next steps on the device, without waiting for it."""
        wanted = [list(row) for row in rows]
        if wanted != self._written[: len(wanted)]:
            self._written[: len(wanted)] = wanted
            self._table[: len(wanted)].copy_(torch.tensor(wanted), non_blocking=True)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Within it the first step reads the first row that was written, the second the next one, ..."""
        self._row = 0
        try:
            yield
        finally:
            self._row = None

    @contextmanager
    def _on_device(self, row: int) -> Iterator[None]:
        groups = self._optimizer.param_groups
        before: list[dict[str, Any]] = [
            {key: group[key] for key in ("lr", "capturable") if key in group} for group in groups
        ]
        for index, group in enumerate(groups):
            group |= {**dict.fromkeys(before[index], True), "lr": self._table[row, index]}
        try:
            yield
        finally:
            for group, old in zip(groups, before, strict=True):
                group |= old
