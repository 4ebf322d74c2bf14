"""A seed and a number of faults of each kind in; what became of runs whose files failed so out."""

from __future__ import annotations

import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

from tests.torture.faults import KINDS, Faulty
from tests.torture.subject import Told, begin_or_resume, ended, final_bits, in_child, sound, subject
from yamlnet.training.run import Run

REASONS = ("No space left on device", "Input/output error", "Read-only file system")


@dataclass
class Sweep:
    """How many faults were tried, of which kinds, among how many operations; and each that went wrong."""

    operations: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.tried.items())
        tried = f"{self.tried.total():,} faults in {self.operations} operations"
        return f"{tried} ({kinds}): {len(self.wrong)} wrong"


def sweep(number: int | None, seed: int, root: Path) -> Sweep:
    """Lets every operation of a short run fail in every way, or `number` operations for each way."""
    made, told, found = subject(epochs=1, every=2), Told(), Sweep()
    counting = Faulty(seen=lambda count: setattr(told, "operations", count))
    work = root / "straight"
    assert ended(in_child(lambda: begin_or_resume(made, work, told, counting), root / "words")) == 0
    expected, found.operations = final_bits(Run(work / "tiny" / "1")), told.operations
    draw = random.Random(seed)
    for kind in KINDS:
        every = range(1, found.operations + 1)
        for at in every if number is None else sorted(draw.sample(every, min(number, len(every)))):
            found.tried[kind] += 1
            wrong = _try(kind, at, made, root, told, expected)
            found.wrong += [f"{kind} at operation {at}: {wrong}"] if wrong else []
    return found


def _try(kind: str, at: int, made: object, root: Path, told: Told, expected: object) -> str | None:
    """What went wrong with a run that had this fault; None where nothing did."""
    folder, words = root / "faulty", root / "words"
    rmtree(folder, ignore_errors=True)
    words.write_text("")
    told.clear()
    code = ended(in_child(lambda: begin_or_resume(made, folder, told, Faulty(kind, at)), words))
    said, durable = words.read_text(), told.durable
    if kind.startswith("kill"):
        if code != -signal.SIGKILL:
            return f"it wasn't killed but ended with {code} {said}"
    elif code == 3:
        if kind == "short":
            return f"it failed: {said}"
        if "`/" not in said or not said.endswith(REASONS):
            return f"the message has no path or reason: {said}"
    elif code != 0:
        return f"it ended with {code}: {said}"
    run = folder / "tiny" / "1"
    if run.exists() and sound(run):
        return f"not whole: {sound(run)}"
    if not run.exists() or (Run(run).result or {}).get("exit_code") != 0:
        told.clear()
        code = ended(in_child(lambda: begin_or_resume(made, folder, told), words))
        if code != 0:
            return f"resuming ended with {code}: {words.read_text()}"
        if told.resumed < durable:
            return f"resumed from step {told.resumed}, and {durable} was durable"
    if final_bits(Run(run)) != expected:
        return "other final bits"
    return None
