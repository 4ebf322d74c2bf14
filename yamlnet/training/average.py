"""A model's parameters after each step in; their exponential moving average out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """The exponential moving average (EMA) of a model's trainable parameters: the first average is a copy.

    Buffers, such as the running statistics of a BatchNorm, are never averaged: the model's own are used.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._parameters: list[Tensor] = list(trained.values())
        self._averages = [p.detach().clone() for p in self._parameters]
        self._update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._names = list(trained)
        self.num_averaged = 0

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The averages by parameter name, the very tensors that are updated."""
        return dict(zip(self._names, self._averages, strict=True))

    def update(self) -> None:
        """Takes one more state of the parameters in: average = decay * average + (1 - decay) * parameter."""
        if self.num_averaged == 0:
            self._copy(self._averages, self._parameters)
        else:
            self._update(self._averages, self._parameters, self.num_averaged)
        self.num_averaged += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the model's parameters hold the averages."""
        own = [p.detach().clone() for p in self._parameters]
        self._copy(self._parameters, self._averages)
        try:
            yield
        finally:
            self._copy(self._parameters, own)

    @staticmethod
    @torch.no_grad()
    def _copy(to: list[Tensor], values: list[Tensor]) -> None:
        torch._foreach_copy_(to, values)
