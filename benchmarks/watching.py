"""What accuracy, the loss's sum, records and the bar take of an epoch: with them against without, in turn.

Three trainings of one network run in a process each, which waits while another has its turn of an eighth of
an epoch: one with all of it, two with none, of which the second is the control. What else the machine does
changes from second to second, so each turn is compared with those before and after it, and the median over
the epochs is told, with the half of them that lies around it.

With `--raw` the other two are the loop by hand, and a turn is an epoch, in which yamlnet writes its
checkpoint too.
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
from benchmarks.loops import BATCH_SIZE, raw
from benchmarks.networks import NAMES, document
from yamlnet.cli.progress import Bar
from yamlnet.training import course, loop
from yamlnet.training.loop import Loop, Position
from yamlnet.training.observer import Progress
from yamlnet.training.run import Run
from yamlnet.training.sums import Sums

WATCHED, OTHER, CONTROL = "yamlnet with all of it", "the other", "the other (again, A/A)"
ORDER = (WATCHED, OTHER, CONTROL, OTHER)
TURNS, WARM_UP = 8, 2
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
    way: str,
    name: str,
    folder: Path,
    epochs: int,
    num_steps: int,
    against_raw: bool,
    gates: Mapping[str, Any],
    told: Any,
) -> None:
    """One training, in a process of its own; tells the seconds of its turns."""
    torch.set_num_threads(2)
    turns = Turns(way, gates)
    epochs *= ORDER.count(way)
    text = document(name, str(folder / "MNIST" / "raw"), epochs, BATCH_SIZE)
    setting: dict[str, Any] = {} if against_raw else {"train.checkpoint": {"every": 10**9}}
    turns.wait()
    if against_raw and way != WATCHED:
        raw(name, folder, epochs, fused=True, ended=lambda: (turns.end(), turns.wait()))
    else:
        replace(turns, num_steps, way != WATCHED)
        if way == WATCHED:
            with DrawnInTurn(turns.clock) as bar:
                yamlnet.train(text, runs=folder / way, set=setting, observer=bar)
        else:
            yamlnet.train(text, runs=folder / way, set=setting | {"metrics": []})
    turns.end()
    told.put((way, turns.taken))


def measure(name: str, num_batches: int, epochs: int, num_turns: int) -> dict[str, list[float]]:
    """The seconds of each training's turns; against the loop by hand where a turn is an epoch."""
    spawn = get_context("spawn")
    gates = {way: spawn.Semaphore(0) for way in ORDER}
    told = spawn.Queue()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder, num_batches * BATCH_SIZE)
        given = (name, folder, epochs, num_batches // num_turns, num_turns == 1, gates, told)
        processes = [spawn.Process(target=train, args=(way, *given)) for way in gates]
        for process in processes:
            process.start()
        gates[ORDER[0]].release()
        found = dict(told.get() for _ in processes)
        for process in processes:
            process.join()
    return found


def ratios(times: Mapping[str, Sequence[float]], way: str, num_turns: int) -> Iterator[float]:
    """What each epoch but the first ones takes, in units of the turns of the other beside its own."""
    own, other, shift = times[way], times[OTHER], 1 if way == WATCHED else 0
    for first in range(WARM_UP * num_turns, len(own) - num_turns, num_turns):
        turns = range(first, first + num_turns)
        beside = sum(other[2 * turn - shift] + other[2 * turn - shift + 1] for turn in turns) / 2
        yield sum(own[turn] for turn in turns) / beside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="mlp", choices=NAMES)
    parser.add_argument("--batches", type=int, default=312, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--raw", action="store_true", help="against the loop by hand with fused Adam")
    options = parser.parse_args()
    num_turns = 1 if options.raw else TURNS
    times = measure(options.network, options.batches // TURNS * TURNS, options.epochs, num_turns)
    other = "the loop by hand" if options.raw else "yamlnet with none of it"
    for way in (WATCHED, CONTROL):
        low, middle, high = quantiles(ratios(times, way, num_turns), n=4)
        best = min(times[way][WARM_UP:-1]) / min(times[OTHER][WARM_UP:-1])
        print(f"{way:<24} {middle:.4f} of the time of {other}; half of the epochs {low:.3f} to {high:.3f}")
        if options.raw:
            print(f"{'':<24} {best:.4f} by the best epochs")


if __name__ == "__main__":
    main()
