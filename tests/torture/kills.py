"""A number of kills and a seed in; what became of runs that were killed so out."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from tests.torture.faults import Faulty
from tests.torture.subject import Told, begin_or_resume, ended, final_bits, in_child, subject
from yamlnet.training.run import Run

MAX_KILLS_OF_A_RUN = 5


@dataclass
class Kills:
    """Counts of what happened; the last three must be nothing."""

    kills: int = 0
    inside_a_save: int = 0
    runs: int = 0
    unresumable: int = 0
    below_durable: int = 0
    other_bits: int = 0

    @property
    def fine(self) -> bool:
        """Whether nothing was lost, and kills fell where they hurt."""
        lost = self.unresumable + self.below_durable + self.other_bits
        return lost == 0 and self.inside_a_save >= 0.4 * self.kills

    def __str__(self) -> str:
        return (
            f"{self.kills:,} kills of {self.runs:,} runs, {self.inside_a_save / max(1, self.kills):.0%} "
            f"inside a save: {self.unresumable} unresumable, {self.below_durable} resumed below the last "
            f"durable step, {self.other_bits} with other final bits"
        )


def kill(number: int, seed: int, root: Path) -> Kills:
    """Kills runs until there were so many kills, most at an operation of a save, others by the clock."""
    draw, made, found = random.Random(seed), subject(), Kills()
    told = Told()
    start = time.perf_counter()
    assert ended(in_child(lambda: begin_or_resume(made, root / "straight", told), root / "words")) == 0
    length_s = time.perf_counter() - start
    expected = final_bits(Run(root / "straight" / "tiny" / "1"))
    while found.kills < number:
        folder = root / f"{found.runs}"
        found.runs += 1
        durable = -1
        for _ in range(draw.randint(1, MAX_KILLS_OF_A_RUN)):
            told.clear()
            code = _killed(draw, made, folder, told, length_s)
            found.unresumable += code not in (0, -signal.SIGKILL)
            found.below_durable += -1 < told.resumed < durable
            durable = max(durable, told.durable)
            if code == 0:  # it was faster than the kill
                break
            found.kills += 1
            found.inside_a_save += told.saving
        told.clear()
        if _is_unfinished(folder):
            code = ended(in_child(lambda folder=folder: begin_or_resume(made, folder, told), root / "words"))
            found.unresumable += code != 0
            found.below_durable += told.resumed < durable
        found.other_bits += final_bits(Run(folder / "tiny" / "1")) != expected
        rmtree(folder)
    return found


def _is_unfinished(folder: Path) -> bool:
    return not (folder / "tiny" / "1" / "result.json").exists()


def _killed(draw: random.Random, made: object, folder: Path, told: Told, length_s: float) -> int:
    """Starts or resumes a run and kills it; how it ended."""
    if draw.random() < 0.8:
        save, inside = draw.randint(1, 4), draw.randint(1, 25)
        countdown = _InSave(told, save, inside)
        return ended(
            in_child(lambda: begin_or_resume(made, folder, told, countdown), folder.parent / "words")
        )
    child = in_child(lambda: begin_or_resume(made, folder, told), folder.parent / "words")
    time.sleep(draw.uniform(0, 1.2 * length_s))
    os.kill(child, signal.SIGKILL)  # it can't be gone: it wasn't waited for
    return ended(child)


class _InSave(Faulty):
    """`os`, which ends the process at an operation of a save, both counted from 1."""

    def __init__(self, told: Told, save: int, inside: int) -> None:
        super().__init__(seen=self._look)
        self._told, self._saves_left, self._operations_left, self._was = told, save, inside, 0

    def _look(self, count: int) -> None:
        saving = self._told.saving
        self._saves_left -= saving and not self._was
        self._was = saving
        if saving and self._saves_left <= 0:
            self._operations_left -= 1
            if self._operations_left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
