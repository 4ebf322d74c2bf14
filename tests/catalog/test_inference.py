"""The sizes that are inferred are those that the modules really need for their inputs."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import nn

from yamlnet.catalog.entry import REQUIRED, Entry
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.types import to_python
from yamlnet.catalog.vision import import_torchvision

CLASSES = [
    entry
    for kind in ("module", "loss")
    for name in names(kind)
    if (entry := find(name, kind)) is not None
    and any(p.inferred and p.inferred.axis is not None for p in entry.parameters.values())
]
LAZY = [name for name in dir(nn) if name.startswith("Lazy")]
BEYOND_LAZY = {
    *("Bilinear", "SyncBatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"),
    *("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"),
    *("MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer"),
    *("AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"),
    *("Conv2dNormActivation", "Conv3dNormActivation", "SqueezeExcitation", "MLP", "FrozenBatchNorm2d"),
    "DeformConv2d",
}
COMPILED = {"DeformConv2d"}
"""What needs torchvision's compiled operators, which a torchvision for CUDA lacks beside a CPU torch."""
ON_VECTORS = {"AdaptiveLogSoftmaxWithLoss": (2, 8), "LinearCrossEntropyLoss": (2, 8)}
SMALL: dict[str, Any] = {
    "kernel_size": 1,
    "num_groups": 2,
    "num_heads": 2,
    "nhead": 2,
    "cutoffs": [1],
    "batch_first": True,
    "hidden_channels": [4],
}


def sizes(entry: Entry, *shapes: torch.Size) -> dict[str, Any]:
    """The inferred arguments for inputs of these shapes."""
    found: dict[str, Any] = {}
    for parameter in entry.parameters.values():
        if (rule := parameter.inferred) and rule.axis is not None and rule.only_if_different is None:
            size = shapes[rule.input][rule.axis]
            found[parameter.name] = size if rule.form == "int" else (size,)
    return found


def larger(value: int | tuple[int]) -> int | tuple[int]:
    """Another size, a multiple so that heads and groups still divide it."""
    return value * 2 if isinstance(value, int) else (value[0] * 2,)


def inputs(entry: Entry) -> list[torch.Tensor]:
    """A batch of 2 for each required input, its axes as different as they can be."""
    num_axes = entry.axes[0] if entry.axes else 3
    shape = ON_VECTORS.get(entry.name, (2, 4, 8, 8, 8)[:num_axes])
    return [
        torch.zeros(2, dtype=torch.int64) if tensor.name.startswith("target") else torch.rand(shape)
        for tensor in entry.tensors
        if tensor.default is REQUIRED
    ]


@pytest.mark.parametrize(
    "entry", [e for e in CLASSES if e.name not in COMPILED], ids=lambda entry: entry.name
)
def test_inferred_sizes_fit_and_others_dont(entry: Entry) -> None:
    tensors = inputs(entry)
    said = {
        p.name: to_python(p.type, SMALL.get(p.name, 4))
        for p in entry.options.values()
        if p.default is REQUIRED and p.inferred is None
    }
    inferred = sizes(entry, *(tensor.shape for tensor in tensors))
    import_torchvision()
    module, _, name = entry.target.rpartition(".")
    cls = getattr(import_module(module), name)
    cls(**said, **inferred).eval()(*tensors)
    for parameter, size in inferred.items():
        wrong = cls(**said, **{**inferred, parameter: larger(size)}).eval()
        with pytest.raises((RuntimeError, ValueError, AssertionError, UserWarning)):
            wrong(*tensors)


@pytest.mark.parametrize("name", LAZY)
def test_what_torch_infers_lazily_is_inferred(name: str) -> None:
    entry = find(name.removeprefix("Lazy"), "module")
    assert entry is not None
    lazy = inspect.signature(getattr(nn, name)).parameters
    missing = {
        parameter
        for parameter in inspect.signature(getattr(nn, entry.name)).parameters
        if parameter not in lazy and parameter != "bias"
    }
    assert {p.name for p in entry.parameters.values() if p.inferred} == missing


def test_what_follows_from_categories() -> None:
    entries = [find(name, kind) for kind in ("module", "function") for name in names(kind)]
    inferred = {
        f"{entry.name}.{p.name}"
        for entry in entries
        if entry is not None
        for p in entry.parameters.values()
        if p.inferred and p.inferred.axis is None
    }
    assert inferred == {"Embedding.num_embeddings", "one_hot.num_classes"}


def test_what_is_inferred_beyond_torchs_lazy_modules() -> None:
    assert {entry.name for entry in CLASSES} - {name.removeprefix("Lazy") for name in LAZY} == BEYOND_LAZY
