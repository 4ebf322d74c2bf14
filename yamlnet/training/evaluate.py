"""A model and a split's batches in; the mean loss and the metrics out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import nn

from yamlnet.training.loop import Forward
from yamlnet.training.processes import ALONE, Processes
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.sources import Source
from yamlnet.training.sums import Sums

SEED = 0


@dataclass(frozen=True, eq=False)
class Evaluator:
    """What evaluating a model uses; `field` is any field of its batches.

    Several `processes` take some of the batches each: one after another, in their order.
    """

    model: nn.Module
    forward: Forward
    sums: Sums
    field: str
    processes: Processes = ALONE

    def evaluate(self, source: Source, asked: Callable[[], bool] = lambda: False) -> dict[str, float]:
        """The mean loss per sample and every metric over the split, the model in evaluation mode.

        What the model draws at random is the same each time, and taken from no other stream. `asked` tells,
        after each batch, whether to leave out the rest: then there are no figures.
        """
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        try:
            with drawn_apart(self.sums.device, SEED), torch.inference_mode():
                return self._measure(source, asked)
        finally:
            for module, training in modes:
                module.training = training

    def _measure(self, source: Source, asked: Callable[[], bool]) -> dict[str, float]:
        self.sums.reset()
        num_samples, ends = 0, False
        first, last = self.processes.part(len(source))
        for batch in islice(source.epoch(0, first), last - first):
            output, whole, losses = self.forward(batch)
            self.sums.add(output, losses, whole, len(batch[self.field]))
            num_samples += len(batch[self.field])
            ends = asked()
            if ends:
                break
        num_samples, num_ended = map(int, self.processes.added([num_samples, bool(ends)]))
        return {} if num_ended else self.sums.figures(num_samples)
