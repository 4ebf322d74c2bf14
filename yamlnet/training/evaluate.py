"""A model and a split's batches in; the mean loss and the metrics out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from yamlnet.training.loop import Forward, Sums
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.sources import Source

SEED = 0


@dataclass(frozen=True, eq=False)
class Evaluator:
    """What evaluating a model uses; `field` is any field of its batches."""

    model: nn.Module
    forward: Forward
    sums: Sums
    field: str

    def evaluate(self, source: Source, check: Callable[[], object] = lambda: None) -> dict[str, float]:
        """The mean loss per sample and every metric over the split, the model in evaluation mode.

        What the model draws at random is the same each time, and taken from no other stream. `check` is
        called after each batch and may end it by raising.
        """
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            with drawn_apart(self.sums.totals[0].device, SEED), torch.inference_mode():
                return self._measure(source, check)
        finally:
            for module, training in modes:
                module.training = training

    def _measure(self, source: Source, check: Callable[[], object]) -> dict[str, float]:
        self.sums.reset()
        num_samples = 0
        for batch in source.epoch(0):
            output, whole, losses = self.forward(batch)
            self.sums.add(output, losses, whole, len(batch[self.field]))
            num_samples += len(batch[self.field])
            check()
        return self.sums.figures(num_samples)
