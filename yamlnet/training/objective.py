"""The loss section in; a function of the model's outputs and a batch that gives the loss out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss
from yamlnet.network.construct import arguments
from yamlnet.training.calls import construct

Batch = Mapping[str, Tensor]
"""One batch by field, each `[batch, ...]`."""

Pick = Callable[[Any, Batch], Any]
"""Takes one input of a loss or metric from the model's outputs or from the batch."""

ELEMENTWISE = frozenset(
    [
        "BCELoss",
        "BCEWithLogitsLoss",
        "HuberLoss",
        "L1Loss",
        "MSELoss",
        "MultiLabelSoftMarginLoss",
        "PoissonNLLLoss",
        "SmoothL1Loss",
        "SoftMarginLoss",
    ]
)
"""Losses of two float tensors that would broadcast: equal shapes are demanded, and integers made floats."""


@dataclass(frozen=True)
class Objective:
    """The loss of a batch as one number on the device, and how the batches' numbers are put together.

    `summed` tells a loss that adds up over the samples (`reduction: sum`) from a mean over them.
    """

    loss: Callable[[Any, Batch], Tensor]
    summed: bool

    def weight(self, num_samples: int) -> int:
        """What a batch's loss counts in the sum over all samples."""
        return 1 if self.summed else num_samples

    def share(self, num_samples: int, num_samples_in_step: int) -> float:
        """What a batch's gradient counts in a step over several batches."""
        return 1.0 if self.summed else num_samples / num_samples_in_step


def objective(section: Loss, device: torch.device) -> Objective:
    """The loss of the file, its class made and its inputs resolved once for all steps."""
    criterion = construct(section.call, arguments=arguments(section.call)).to(device)
    compare = _elementwise(section, criterion) if section.call.name in ELEMENTWISE else criterion
    reduction = section.call.arguments.get("reduction")
    if reduction == "none":
        compare = _averaged(compare)
    return Objective(_applied(compare, section.inputs), summed=reduction == "sum")


def picks(inputs: Sequence[str]) -> tuple[Pick, ...]:
    """For each name (`output`, `output.image`, `output.0`, a field of the batch) what takes its value."""
    return tuple(_pick(name) for name in inputs)


def _pick(name: str) -> Pick:
    first, *rest = name.split(".")
    if first != "output":
        return lambda output, batch: batch[name]
    keys = [int(key) if key.isdigit() else key for key in rest]

    def part(output: Any, batch: Batch) -> Any:
        for key in keys:
            output = output[key]
        return output

    return part if keys else lambda output, batch: output


def _applied(compare: Callable[..., Tensor], inputs: Sequence[str]) -> Callable[[Any, Batch], Tensor]:
    if len(inputs) == 2 and inputs[0] == "output" and not inputs[1].startswith("output"):
        field = inputs[1]
        return lambda output, batch: compare(output, batch[field])
    takers = picks(inputs)
    return lambda output, batch: compare(*(take(output, batch) for take in takers))


def _averaged(compare: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *tensors: compare(*tensors).mean()


def _elementwise(section: Loss, criterion: Callable[..., Tensor]) -> Callable[..., Tensor]:
    first, second, *_ = section.inputs

    def compare(prediction: Tensor, target: Tensor, *others: Tensor) -> Tensor:
        if prediction.shape != target.shape:
            raise YamlnetError(
                f"`{section.call.name}` needs equal shapes, but `{first}` is {list(prediction.shape)} "
                f"and `{second}` is {list(target.shape)}, the batch first"
            )
        if not target.is_floating_point():
            target = target.to(prediction.dtype)
        return criterion(prediction, target, *others)

    return compare
