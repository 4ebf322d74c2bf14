"""The scale of a network's numbers, held against the numbers themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from yamlnet import pipeline
from yamlnet.catalog.scales import Scale
from yamlnet.language.files import read
from yamlnet.network.scale import Scales

SCALES: dict[str, tuple[Any, Scale | None]] = {
    "linear": ({"Linear": 6}, Scale.ANY),
    "conv": ([{"Conv1d": {"out_channels": 2, "kernel_size": 1}}, "Flatten"], Scale.ANY),
    "norm": ([{"Linear": 6}, "LayerNorm"], Scale.ANY),
    "relu": ([{"Linear": 6}, "ReLU"], Scale.ACTIVATED),
    "tanh": ([{"Linear": 6}, "Tanh"], Scale.ACTIVATED),
    "sigmoid": ([{"Linear": 6}, "Sigmoid"], Scale.SHARES),
    "hardsigmoid": ([{"Linear": 6}, "hardsigmoid"], Scale.SHARES),
    "clamp": ([{"Linear": 6}, {"clamp": {"min": 0, "max": 1}}], Scale.SHARES),
    "hardtanh": ([{"Linear": 6}, {"Hardtanh": {"min_val": 0, "max_val": 1}}], Scale.SHARES),
    "softmax": ([{"Linear": 6}, {"Softmax": 1}], Scale.PROBABILITIES),
    "function": ([{"Linear": 6}, {"softmax": 1}], Scale.PROBABILITIES),
    "expression": ([{"Linear": 6}, {"expr": "softmax(input, dim=1)"}], Scale.PROBABILITIES),
    "log_softmax": ([{"Linear": 6}, {"LogSoftmax": 1}], Scale.LOGARITHMS),
    "log": ([{"Linear": 6}, {"Softmax": 1}, {"expr": "log(input + 1e-9)"}], Scale.LOGARITHMS),
    "passed on": ([{"Linear": 6}, "Sigmoid", {"Dropout": 0.5}, "Identity", "Flatten"], Scale.SHARES),
    "sliced": ([{"Linear": 6}, "Sigmoid", {"expr": "input[:, 1:]"}], Scale.SHARES),
    "block in a layer": ({"TransformerEncoderLayer": {"nhead": 2, "batch_first": True}}, Scale.ANY),
    "scaled": ([{"Linear": 6}, "Sigmoid", {"expr": "input * 4"}], None),
    "residual": ([{"Linear": 6}, {"Residual": {"Linear": 6}}], None),
    "input": ("Identity", None),
}


@pytest.mark.parametrize("name", SCALES)
def test_the_scale_is_that_of_the_numbers(name: str) -> None:
    node, expected = SCALES[name]
    shape = [3, 8] if name in ("conv", "block in a layer") else [8]
    nodes = node if isinstance(node, list) else [node]
    examined = pipeline.examine(read({"model": {"input": shape, "Sequential": nodes}}))
    examined.raise_if_wrong()
    assert examined.shapes is not None
    found = Scales(examined.shapes).of(examined.shapes.output)
    assert (found.scale if found else None) == expected
    network = pipeline.network_of(examined).eval()
    result = network(torch.randn(64, *shape, generator=torch.Generator().manual_seed(0)) * 9)
    if expected in (Scale.SHARES, Scale.PROBABILITIES):
        assert 0 <= result.min() <= result.max() <= 1
    if expected is Scale.PROBABILITIES:
        torch.testing.assert_close(result.sum(1), torch.ones(64))
    if expected is Scale.LOGARITHMS:
        assert result.max() <= 1e-6
    if expected in (Scale.ANY, Scale.ACTIVATED):
        assert result.min() < 0 or result.max() > 1
