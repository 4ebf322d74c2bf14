"""What accuracy, the loss's sum, records and the bar take of a step, within one training.

Two trainings of the same work differ by several percent for as long as they run, by where their memory
happens to lie. So in every second epoch, of twelve steps in a row four keep their output and loss to be
counted and eight don't, in an order drawn anew. Keeping is timed where it happens, against nothing in its
place; and the whole step too, by the median of the differences, with the eight steps' own for a control.
What happens between steps (counting and reading, drawing the bar, writing records) is timed in the other
epochs.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import fmean, median
from time import perf_counter
from typing import Any

import torch
from rich.console import Console

import yamlnet
from benchmarks.images import write
from benchmarks.loops import BATCH_SIZE
from benchmarks.networks import NAMES, document
from yamlnet.cli.progress import Bar
from yamlnet.training.course import Course
from yamlnet.training.loop import Loop, Position
from yamlnet.training.meter import Meter
from yamlnet.training.sums import Sums

WITH, WITHOUT, AGAIN = WAYS = ("with", "without", "again")
NUM_STEPS = 4
BETWEEN = {
    (Loop, "_mean_loss"): "adding up and reading the loss",
    (Sums, "flush"): "counting metrics",
    (Meter, "compute"): "reading metrics",
    (Bar, "progressed"): "drawing the bar",
    (Course, "_record"): "writing and showing records",
}
WARM_UP = 2


class Stopwatch:
    """Takes the time of steps, and of what happens between them; tells each step what to leave out."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, list[float]]] = []
        self.keeping: dict[str | None, list[float]] = {way: [] for way in (None, *WAYS)}
        self.between = dict.fromkeys(BETWEEN.values(), 0.0)
        self.num_steps = 0
        self._random = Random(0)
        self._ways: list[str] = []
        self._way: str | None = None
        self._epoch, self._start, self._nested = 0, 0.0, 0.0
        self._replace(Sums, "add", self._chosen)
        self._replace(Position, "advance", self._noted)
        for (owner, name), what in BETWEEN.items():
            self._replace(owner, name, lambda call, what=what: self._timed(call, what))

    def _replace(self, owner: Any, name: str, made: Callable[[Any], Any]) -> None:
        setattr(owner, name, made(getattr(owner, name)))

    def _chosen(self, add: Any) -> Any:
        def keep(*given: Any) -> None:
            start, before = perf_counter(), self._nested
            if self._way is None or self._way == WITH:
                add(*given)
            if self._epoch >= WARM_UP:
                self.keeping[self._way].append(perf_counter() - start - (self._nested - before))

        return keep

    def _noted(self, advance: Any) -> Any:
        def advanced(position: Position, *given: Any) -> None:
            taken = perf_counter() - self._start
            advance(position, *given)
            self._note(taken, position)
            self._start = perf_counter()

        return advanced

    def _note(self, taken: float, position: Position) -> None:
        """Notes a step's seconds, and chooses the way of the next."""
        begins = position.epoch != self._epoch  # more is done in an epoch's first step
        if self._way is not None and not begins and self._epoch >= WARM_UP:
            self.rounds[-1][self._way].append(taken)
        self._epoch = position.epoch
        if position.epoch % 2 == 0:
            self.num_steps += self._epoch >= WARM_UP
            self._way = None
            return
        if not self._ways or begins:
            ways = self._random.sample(WAYS, len(WAYS))
            self._ways = [way for way in ways for _ in range(NUM_STEPS)]
            self.rounds.append({way: [] for way in WAYS})
        self._way = self._ways.pop()

    def _timed(self, call: Any, what: str) -> Any:
        def timed(*given: Any) -> Any:
            start = perf_counter()
            result = call(*given)
            taken = perf_counter() - start
            self._start += taken
            self._nested += taken
            if self._way is None and self._epoch >= WARM_UP:
                self.between[what] += taken
            return result

        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="mlp", choices=NAMES)
    parser.add_argument("--batches", type=int, default=312, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(2)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(folder, options.batches * BATCH_SIZE)
        text = document(options.network, str(folder / "MNIST" / "raw"), options.epochs, BATCH_SIZE)
        setting = {"train.checkpoint": {"every": 10**9}}
        with Bar(Console(file=io.StringIO(), force_terminal=True, width=120)) as bar:
            yamlnet.train(text, runs=folder, set=setting, observer=bar)
    rounds = [
        {way: fmean(taken) for way, taken in found.items()}
        for found in watch.rounds
        if all(len(taken) == NUM_STEPS for taken in found.values())
    ]
    step = median(found[WITHOUT] for found in rounds)
    taken = {"keeping a batch": fmean(watch.keeping[WITH]) - fmean(watch.keeping[WITHOUT])}
    taken |= {what: seconds / watch.num_steps for what, seconds in watch.between.items()}
    for what, seconds in taken.items():
        print(f"{what:<32} {1e6 * seconds:7.1f} us a step")
    total = sum(taken.values())
    print(f"{'together':<32} {1e6 * total:7.1f} us a step of {1e6 * step:,.0f} us: {total / step:.2%}")
    longer = median(found[WITH] - (found[WITHOUT] + found[AGAIN]) / 2 for found in rounds)
    control = median(found[AGAIN] - found[WITHOUT] for found in rounds)
    print(f"{'a step that keeps its batch':<32} {1e6 * longer:7.1f} us longer, in {len(rounds):,} rounds")
    print(f"{'one that keeps nothing':<32} {1e6 * control:7.1f} us longer than another (A/A)")


if __name__ == "__main__":
    main()
