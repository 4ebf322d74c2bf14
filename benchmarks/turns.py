"""yamlnet, the loop by hand with fused Adam, and that loop once more, in turns of an epoch.

Each trains in a process of its own, which waits while another has its turn. What else the machine does
changes from second to second, so each turn is compared with those before and after it, and the median is
told, with the half of the epochs that lies around it. yamlnet counts accuracy, draws its bar and writes a
checkpoint each epoch. With `--kept` the loop by hand keeps its memory, as yamlnet does.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
from yamlnet.training.loop import Position
from yamlnet.training.saver import Saver

OURS, RAW, AGAIN = "yamlnet", "the loop by hand", "the loop by hand (again, A/A)"
ORDER = (OURS, RAW, AGAIN, RAW)
WARM_UP = 2


class Turns:
    """One of the processes that take an epoch each in turn; `taken` are the seconds of its turns."""

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

    def give_way(self) -> None:
        """Lets the others have their turns."""
        self.end()
        self.wait()


def train(
    way: str, name: str, folder: Path, epochs: int, keeps: bool, gates: Mapping[str, Any], told: Any
) -> None:
    """One training, in a process of its own; tells the seconds of its turns."""
    torch.set_num_threads(2)
    turns = Turns(way, gates)
    epochs *= ORDER.count(way)
    turns.wait()
    if way == OURS:
        text = document(name, str(folder / "MNIST" / "raw"), epochs, BATCH_SIZE)
        _give_way(turns)
        with Bar(Console(file=io.StringIO(), force_terminal=True, width=120)) as bar:
            yamlnet.train(text, runs=folder / "runs", observer=bar)
    else:
        raw(name, folder, epochs, fused=True, keeps=keeps, ended=turns.give_way)
    turns.end()
    told.put((way, turns.taken))


def _give_way(turns: Turns) -> None:
    """Has yamlnet wait after each epoch's first step, and leave the others' turns out of its clock.

    What is written beside the training is of its turn, too.
    """
    advance, submit = Position.advance, Saver.submit

    def submitted(self: Saver, *given: Any) -> None:
        submit(self, *given)
        self.wait()

    def advanced(self: Position, *given: Any) -> None:
        advance(self, *given)
        if self.batch == 1:  # so what ends an epoch is of its turn
            turns.give_way()

    replaced: tuple[tuple[Any, str, Any], ...] = (
        (Position, "advance", advanced),
        (Saver, "submit", submitted),
        (loop, "perf_counter", turns.clock),
        (course, "perf_counter", turns.clock),
    )
    for owner, name, function in replaced:
        setattr(owner, name, function)


def measure(name: str, num_batches: int, epochs: int, keeps: bool) -> dict[str, list[float]]:
    """The seconds of each training's turns."""
    spawn = get_context("spawn")
    gates = {way: spawn.Semaphore(0) for way in ORDER}
    told = spawn.Queue()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder, num_batches * BATCH_SIZE)
        processes = [
            spawn.Process(target=train, args=(way, name, folder, epochs, keeps, gates, told)) for way in gates
        ]
        for process in processes:
            process.start()
        gates[ORDER[0]].release()
        found = dict(told.get() for _ in processes)
        for process in processes:
            process.join()
    return found


def ratios(times: Mapping[str, Sequence[float]], way: str) -> Iterator[float]:
    """What each epoch but the first ones takes, in units of the turns of the raw loop beside its own."""
    own, other, shift = times[way], times[RAW], 1 if way == OURS else 0
    for turn in range(WARM_UP, len(own) - 1):
        yield 2 * own[turn] / (other[2 * turn - shift] + other[2 * turn - shift + 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="mlp", choices=NAMES)
    parser.add_argument("--batches", type=int, default=312, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--kept", action="store_true", help="the loop by hand keeps its memory")
    options = parser.parse_args()
    times = measure(options.network, options.batches, options.epochs, options.kept)
    for way in (OURS, AGAIN):
        low, middle, high = quantiles(ratios(times, way), n=4)
        best = min(times[way][WARM_UP:-1]) / min(times[RAW][WARM_UP:-1])
        print(f"{way:<30} {middle:.3f} of the time of {RAW}; half of the epochs {low:.3f} to {high:.3f}")
        print(f"{'':<30} {best:.3f} by the best epochs")


if __name__ == "__main__":
    main()
