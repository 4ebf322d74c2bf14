"""What was found of a network's shapes, and the data's facts, in; a small output and batch out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from yamlnet.catalog.facts import Facts
from yamlnet.network.found import Shapes
from yamlnet.network.probe import BATCH
from yamlnet.training.objective import Batch

Fill = Literal["zeros", "ones", "mixed"]
FILLS: tuple[Fill, ...] = ("zeros", "ones", "mixed")


def example(
    shapes: Shapes, facts: Facts, draws: Sequence[str] = (), fill: Fill = "zeros"
) -> tuple[Any, Batch]:
    """An output and a batch of `BATCH` samples; mixed are shares of one, and classes 0 and 1 in turn.

    `draws` are the samples that are drawn for each: they have fields and an output of their own.
    """
    output = output_of(shapes)
    fields = {
        name: torch.zeros((BATCH, *field.shape), dtype=getattr(torch, field.dtype))
        for name, field in facts.fields.items()
        if field.shape is not None
    }
    drawn = {
        f"{draw}.{name}": value for draw in draws for name, value in (*fields.items(), ("output", output))
    }
    batch = {**fields, **drawn}
    if fill == "zeros":
        return output, batch
    random = torch.Generator().manual_seed(0)
    filled: tuple[Any, Batch] = tree_map(
        torch.ones_like if fill == "ones" else lambda tensor: _mixed(tensor, random), (output, batch)
    )
    return filled


def output_of(shapes: Shapes) -> Any:
    """An output of `BATCH` samples, zeros."""
    return shapes.probe.batch(BATCH, [shapes.output], {})[0][0]


def _mixed(tensor: Tensor, draw: torch.Generator) -> Tensor:
    if tensor.is_floating_point():
        return torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype)
    return (torch.arange(tensor.numel()) % 2).to(tensor.dtype).reshape(tensor.shape)
