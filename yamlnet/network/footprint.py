"""What a training step holds in memory -> bytes, by one formula for `check`, `summary` and whoever asks.

    step = weights + gradients + optimizer + average + batch_size * activations

`weights` are parameters and buffers, tied ones once; `gradients` as much as the trainable parameters take,
sparse ones left out; `optimizer` what it keeps for each trainable parameter (`num_slots` numbers: 2 with
Adam, 1 with SGD and momentum); `average` a copy of the trainable parameters where `ema` is set;
`activations` what autograd saves for the backward pass of one sample, at half precision half of it. It is
the least that a step takes: gradients of activations, the workspace of kernels and what the device's driver
takes come on top.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """What the file says of a training step, as far as memory goes."""

    optimizer: str
    num_slots: int
    batch_size: int
    averaged: bool = False
    half: bool = False


@dataclass(frozen=True)
class Footprint:
    """Bytes of a training step; `activations` are those of one sample."""

    weights: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    step: Step

    @property
    def fixed(self) -> int:
        """What doesn't depend on the size of the batch."""
        return self.weights + self.gradients + self.optimizer + self.average

    @property
    def total(self) -> int:
        """What the step holds at least."""
        return self.fixed + self.step.batch_size * self.activations

    @property
    def parts(self) -> Mapping[str, int]:
        """The terms of the sum, by what they are called in a message."""
        average = {"EMA": self.average} if self.average else {}
        return {
            "weights": self.weights,
            "gradients": self.gradients,
            self.step.optimizer: self.optimizer,
            **average,
            "activations": self.step.batch_size * self.activations,
        }

    def batch_size_within(self, limit: int, num_samples: int | None = None) -> int:
        """The largest power of two for which the step fits, 0 where there is none; of so many samples."""
        room = (limit - self.fixed) // max(self.activations, 1)
        room = room if num_samples is None else min(room, num_samples)
        return 1 << (room.bit_length() - 1) if room > 0 else 0


def footprint(
    network: nn.Module, activations: int, step: Step, sparse: Collection[Tensor] = frozenset()
) -> Footprint:
    """The footprint of a network that keeps so many bytes for a sample's backward pass in float32.

    `sparse` are the parameters whose gradients are sparse.
    """
    tensors = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    trained = sum(parameter.nbytes for parameter in trainable)
    return Footprint(
        sum(tensor.nbytes for tensor in tensors.values()),
        sum(parameter.nbytes for parameter in trainable if parameter not in sparse),
        step.num_slots * trained,
        trained if step.averaged else 0,
        activations // 2 if step.half else activations,
        step,
    )
