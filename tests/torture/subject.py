"""A small training that uses everything a checkpoint holds; run in forked children, its final bits out."""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.training.tasks import new_run, optimizer, scheduler, task
from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import checkpoint, origin, run, trainer
from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.observer import Silent
from yamlnet.training.run import Run
from yamlnet.training.setup import Task

TIMES = ("samples_per_second", "time_s", "timed_s")
SAID: dict[str, Any] = {
    "optimizer": optimizer("AdamW", lr=0.01),
    "scheduler": scheduler("OneCycleLR", max_lr=0.02),
}
TRAIN = {"ema": 0.9, "clip": {"norm": 1.0}, "evaluate": 2}


def subject(epochs: int = 2, width: int = 12, every: int = 1) -> Task:
    """Five steps an epoch, a checkpoint after each `every`; `width` is that of the network."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(16, width), nn.BatchNorm1d(width), nn.Dropout(0.2), nn.Linear(width, 3)
    )
    kept = {"every": every, "keep": 2, "best": "validation.accuracy"}
    return task(model, train={**TRAIN, "epochs": epochs, "checkpoint": kept}, **SAID)


class Told(Silent):
    """What a child tells its parent, in memory they share: it outlives the child."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self.clear()

    def clear(self) -> None:
        """Forgets it all."""
        self.durable, self.resumed, self.saving, self.operations = -1, -1, 0, 0

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.resumed = step

    def __getattr__(self, name: str) -> int:
        return int(struct.unpack_from("q", self._memory, 8 * PLACES.index(name))[0])

    def __setattr__(self, name: str, value: Any) -> None:
        if name in PLACES:
            struct.pack_into("q", self._memory, 8 * PLACES.index(name), value)
        else:
            super().__setattr__(name, value)


PLACES = ("durable", "resumed", "saving", "operations")


def in_child(work: Callable[[], object], words: Path) -> int:
    """Starts a child that does the work; its exit code is the command's, its complaint goes to `words`."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        work()
        code = 0
    except YamlnetError as error:
        code = error.exit_code
        words.write_text(error.message)
    except BaseException as error:
        words.write_text(f"UNCAUGHT {type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int:
    """Waits for a child; its exit code, or the signal that ended it, negative."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def begin_or_resume(made: Task, root: Path, told: Told, system: Any = os) -> None:
    """Trains in `root/tiny/1`: from the start where nothing is there, else from its newest checkpoint."""
    disk.system = system
    origin._git = lambda: None  # a process more for each run, and nothing to do with it
    write = checkpoint.write

    def noted(parent: Path, snapshot: Snapshot) -> None:
        told.saving = 1
        write(parent, snapshot)
        told.durable, told.saving = snapshot.step, 0

    checkpoint.write = noted  # in a child of its own
    folder = root / "tiny" / "1"
    if folder.exists():
        trainer.resume(made, run.load(folder), told)
    else:
        trainer.train(made, new_run(root), told)


def final_bits(found: Run) -> dict[str, Any]:
    """All that must be the same however often a run was stopped: every bit but the times."""
    last = found.last(_refuse)
    return {
        "tensors": checkpoint.digest({**last.weights, **last.tensors}),
        "state": _timeless(last.state),
        "records": [_timeless(record) for record in found.records()],
        "best": found.best,
        "weights": found.manifest["weights_digest"],
        "metrics": {k: v for k, v in (found.result or {})["metrics"].items() if not k.endswith(TIMES)},
    }


def _timeless(value: Any) -> Any:
    """The value without times, and without the sizes of records, whose times have more digits or fewer."""
    if isinstance(value, dict):
        left_out = (*TIMES, "num_bytes_recorded")
        return {k: _timeless(v) for k, v in value.items() if not k.endswith(left_out)}
    return value


def _refuse(message: str) -> None:
    raise AssertionError(message)


def sound(folder: Path) -> str | None:
    """What isn't whole under a final name in a run's folder; None where all is."""
    for path in folder.glob("*.json"):
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            return f"{path.name}: {error}"
    for step in checkpoint.steps(folder / "checkpoints"):
        try:
            checkpoint.read(folder / "checkpoints", step)
        except YamlnetError as error:
            return error.message
    return None
