"""A module or function and empty inputs -> the empty output, or torch's error: torch is the judge of shapes.

Real CPU kernels run on a batch of nothing: that costs microseconds and no memory, and refuses what a real
batch would be refused for. Where a kernel has no answer for an empty batch, or takes one too leniently, a
small real batch decides.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

BATCH = 7
"""The size of the small real batch: odd, and seldom a size of a network."""

MAX_ELEMENTS = 2**24
COSTLY = ("Conv", "Linear", "Bilinear", "LSTM", "GRU", "RNN", "Transformer", "conv", "linear", "bilinear")
"""Names (their beginnings) whose kernels judge an empty batch rightly, and take long on a real one."""


@dataclass(frozen=True)
class Answer:
    """What came out, batch 0; or the error. `merges` tells a result whose first axis isn't the batch."""

    value: Any = None
    error: Exception | None = None
    merges: bool = False


def run(called: Callable[..., Any], name: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Answer:
    """Runs a module in evaluation mode, or a function, on inputs of batch 0."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        empty = _attempt(called, inputs, keywords)
        if empty.error is None and (
            name.startswith(COSTLY) or not _affordable([*inputs, *keywords.values()])
        ):
            return empty
        real = _attempt(called, *tree_map(_real, (list(inputs), dict(keywords))))
    if real.error is not None:
        return Answer(error=real.error)
    tensors = [leaf for leaf in tree_leaves(real.value) if isinstance(leaf, Tensor)]
    merges = any(tensor.dim() == 0 or tensor.shape[0] != BATCH for tensor in tensors[:1])
    if empty.error is None:
        return Answer(empty.value, merges=merges)
    return Answer(tree_map(_emptied, real.value), merges=merges)


def _attempt(called: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Answer:
    try:
        return Answer(called(*inputs, **keywords))
    except Exception as error:  # whatever torch raises here is its judgement
        return Answer(error=error)


def _affordable(values: Sequence[Any]) -> bool:
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return sum(tensor.shape[1:].numel() for tensor in tensors) * BATCH <= MAX_ELEMENTS


def _real(value: Any) -> Any:
    """Zeros of a real batch for a tensor of batch 0; anything else as it is."""
    if (
        isinstance(value, Tensor)
        and not isinstance(value, nn.Parameter)
        and value.dim()
        and value.shape[0] == 0
    ):
        return torch.zeros((BATCH, *value.shape[1:]), dtype=value.dtype)
    return value


def _emptied(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dim() and value.shape[0] == BATCH:
        return value.new_empty((0, *value.shape[1:]))
    return value
