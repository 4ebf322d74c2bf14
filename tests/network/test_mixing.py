"""Whether samples are computed from each other: found by trying, and only where that costs little."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from yamlnet.network.mixing import MAX_ELEMENTS, mixes
from yamlnet.network.probe import Probe

SMALL = torch.empty(0, 8)


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        (lambda x: x - x.mean(), True),
        (lambda x: x.cumsum(0), True),
        (lambda x: x.flip(0), True),
        (lambda x: x / (1e4 * x.sum()), True),
        (lambda x: x - x.mean(1, keepdim=True), False),
        (lambda x: x + torch.rand_like(x), False),
        (lambda x: x.cumsum(1), False),
    ],
)
def test_what_depends_on_other_samples(called: Callable[[Tensor], Tensor], expected: bool) -> None:
    assert mixes(called, Probe(), [SMALL], {}, SMALL) is expected


@pytest.mark.parametrize(("inputs", "result"), [(MAX_ELEMENTS, 8), (8, MAX_ELEMENTS)])
def test_nothing_large_is_tried(inputs: int, result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "batch", lambda *given: pytest.fail("a batch is made"))
    assert not mixes(torch.relu, Probe(), [torch.empty(0, inputs)], {}, torch.empty(0, result))


def test_two_axes_of_the_batch_are_meant() -> None:
    probe = Probe()
    answer = probe.run(lambda x: x @ x.T, "matmul", [SMALL], {})
    assert not mixes(lambda x: x @ x.T, probe, [SMALL], {}, answer.value)
