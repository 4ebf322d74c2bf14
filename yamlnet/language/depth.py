"""Room for blocks in blocks: the language has more levels than Python has nested calls to read them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

CALLS = 10_000
"""Nested calls of Python: 64 levels of blocks, each of some containers, read by a dozen functions a level."""


@contextmanager
def room() -> Iterator[None]:
    """Lets functions nest as deep as a network may."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, CALLS))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
