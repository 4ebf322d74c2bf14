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

MAX_ELEMENTS = 2**20
"""Numbers of the inputs of a batch on which a call is tried twice."""

PAIRWISE = frozenset({"outer"})
"""Functions that are for setting each sample against every other."""

FIRST, OTHERS = slice(1), slice(1, None)

TOLERANCE = 1e-3
"""The part of the largest number that rounding may change."""


def mixes(
    called: Callable[..., Any], probe: Probe, inputs: Sequence[Any], keywords: Mapping[str, Any]
) -> bool:
    """Whether what is given for some samples changes with the others; False where that can't be tried."""
    values = [*inputs, *keywords.values()]
    if not values or not all(map(probe.plain, values)):
        return False
    if sum(probe.shape(value, BATCH).numel() for value in values) > MAX_ELEMENTS:
        return False
    given, named = probe.batch(BATCH, inputs, keywords)
    draw = torch.Generator().manual_seed(0)
    batch, others = ([_numbers(value, draw) for value in (*given, *named.values())] for _ in range(2))

    def run(tensors: Sequence[Tensor]) -> list[Tensor]:
        return _by_sample(
            called(*tensors[: len(given)], **dict(zip(named, tensors[len(given) :], strict=True)))
        )

    try:
        for samples, kept in ((FIRST, OTHERS), (OTHERS, FIRST)):
            changed = [_with(value, other, samples) for value, other in zip(batch, others, strict=True)]
            pairs = zip(_seeded(run, batch), _seeded(run, changed), strict=True)
            if any(_differ(before[kept], after[kept]) for before, after in pairs):
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


def _by_sample(result: Any) -> list[Tensor]:
    """The results that have the batch first."""
    return [
        leaf.double()
        for leaf in tree_leaves(result)
        if isinstance(leaf, Tensor) and leaf.dim() and len(leaf) == BATCH and not leaf.is_complex()
    ]


def _differ(before: Tensor, after: Tensor) -> bool:
    """Whether numbers differ by more than rounding."""
    return bool((before - after).abs().amax() > TOLERANCE * before.abs().amax())
