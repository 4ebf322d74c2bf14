"""What accuracy, the loss's sum, records and the bar take of an epoch: with them against without, in turn.

Three trainings of one network run in a process each, which waits while another has its turn of an eighth of
an epoch: one with all of it, two with none, of which the second is the control. What else the machine does
changes from second to second, so each turn is compared with those before and after it, and the median over
the epochs is told, with the half of them that lies around it.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

import torch
from rich.console import Console

import yamlnet
from benchmarks.images import write
from benchmarks.networks import NAMES, document
from yamlnet.cli.progress import Bar
from yamlnet.training import course, loop
from yamlnet.training.loop import Loop, Position
from yamlnet.training.observer import Progress
from yamlnet.training.run import Run
from yamlnet.training.sums import Sums

WATCHED, BARE, CONTROL = "with all of it", "with none of it", "with none of it (again, A/A)"
ORDER = (WATCHED, BARE, CONTROL, BARE)
BATCH_SIZE, TURNS, WARM_UP = 64, 8, 2
DRAWN_EVERY_S = 0.5


class Turns:
    """One of the processes that take as many steps each in turn; `taken` are the seconds of its turns."""

    def __init__(self, way: str, gates: Mapping[str, Any]) -> None:
        self.taken: list[float] = []
        self._gates, self._own = gates, gates[way]
        self._following = cycle(
            after for before, after in zip(ORDER, ORDER[1:] + ORDER[:1], strict=True) if before == way
        )
        self._clock = self._start = 0.0

    def clock(self) -> float:
        """The seconds of this process's own turns."""
        return self._clock + perf_counter() - self._start

    def wait(self) -> None:
        """Until it is this process's turn."""
        self._own.acquire()
        self._start = perf_counter()

    def end(self) -> None:
        """Notes this process's turn, and begins the next one's."""
        seconds = perf_counter() - self._start
        self._clock += seconds
        self.taken.append(seconds)
        self._gates[next(self._following)].release()


class DrawnInTurn(Bar):
    """The bar, drawn as often as ever, but by the training's own thread: in the time that is counted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(Console(file=io.StringIO(), force_terminal=True, width=120))
        self.live.auto_refresh = False
        self._clock, self._due = clock, 0.0

    def progressed(self, progress: Progress) -> None:
        """As ever, and drawn where it is due."""
        super().progressed(progress)
        if self._clock() >= self._due:
            self.live.refresh()
            self._due = self._clock() + DRAWN_EVERY_S


def replace(turns: Turns, num_steps: int, bare: bool) -> None:
    """Has the training give way after so many steps, and leave out what can be left out where it is bare."""
    advance = Position.advance

    def advanced(self: Position, *given: Any) -> None:
        advance(self, *given)
        if self.step % num_steps == 0:
            turns.end()
            turns.wait()

    replaced: list[tuple[Any, str, Any]] = [
        (Position, "advance", advanced),
        (loop, "perf_counter", turns.clock),
        (course, "perf_counter", turns.clock),
    ]
    if bare:
        replaced += [
            (Sums, "add", lambda *given: None),
            (Loop, "_mean_loss", lambda *given: 0.0),
            (Run, "append", lambda *given: None),
        ]
    for owner, name, function in replaced:
        setattr(owner, name, function)


def train(
    way: str, name: str, folder: Path, epochs: int, num_steps: int, gates: Mapping[str, Any], told: Any
) -> None:
    """One training, in a process of its own; tells the seconds of its turns."""
    torch.set_num_threads(2)
    turns = Turns(way, gates)
    replace(turns, num_steps, way != WATCHED)
    text = document(name, str(folder / "MNIST" / "raw"), epochs * ORDER.count(way), BATCH_SIZE)
    setting: dict[str, Any] = {"train.checkpoint": {"every": 10**9}}
    turns.wait()
    if way == WATCHED:
        with DrawnInTurn(turns.clock) as bar:
            yamlnet.train(text, runs=folder / way, set=setting, observer=bar)
    else:
        yamlnet.train(text, runs=folder / way, set=setting | {"metrics": []})
    turns.end()
    told.put((way, turns.taken))


def measure(name: str, num_batches: int, epochs: int) -> dict[str, list[float]]:
    """The seconds of each training's turns."""
    spawn = get_context("spawn")
    gates = {way: spawn.Semaphore(0) for way in ORDER}
    told = spawn.Queue()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder, num_batches * BATCH_SIZE)
        given = (name, folder, epochs, num_batches // TURNS, gates, told)
        processes = [spawn.Process(target=train, args=(way, *given)) for way in gates]
        for process in processes:
            process.start()
        gates[ORDER[0]].release()
        found = dict(told.get() for _ in processes)
        for process in processes:
            process.join()
    return found


def ratios(times: Mapping[str, Sequence[float]], way: str) -> Iterator[float]:
    """What each epoch but the first ones takes, in units of the turns of the bare one beside its own."""
    own, bare, shift = times[way], times[BARE], 1 if way == WATCHED else 0
    for first in range(WARM_UP * TURNS, len(own) - TURNS, TURNS):
        turns = range(first, first + TURNS)
        beside = sum(bare[2 * turn - shift] + bare[2 * turn - shift + 1] for turn in turns) / 2
        yield sum(own[turn] for turn in turns) / beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="mlp", choices=NAMES)
    parser.add_argument("--batches", type=int, default=312, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    times = measure(options.network, options.batches // TURNS * TURNS, options.epochs)
    for way in (WATCHED, CONTROL):
        low, middle, high = quantiles(ratios(times, way), n=4)
        print(f"{way:<28} {middle:.4f} of the time without; half of the epochs {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
