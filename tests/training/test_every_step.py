"""Resumed after any step, with any settings, a run goes on to the bits of a run that nobody stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree, rmtree
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.pairs import pairs, pairwise
from tests.training.tasks import metric, new_run, optimizer, scheduler, task
from yamlnet import disk
from yamlnet.training import checkpoint, origin, trainer
from yamlnet.training.run import Run
from yamlnet.training.setup import Task
from yamlnet.training.sources import Source

TIMES = ("samples_per_second", "time_s", "timed_s", "num_bytes_recorded")
FACTORS: dict[str, tuple[Any, ...]] = {
    "scheduler": (
        None,
        scheduler("OneCycleLR", max_lr=0.2, cycle_momentum=False),
        scheduler("MultiStepLR", "epoch", milestones=[1]),
        scheduler("ReduceLROnPlateau", patience=0),
        scheduler("SequentialLR", schedulers=["LinearLR", "CosineAnnealingLR"], milestones=[3]),
    ),
    "optimizer": (
        optimizer("SGD", lr=0.1, momentum=0.9),
        optimizer("AdamW", lr=0.01),
        optimizer("Adafactor", lr=0.01),
        optimizer("NAdam", lr=0.01),
    ),
    "precision": ("fp32", "bf16", "fp16"),
    "accumulate": (1, 2),
    "dropout": (0.0, 0.3),
    "norm": (True, False),
    "augmented": (True, False),
    "ema": (None, 0.9),
    "best": (None, "validation.loss"),
    "metrics": ({"accuracy": metric("Accuracy")}, {"auc": metric("AUROC"), "f1": metric("F1Score")}),
}
ROWS = pairwise(FACTORS)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a loss of power would lose isn't asked here, nor git."""
    monkeypatch.setattr(origin, "_git", lambda: None)
    unsynced = SimpleNamespace(**{**vars(os), "fsync": lambda handle: None})
    monkeypatch.setattr(disk, "system", unsynced)


class Listed:
    """A source that notes the digest of each batch that is taken."""

    def __init__(self, source: Source) -> None:
        self._source, self.taken = source, dict[tuple[int, int], str]()

    def __len__(self) -> int:
        return len(self._source)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        for index, batch in enumerate(self._source.epoch(epoch, start), start):
            content = b"".join(tensor.numpy().tobytes() for tensor in batch.values())
            self.taken[epoch, index] = sha256(content).hexdigest()
            yield batch


def listed(row: Mapping[str, Any]) -> tuple[Task, Listed]:
    """The task of a row, which saves after each step, and its list of batches."""
    torch.manual_seed(0)
    norm = [nn.BatchNorm1d(12)] if row["norm"] else []
    drop = [nn.Dropout(row["dropout"])] if row["dropout"] else []
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), *norm, nn.ReLU(), *drop, nn.Linear(12, 3))
    train = {key: row[key] for key in ("precision", "accumulate", "ema")}
    kept = {"every": 1, "keep": 100, "best": row["best"]}
    made = task(
        model,
        augmented=row["augmented"],
        train={**train, "epochs": 2, "evaluate": 2, "checkpoint": kept},
        **{key: row[key] for key in ("optimizer", "scheduler", "metrics") if row[key] is not None},
    )
    source = Listed(made.sources.train)
    return replace(made, sources=replace(made.sources, train=source)), source


def timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: timeless(inner) for key, inner in value.items() if not key.endswith(TIMES)}
    return value


def bits(run: Run) -> dict[str, Any]:
    """Every bit of a run that isn't a time: each step's tensors and numbers, the records, the result."""
    steps = {}
    for step in checkpoint.steps(run.checkpoints):
        held = checkpoint.read(run.checkpoints, step)
        steps[step] = (checkpoint.digest({**held.weights, **held.tensors}), timeless(held.state))
    records = [timeless(record) for record in run.records()]
    return {"steps": steps, "records": records, "best": run.best, "digest": run.manifest["weights_digest"]}


def stopped_after(run: Run, step: int, folder: Path) -> Run:
    """The run as a kill after a step's checkpoint leaves it: with records too many, the last cut off."""
    copytree(run.path, folder)
    for later in (later for later in checkpoint.steps(folder / "checkpoints") if later > step):
        rmtree(checkpoint.folder(folder / "checkpoints", later))
    (folder / "result.json").unlink()
    (folder / ".best.json.partial").write_text("{")
    (folder / "checkpoints" / ".step-00000099.partial").mkdir()
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "epoch": 9, "split": "train"}\n{"step": 100, "ep')
    return Run(folder)


def test_every_two_levels_meet() -> None:
    rows = [{name: FACTORS[name].index(level) for name, level in row.items()} for row in ROWS]
    for (a, i), (b, j) in pairs(FACTORS):
        assert any(row[a] == i and row[b] == j for row in rows), (a, i, b, j)
    assert len(ROWS) <= 30


@pytest.mark.parametrize("row", ROWS, ids=[str(number) for number in range(len(ROWS))])
def test_resumed_after_any_step_all_bits_are_equal(tmp_path: Path, row: dict[str, Any]) -> None:
    straight = new_run(tmp_path)
    made, source = listed(row)
    trainer.train(made, straight)
    expected, order = bits(straight), source.taken
    assert sorted(expected["steps"]) == list(range(11 if row["accumulate"] == 1 else 7))
    for step in expected["steps"]:
        run = stopped_after(straight, step, tmp_path / str(step))
        made, source = listed(row)
        trainer.resume(made, run)
        assert bits(run) == expected, f"stopped after step {step}"
        assert source.taken == dict(list(order.items())[len(order) - len(source.taken) :])
        assert bool(source.taken) == (step < max(expected["steps"]))
        assert not list(run.path.rglob("*.partial"))
