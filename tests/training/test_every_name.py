"""Whatever optimizer or scheduler torch has: what it holds comes back, and is known as its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.tasks import new_run, optimizer, scheduler, signalled, task
from tests.training.test_resume import final
from yamlnet.catalog.lookup import names
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import trainer
from yamlnet.training.run import Run
from yamlnet.training.setup import Task

OWN_NETWORK = ("SparseAdam",)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "ChainedScheduler": {"schedulers": ["LinearLR", {"ExponentialLR": 0.9}]},
    "CosineAnnealingWarmRestarts": {"T_0": 3},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
    "ExponentialLR": {"gamma": 0.9},
    "MultiStepLR": {"milestones": [2, 6]},
    "OneCycleLR": {"max_lr": 0.1},
    "SequentialLR": {"schedulers": ["LinearLR", "CosineAnnealingLR"], "milestones": [3]},
    "StepLR": {"step_size": 2},
}


def made(**said: Any) -> Task:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8, bias=False), nn.ReLU(), nn.Linear(8, 3, bias=False))
    return task(model, train={"epochs": 2}, **said)


def straight(folder: Path, **said: Any) -> Run:
    run = new_run(folder)
    trainer.train(made(**said), run)
    return run


def stopped(folder: Path, **said: Any) -> Run:
    run = new_run(folder)
    with pytest.raises(YamlnetError, match="terminated"):
        trainer.train(signalled(made(**said), 1, 2), run)
    trainer.resume(made(**said), run)
    return run


@pytest.mark.parametrize("name", sorted(set(names("optimizer")) - set(OWN_NETWORK)))
def test_an_optimizer_goes_on(tmp_path: Path, name: str) -> None:
    said = {"optimizer": optimizer(name, lr=0.01)}
    assert final(stopped(tmp_path / "stopped", **said)) == final(straight(tmp_path, **said))


@pytest.mark.parametrize("name", names("scheduler"))
def test_a_scheduler_goes_on(tmp_path: Path, name: str) -> None:
    every = "epoch" if name == "ReduceLROnPlateau" else "step"
    said = {
        "optimizer": optimizer("SGD", lr=0.1),
        "scheduler": scheduler(name, every, **ARGUMENTS.get(name, {})),
    }
    assert final(stopped(tmp_path / "stopped", **said)) == final(straight(tmp_path, **said))
