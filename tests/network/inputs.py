"""Plausible inputs and arguments for the names of the catalogue, one table for layers and functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Entry


@dataclass(frozen=True)
class Given:
    """An input: its shape without the batch, its dtype, and how far its integers go."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    below: int = 0

    def tensor(self, size: int) -> Tensor:
        if self.dtype == "int64":
            return torch.randint(self.below, (size, *self.shape))
        if self.dtype == "bool":
            return torch.rand(size, *self.shape) < 0.5
        return torch.rand(size, *self.shape).to(getattr(torch, self.dtype))


@dataclass(frozen=True)
class Case:
    """What a name is called with: its inputs in order, and its options."""

    inputs: tuple[Given, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


def integers(*shape: int, below: int) -> Given:
    return Given(shape, "int64", below)


BY_AXES = {2: (6,), 3: (8, 6), 4: (8, 6, 6), 5: (8, 6, 6, 6)}
OPTIONS: Mapping[str, Any] = {
    "batch_first": True,
    "dim0": 1,
    "dim1": 2,
    "dims": [0, 2, 1],
    "groups": 2,
    "hidden_size": 4,
    "kernel_size": 2,
    "nhead": 2,
    "norm_type": 2.0,
    "normalized_shape": [6],
    "num_groups": 2,
    "num_heads": 2,
    "num_layers": 2,
    "out_channels": 4,
    "out_features": 5,
    "output_size": 3,
    "pad": [1, 2],
    "padding": 1,
    "reduction": "none",
    "shape": ["batch", 6, 8],
    "size": 3,
    "threshold": 0.2,
    "value": 0.5,
    "var": 0.5,
    "other": 0.5,
}
"""Options that must be said, by name."""


def case(entry: Entry, special: Mapping[str, Case]) -> Case:
    """The inputs and options of an entry: its own, else those that its axes and required options ask for."""
    if entry.name in special:
        return special[entry.name]
    required = [p.name for p in entry.options.values() if p.required]
    losses = [name for name in ("reduction",) if name in entry.options]
    shape = BY_AXES[max(entry.axes, default=3)]
    tensors = [p for p in entry.tensors if p.default is not None and p.name not in required]
    return Case(tuple(Given(shape) for _ in tensors), {name: OPTIONS[name] for name in (*required, *losses)})


def document(name: str, chosen: Case, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A file whose network is one call."""
    said = dict(chosen.options if options is None else options) or None
    inputs = {
        f"x{number}": {"shape": list(given.shape), "dtype": given.dtype}
        for number, given in enumerate(chosen.inputs)
    }
    return {"model": {"inputs": inputs, name: said}}
