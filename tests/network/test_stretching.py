"""Where a batch meets an axis of one, held against the shapes that torch gives for it."""

from __future__ import annotations

import pytest
import torch

import yamlnet
from yamlnet.network.stretching import stretches

FORMULAS = {
    "a - b": True,
    "b * a": True,
    "mean((a - b) ** 2)": True,
    "sub(a, b)": True,
    "a / sum(x, 1)": True,
    "squeeze(a, 1) - b": False,
    "a - unsqueeze(b, 1)": False,
    "unsqueeze(b, 1) - b": False,
    "b[:, None] - b": False,
    "x * a": False,
    "x - p": False,
    "a + 1": False,
}


@pytest.mark.parametrize(("formula", "told"), FORMULAS.items())
def test_an_expression_that_sets_each_sample_against_every_other_is_told(formula: str, told: bool) -> None:
    model = f"""
model:
  inputs: {{x: [5], a: [1], b: []}}
  ModuleDict:
    p: {{Parameter: [5]}}
    joined: {{expr: "{formula}"}}
"""
    found = [d for d in yamlnet.check(model) if "sample against" in d.message]
    assert len(found) == told
    for diagnostic in found:
        assert diagnostic.severity == "warning"
        assert diagnostic.help


@pytest.mark.parametrize("first", [(6, 1), (6, 1, 3), (6, 4), (6,), (1, 6), (6, 6), (6, 1, 1)])
@pytest.mark.parametrize("second", [(6,), (6, 1), (3,)])
def test_only_what_torch_stretches_over_the_batch_counts(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    if stretches(torch.Size(first), torch.Size(second), 6):
        result = torch.broadcast_shapes(first, second)
        assert result.count(6) > max(first.count(6), second.count(6))
