"""Patterns of qualified names, as `init`, `groups` and the like write them."""

from __future__ import annotations

from fnmatch import fnmatchcase

MAX_LENGTH = 1_000
"""Letters of the longest pattern: one takes time that grows with its square."""


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern matches a qualified name; `*` crosses dots, and a module's name means all in it."""
    if len(pattern) > MAX_LENGTH:
        return False
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:end]), pattern) for end in range(1, len(parts) + 1))
