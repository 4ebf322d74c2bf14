"""The variables that torchrun sets in; which of how many processes this is, out."""

from __future__ import annotations

import os

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def count() -> int:
    """How many processes train together; 1 where nobody has started several."""
    return _number("WORLD_SIZE", 1) if all(name in os.environ for name in NEEDED) else 1


def rank() -> int:
    """Which of them this is, counted from 0 over all machines."""
    return _number("RANK", 0) if count() > 1 else 0


def local_rank() -> int:
    """Which of those on this machine it is, counted from 0."""
    return _number("LOCAL_RANK", 0) if count() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes the run, and to the terminal."""
    return rank() == 0


def _number(name: str, otherwise: int) -> int:
    said = os.environ.get(name, "")
    return int(said) if said.isdecimal() else otherwise
