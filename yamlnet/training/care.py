"""States of a training that are known to be good in; the way back to the last of them out.

A training looks at its loss about once a second, and finds what isn't finite some steps too late. It then
goes back to the last good state, and takes the steps since once more, each with care: so a training that
nothing happens to pays nothing, and a step that isn't finite is found before it is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from yamlnet.training.checkpoint import Snapshot

MARK_EVERY_S = 5.0
SHARE = 100
"""Marks are made at most so often, and so that they take no more than a hundredth of the time."""

LARGEST_MARK = 2 * 2**30
"""Larger states aren't kept in memory: the way back leads to the newest checkpoint."""


class Care:
    """Where a training can go back to: `mark`, or the newest checkpoint where it is None.

    `until` is the step up to which each is taken with care, `before` the state before the one under way.
    """

    def __init__(self) -> None:
        self.mark: Snapshot | None = None
        self.before: Snapshot | None = None
        self.until = 0
        self._next_s = perf_counter() + MARK_EVERY_S

    @property
    def is_due(self) -> bool:
        """Whether it is time for another mark."""
        return perf_counter() >= self._next_s

    def keep(self, take: Callable[[], Snapshot]) -> None:
        """Makes a mark of a state that is known to be good."""
        start = perf_counter()
        snapshot = take()
        if size(snapshot) <= LARGEST_MARK:
            self.mark = kept(snapshot)
        end = perf_counter()
        self._next_s = end + max(MARK_EVERY_S, SHARE * (end - start))

    def saved(self) -> None:
        """A checkpoint is on disk: the way back leads there."""
        self.mark = None


def size(snapshot: Snapshot) -> int:
    """The bytes of a snapshot's tensors."""
    tensors = [*snapshot.weights.values(), *snapshot.tensors.values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def kept(snapshot: Snapshot) -> Snapshot:
    """The snapshot as it would be read from disk: what is trained on leaves it alone."""
    return replace(snapshot.copied(), state=json.loads(json.dumps(snapshot.state)))
