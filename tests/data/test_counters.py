"""Random numbers follow from seed, purpose and sample alone, and are as random as they should be."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from yamlnet.data.counters import keys, normals, uniforms, words

SAMPLES = torch.arange(100_000)


def distance(found: Tensor, expected: Tensor) -> float:
    """How far the share of values up to each is from what is expected of it (Kolmogorov and Smirnov)."""
    places = torch.arange(1, len(found) + 1) / len(found)
    return float((places.double() - expected[found.argsort()]).abs().max())


def test_numbers_do_not_change_from_release_to_release() -> None:
    # the words of SplitMix64 from the state 1234567, as in the paper's reference implementation
    drawn = words(torch.tensor([1234567]), 3) & (2**63 - 1)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert drawn[0].tolist() == [word & (2**63 - 1) for word in expected]


def test_each_sample_has_its_own_whatever_the_others_are() -> None:
    some = torch.tensor([7, 99_999, 0])
    assert torch.equal(keys(3, some, "a", 1), keys(3, SAMPLES, "a", 1)[some])
    assert torch.equal(uniforms(keys(3, some), 5)[:, :2], uniforms(keys(3, SAMPLES), 2)[some])


def test_seed_and_purpose_change_all_numbers() -> None:
    drawn = [keys(*given) for given in ((0, SAMPLES), (1, SAMPLES), (0, SAMPLES, "a"), (0, SAMPLES, "a", 1))]
    assert len(torch.cat(drawn).unique()) == 4 * len(SAMPLES)


def test_uniforms_are_even_and_independent() -> None:
    drawn = uniforms(keys(0, SAMPLES), 4).double()
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) < 1
    for column in drawn.T:
        # 1.95 / sqrt(n) is passed once in a thousand
        assert distance(column, column) < 1.95 / math.sqrt(len(column))
    correlations = torch.corrcoef(torch.cat([drawn.T, drawn[:, :1].roll(1, 0).T]))
    assert float((correlations - torch.eye(5)).abs().max()) < 0.015


def test_normals_are_normal() -> None:
    drawn = normals(keys(0, SAMPLES[:20_000]), 5).double().flatten()
    assert distance(drawn, torch.special.ndtr(drawn)) < 1.95 / math.sqrt(len(drawn))
    assert bool(drawn.isfinite().all())


@pytest.mark.parametrize("function", [words, uniforms, normals])
def test_any_shape_of_samples_will_do(function: object) -> None:
    assert callable(function)
    given = keys(0, SAMPLES[:6].view(2, 3))
    assert torch.equal(function(given, 4), function(given.flatten(), 4).view(2, 3, 4))
