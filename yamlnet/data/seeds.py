"""The run's seed and a purpose in; a random generator of that purpose's own out."""

from __future__ import annotations

import torch

from yamlnet.seeds import seed_of


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator that depends on the seed and the purpose alone."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))
