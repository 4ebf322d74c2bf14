"""Numbers drawn in two ways in; whether they can be of one distribution out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NUM_THEIRS = 4_000
"""How often torchvision, which draws for one image at a time, is asked."""

NUM_OURS = 40_000

ONCE_IN_A_MILLION = 2.75
"""What the distance of Kolmogorov and Smirnov, scaled by the root of the count, is above so rarely."""


def distance(ours: Tensor, theirs: Tensor) -> float:
    """The greatest difference between the shares of values up to any number, scaled; of two [count]."""
    every = torch.cat([ours, theirs]).sort().values
    shares = [torch.searchsorted(one.sort().values, every, right=True) / len(one) for one in (ours, theirs)]
    count = len(ours) * len(theirs) / (len(ours) + len(theirs))
    return float((shares[0] - shares[1]).abs().max()) * math.sqrt(count)


def assert_same_law(ours: Tensor, theirs: Tensor) -> None:
    """Whether each column of [count, columns], and each sum and difference of two, has one distribution."""
    ours, theirs = ours.double(), theirs.double()
    for column in range(ours.shape[1]):
        found = distance(ours[:, column], theirs[:, column])
        assert found < ONCE_IN_A_MILLION, (column, found)
    spread = torch.cat([ours, theirs]).std(0)
    spread[spread == 0] = 1
    ours, theirs = ours / spread, theirs / spread
    for first in range(ours.shape[1]):
        for second in range(first):
            for sign in (1, -1):
                pair = [one[:, first] + sign * one[:, second] for one in (ours, theirs)]
                found = distance(pair[0].float(), pair[1].float())
                assert found < ONCE_IN_A_MILLION, (first, second, sign, found)
