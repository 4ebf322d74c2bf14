"""A device and a seed in; torch's random streams set, captured and put back out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor


def capture(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's global generators that this device's training draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Puts captured states back; a state of a device that isn't used here is left aside."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    if device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])


@contextmanager
def drawn_apart(device: torch.device, seed: int) -> Iterator[None]:
    """Within it draws come from streams of their own that begin at the seed; after it, the old ones go on."""
    before = capture(device)
    _seed(device, seed)
    try:
        yield
    finally:
        restore(device, before)


def _seed(device: torch.device, seed: int) -> None:
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    if device.type == "mps":
        torch.mps.manual_seed(seed)
