"""A device and a seed in; the random streams that are no one's own set, captured and put back out."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

SIZES = {"python": 625, "python.gauss": 1, "numpy": 626, "numpy.gauss": 1}


def capture(device: torch.device) -> dict[str, Tensor]:
    """The states of the global generators of torch, this device, Python and NumPy.

    Training draws from torch's; modules and data sets of other packages may draw from any.
    """
    _, python, python_gauss = random.getstate()
    state = np.random.get_state(legacy=False)
    key, place = state["state"]["key"], state["state"]["pos"]
    states = {
        "cpu": torch.get_rng_state(),
        "python": torch.from_numpy(np.array(python, dtype=np.int64)),
        "python.gauss": torch.tensor([math.nan if python_gauss is None else python_gauss]).double(),
        "numpy": torch.from_numpy(np.append(key.astype(np.int64), (place, state["has_gauss"]))),
        "numpy.gauss": torch.tensor([state["gauss"]], dtype=torch.float64),
    }
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Puts captured states back; a state of a device that isn't used here is left aside.

    Raises:
        ValueError: one isn't the state of its generator.
    """
    numbers = {name: states[name].tolist() for name in SIZES if name in states}
    if any(len(numbers.get(name, ())) != size for name, size in SIZES.items()):
        raise ValueError("a random state has another size")
    gauss = numbers["python.gauss"][0]
    try:
        torch.set_rng_state(states["cpu"])
        random.setstate((3, tuple(numbers["python"]), None if math.isnan(gauss) else gauss))
        *key, place, has_gauss = numbers["numpy"]
        cached = numbers["numpy.gauss"][0]
        np.random.set_state(("MT19937", np.array(key, dtype=np.uint32), place, has_gauss, cached))
        if device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], device)
        if device.type == "mps" and "mps" in states:
            torch.mps.set_rng_state(states["mps"])
    except (TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(f"a random state isn't one: {error}") from error


def put_back(device: torch.device) -> None:
    """Sets the device's state to what it is: cuDNN's recurrent layers then draw their dropout anew.

    So they do after a state was restored, and both must draw the same.
    """
    if device.type == "cuda":
        torch.cuda.set_rng_state(torch.cuda.get_rng_state(device), device)


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
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    if device.type == "mps":
        torch.mps.manual_seed(seed)
