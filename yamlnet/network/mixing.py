"""A call and batches that it takes -> whether what it gives for one sample follows from the others too.

`a - mean(a)` keeps every shape, and makes each sample's value depend on the batch that it happens to be in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from yamlnet.network.probe import BATCH, Probe, own_random_state

MAX_ELEMENTS = 2**16
"""Numbers that a batch's inputs and results may have."""

FIRST, OTHERS = slice(1), slice(1, None)

TOLERANCE = 1e-3
"""The part of the largest number that rounding may change."""


def mixes(
    called: Callable[..., Any], probe: Probe, inputs: Sequence[Any], keywords: Mapping[str, Any], result: Any
) -> bool:
    """Whether what is given for some samples changes with the others; False where that can't be tried.

    A result with the batch in two axes sets samples against each other on purpose.
    """
    values, results = [*inputs, *keywords.values()], tree_leaves(result)
    if not values or not all(map(probe.plain, [*values, *results])):
        return False
    if sum(probe.shape(value, BATCH).numel() for value in (*values, *results)) > MAX_ELEMENTS:
        return False
    given, named = probe.batch(BATCH, inputs, keywords)
    draw = torch.Generator().manual_seed(0)
    batch, others = ([_numbers(value, draw) for value in (*given, *named.values())] for _ in range(2))

    def run(tensors: Sequence[Tensor]) -> list[Tensor]:
        found = called(*tensors[: len(given)], **dict(zip(named, tensors[len(given) :], strict=True)))
        return [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor) and not leaf.is_complex()]

    try:
        before = _seeded(run, batch)
        for samples, kept in ((FIRST, OTHERS), (OTHERS, FIRST)):
            after = _seeded(run, [_with(v, o, samples) for v, o in zip(batch, others, strict=True)])
            if any(_differ(one[kept], other[kept]) for one, other in zip(before, after, strict=True)):
                return True
    except Exception:  # it takes no such numbers
        return False
    return False


def _numbers(value: Tensor, draw: torch.Generator) -> Tensor:
    """Numbers between 0.1 and 1.1; what isn't real stays as it is."""
    if not value.is_floating_point():
        return value
    return torch.rand(value.shape, generator=draw).add_(0.1).to(value.dtype)


def _with(value: Tensor, other: Tensor, samples: slice) -> Tensor:
    """A copy that has some samples of another batch."""
    found = value.clone()
    found[samples] = other[samples]
    return found


def _seeded(run: Callable[[Sequence[Tensor]], list[Tensor]], batch: Sequence[Tensor]) -> list[Tensor]:
    with own_random_state(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        return run(batch)


def _differ(before: Tensor, after: Tensor) -> bool:
    """Whether numbers differ by more than rounding."""
    one, other = before.float(), after.float()
    return bool((one - other).abs().amax() > TOLERANCE * one.abs().amax())
