"""The run's seed and a purpose in; a random generator of that purpose's own out."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator that depends on the seed and the purpose alone, in every process and release.

    Purposes are independent of each other: drawing more for one leaves the others as they were.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))
