"""A run's seed and a purpose in; that purpose's own seed out."""

from __future__ import annotations

import hashlib


def seed_of(seed: int, *purpose: str | int) -> int:
    """A 64-bit seed that depends on the run's seed and the purpose alone, in every process and release.

    Purposes are independent of each other: drawing more for one leaves the others as they were.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
