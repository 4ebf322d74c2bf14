"""The processes that torchrun started in; what they do together, and what becomes of one that is lost, out.

One process alone does nothing for it, and imports nothing.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from yamlnet import launch
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from yamlnet.training.group import Group

LOOK_EVERY_S = 0.2


class LostError(YamlnetError):
    """Another process ended before its time; `said` tells that it said why."""

    def __init__(self, message: str, help: str | None = None, said: bool = False, by: int = -1) -> None:
        super().__init__(message, help)
        self.said, self.by = said, by


class Processes:
    """The processes of a training: this one alone."""

    rank, count = 0, 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def each(self, value: Any) -> list[Any]:
        """What each process has, as JSON has it, by rank."""
        return [value]

    def agreed(self, value: Any) -> Any:
        """What the first process has, as JSON has it."""
        return value

    def added(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, the same bits in each."""
        return list(values)

    def gathered(self, tensors: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        """The tensors of every process, by rank; on the CPU those of others."""
        return [tensors]

    def shared(self, give: Callable[[], Sequence[bytes]]) -> Sequence[bytes]:
        """What the first process gives; it alone is asked."""
        return give()

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Makes the tensors those of the first process."""

    def total(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes, on its device."""
        return value

    def rows(self, tensor: Tensor, sizes: Sequence[int]) -> Tensor:
        """The rows of all processes, by rank, where each has so many; nothing is differentiated."""
        return tensor

    def between(self, last: bool) -> AbstractContextManager[Any]:
        """Within it gradients stay in the process, unless it is the `last` backward pass of a step."""
        return nullcontext()

    def weighed(self, loss: Tensor, counts: bool) -> Tensor:
        """The loss as it is differentiated, for gradients that are averaged over the processes."""
        return loss

    def part(self, count: int) -> tuple[int, int]:
        """This process's share of so many things in order: from, and up to."""
        return 0, count

    @contextmanager
    def watched(self, note: Callable[[str], object]) -> Iterator[None]:
        """Within it a failure that is another process's end says so; `note` is told if nothing else can."""
        yield

    def finished(self) -> None:
        """Tells that nothing is left to do together."""


class Pace:
    """How many steps several processes take between two looks at the loss, and at who was interrupted."""

    def __init__(self, processes: Processes) -> None:
        self._processes, self._stride = processes, 1
        self._step, self._start = 0, 0.0

    def until(self, step: int, pause: int) -> int:
        """The step to go to, at most the next pause."""
        self._step, self._start = step, perf_counter()
        return pause if self._processes.count == 1 else min(pause, step + self._stride)

    def took(self, step: int) -> None:
        """Notes how long it took to come there: the first process's measure is everybody's."""
        if self._processes.count > 1 and step > self._step:
            per_step = (perf_counter() - self._start) / (step - self._step)
            wanted = round(LOOK_EVERY_S / max(per_step, 1e-6))
            self._stride = self._processes.agreed(max(1, min(wanted, 10 * self._stride)))


ALONE = Processes()


_joined: list[Group] = []


def joined() -> Processes:
    """The processes that torchrun started, once they have met; this one where it started no others."""
    if launch.count() == 1:
        return ALONE
    if not _joined:
        from yamlnet.training.group import Group

        _joined.append(Group(launch.rank(), launch.count()))
        atexit.register(_joined[0].leave)
    return _joined[0]


def is_said(error: YamlnetError) -> bool:
    """Whether another process says an error that this one ends with."""
    return bool(_joined) and _joined[0].is_said(error)


def loss() -> YamlnetError | None:
    """Another process that ended before its time."""
    return _joined[0].loss if _joined else None
