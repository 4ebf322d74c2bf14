"""A seed and the numbers of samples in; each sample's own random numbers, in no order, out.

Nothing is drawn one after another: a number follows from the seed, the sample and its own position alone,
by integer arithmetic that is the same on every device, in every process and for any part of the samples.
The generator is SplitMix64 with each sample's key as its state (Steele, Lea and Flood, Fast Splittable
Pseudorandom Number Generators, 2014).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from yamlnet.seeds import seed_of

_BITS = 24
"""Of a float32 in [0, 1)."""


def keys(seed: int, samples: Tensor, *purpose: str | int) -> Tensor:
    """What each sample's numbers for a purpose follow from: int64 of the samples' shape."""
    return _mixed(samples.to(torch.int64).add(1).mul_(_GAMMA).add_(_signed(seed_of(seed, *purpose))))


def words(keys: Tensor, count: int) -> Tensor:
    """`count` random numbers of 64 bits for each key: int64 [*keys.shape, count]."""
    positions = torch.arange(1, count + 1, device=keys.device).mul_(_GAMMA)
    return _mixed(keys.unsqueeze(-1) + positions)


def uniforms(keys: Tensor, count: int) -> Tensor:
    """`count` numbers for each key, evenly distributed in [0, 1): float32 [*keys.shape, count]."""
    return _upper(words(keys, count), 64 - _BITS).to(torch.float32).mul_(2.0**-_BITS)


def normals(keys: Tensor, count: int) -> Tensor:
    """`count` numbers for each key, normally distributed: float32 [*keys.shape, count].

    By the method of Box and Muller, from both halves of a word.
    """
    drawn = words(keys, count)
    mask = 2**_BITS - 1
    first = _upper(drawn, 64 - _BITS).add_(1).to(torch.float32).mul_(2.0**-_BITS)
    second = drawn.bitwise_and_(mask).to(torch.float32).mul_(2.0**-_BITS)
    return first.log_().mul_(-2).sqrt_().mul_(second.mul_(2 * math.pi).cos_())


def _mixed(state: Tensor) -> Tensor:
    """The output function of SplitMix64: each bit of the state changes half the bits of the result."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ _upper(state, shift)).mul_(_signed(factor))
    return state ^ _upper(state, 31)


def _upper(values: Tensor, shift: int) -> Tensor:
    """Shifted right as 64 bits without a sign."""
    return (values >> shift).bitwise_and_((1 << (64 - shift)) - 1)


def _signed(bits: int) -> int:
    """64 bits as the int64 that has them."""
    return bits - (1 << 64) if bits >= 1 << 63 else bits


_GAMMA = _signed(0x9E3779B97F4A7C15)
