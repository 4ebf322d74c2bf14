"""`python -m tests.torture`: figures of what runs survive, for docs/reliability.md; exit 1 if one didn't."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.torture.damages import damage
from tests.torture.disks import disks
from tests.torture.kills import kill
from tests.torture.subject import Told, begin_or_resume, ended, in_child, subject
from tests.torture.sweeps import sweep
from tests.training.tasks import new_run
from yamlnet.training import trainer
from yamlnet.training.run import Run


def main() -> int:
    """Runs it all, at full size or a small part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="what CI runs: a minute and a half of computing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, help="how many kills; 1,000 where it isn't said")
    parser.add_argument("--faults", type=int, help="how many operations fail in each way; all of them")
    parser.add_argument("--folder", help="where; in /dev/shm it is fast, and what a kill loses is the same")
    given = parser.parse_args()
    torch.set_num_threads(1)  # a forked child must not wait for its parent's threads
    fine = True
    with tempfile.TemporaryDirectory(prefix="yamlnet-torture-", dir=given.folder) as name:
        Path(name).chmod(0o755)
        trainer.train(subject(), new_run(Path(name) / "warm"))
        gc.freeze()  # else each child's first collection copies the parent's memory
        num_kills = given.kills if given.kills is not None else 24 if given.small else 1000
        for part in (
            lambda root: kill(num_kills, given.seed, root),
            lambda root: sweep(given.faults or (5 if given.small else None), given.seed, root),
            lambda root: damage(_run(root), 20 if given.small else 500, given.seed),
            disks,
        ):
            root = Path(name) / str(len(list(Path(name).iterdir())))
            root.mkdir()
            start = time.perf_counter()
            found = part(root)
            say(f"{found}  [{time.perf_counter() - start:.0f} s]")
            for wrong in [*getattr(found, "wrong", []), *getattr(found, "overlooked", [])][:20]:
                say(f"  {wrong}")
            fine &= found.fine
    return 0 if fine else 1


def say(line: str) -> None:
    """A line to standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(root: Path) -> Run:
    """A finished run with two checkpoints."""
    assert ended(in_child(lambda: begin_or_resume(subject(), root, Told()), root / "words")) == 0
    return Run(root / "tiny" / "1")


if __name__ == "__main__":
    sys.exit(main())
