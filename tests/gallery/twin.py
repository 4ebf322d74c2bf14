"""A gallery file's twin: the module written by hand, and its inputs for a batch size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Twin:
    """The same network as the file, written by hand.

    `static` says why `torch.export` can't leave the size of its batch open; empty where it can. One that
    torchvision wrote may have other layers without weights.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[int], tuple[Tensor, ...]]
    static: str = ""
    by_hand: bool = True


def rand(*shape: int) -> Callable[[int], tuple[Tensor, ...]]:
    """One input of numbers in [0, 1), of this shape without the batch."""
    return lambda batch: (torch.rand(batch, *shape),)
