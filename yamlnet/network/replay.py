"""The rows that the judge noted -> what each of them costs on one sample, with what the rows before gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from yamlnet.network.found import Shapes
from yamlnet.network.journal import Row
from yamlnet.network.meter import Meter, measuring
from yamlnet.network.probe import own_random_state
from yamlnet.network.trace import Call, traced


@dataclass(frozen=True)
class Cost:
    """A row's operations, the bytes that it newly keeps for the backward pass, and the calls inside it."""

    flops: int = 0
    kept_bytes: int = 0
    inner: tuple[Call, ...] = ()


def costs(shapes: Shapes, network: nn.Module | None) -> list[Cost]:
    """The cost of each row; nothing for one that failed or doesn't run.

    Layers are in training mode, but for norms: those of a batch refuse a single sample. `network` tells which
    parameters are frozen.
    """
    modules = list(shapes.modules.values())
    held = _held(shapes, network)
    weights = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    for module in modules:
        for part in module.modules():
            part.training = "Norm" not in type(part).__name__
    try:
        with own_random_state(), measuring([*weights, *held.values()]) as meter:
            replay = _Replay(shapes, meter, dict(held))
            return [replay.cost(row) if row.runs and row.called else Cost() for row in shapes.rows]
    finally:
        for module in modules:
            module.eval()


def _held(shapes: Shapes, network: nn.Module | None) -> dict[int, Tensor]:
    """For each tensor that the judge took for a `Parameter` or `Buffer`, that one of the network."""
    if network is None:
        return {}
    real = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {
        id(judged): real[full]
        for name, members in shapes.tensors.items()
        for key, judged in members.items()
        if (full := f"{name}.{key}" if key else name) in real
    }


class _Replay:
    """`values` are what there is on one sample, by the empty values that the judge saw in their place."""

    def __init__(self, shapes: Shapes, meter: Meter, values: dict[int, Tensor]) -> None:
        self.probe = shapes.probe
        self.meter = meter
        self.values = values

    def cost(self, row: Row) -> Cost:
        flops, kept = self.meter.flops, self.meter.kept_bytes
        calls: list[Call] = []
        if isinstance(row.called, nn.Module):
            with traced(row.called, self.meter) as calls:
                output = self.run(row)
        else:
            output = self.run(row)
        self.remember(row.output, output)
        inner = tuple(calls[0].children) if calls else ()
        return Cost(self.meter.flops - flops, self.meter.kept_bytes - kept, inner)

    def run(self, row: Row) -> Any:
        assert row.called is not None
        self.probe.size = 1
        inputs, keywords = tree_map(self.value, (list(row.inputs), dict(row.keywords)))
        return row.called(*inputs, **keywords)

    def value(self, judged: Any) -> Any:
        """One sample for an empty batch."""
        if not isinstance(judged, Tensor) or isinstance(judged, nn.Parameter):
            return judged
        if id(judged) not in self.values:
            self.values[id(judged)] = torch.zeros(self.probe.shape(judged, 1), dtype=judged.dtype)
        return self.values[id(judged)]

    def remember(self, judged: Any, given: Any) -> None:
        known, real = _tensors(judged), _tensors(given)
        if len(known) == len(real):
            self.values |= {id(one): other for one, other in zip(known, real, strict=True)}


def _tensors(value: Any) -> Sequence[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
