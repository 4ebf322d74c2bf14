"""What is left open is chosen by rule or by timing, said in the document, and leaves no trace."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import yamlnet
from tests.training.tasks import network, optimizer, task
from yamlnet.training import choice, fastest
from yamlnet.training.choice import Choice, choose
from yamlnet.training.setup import Task

OPEN = {"precision": "auto", "memory_format": "auto", "compile": "auto"}
LONG = {**OPEN, "steps": 5_000}


def images() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.1), nn.Flatten(), nn.Linear(8, 3)
    )


def train_of(found: Choice) -> dict[str, Any]:
    return {key: getattr(found.task.experiment.train, key) for key in OPEN}


class NoStepperError(Exception):
    pass


def no_stepper(*_: object) -> None:
    raise NoStepperError


@pytest.mark.parametrize("train", [{**LONG, "deterministic": True}, {**OPEN, "deterministic": False}])
def test_without_timing_a_rule_chooses(
    train: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fastest, "Stepper", no_stepper)
    found = choose(task(images(), train=train), tmp_path)
    assert train_of(found) == {"precision": "fp32", "memory_format": "contiguous", "compile": False}
    assert found.way == {"fused": True}
    assert len(found.notes) == 1
    assert "`train.compile: auto` is false" in found.notes[0]


def test_what_was_chosen_is_not_chosen_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A resumed or reproduced run reads it in its document."""
    given = task(images(), train={**LONG, "deterministic": False}, optimizer=optimizer("AdamW", lr=0.1))
    found = choose(given, tmp_path)
    monkeypatch.setattr(fastest, "Stepper", no_stepper)
    again = choose(found.task, tmp_path)
    assert train_of(again) == train_of(found)
    assert again.task.experiment.optimizer == found.task.experiment.optimizer


def test_a_run_says_it_in_its_document(tmp_path: Path) -> None:
    written = {
        "data": {"dataset": "MNIST5k"},
        "model": {"Sequential": ["Flatten", {"Linear": 10}]},
        "loss": "CrossEntropyLoss",
        "optimizer": "SGD",
        "train": {**OPEN, "steps": 1},
    }
    run = yamlnet.train(written, runs=tmp_path).path
    document = yaml.safe_load((run / "resolved.yaml").read_text())
    said = {key: document["train"][key] for key in (*OPEN, "device", "threads")}
    rule = {"precision": "fp32", "memory_format": "contiguous", "compile": False}
    assert said == {**rule, "device": "cpu", "threads": torch.get_num_threads()}
    assert document["optimizer"]["SGD"]["fused"] is True
    assert "`train.compile: auto` is false" in (run / "log.txt").read_text()


def traces(given: Task) -> list[bytes]:
    """All that a probe could touch."""
    numbers = [random.getstate()[1], np.random.get_state()[1].tolist()]  # type: ignore[index]
    tensors = [*given.model.state_dict().values(), torch.get_rng_state()]
    gradients = [p.grad for p in given.model.parameters()]
    return [
        repr((numbers, gradients, given.model.training)).encode(),
        *(t.numpy().tobytes() for t in tensors),
    ]


def test_a_probe_leaves_no_trace(tmp_path: Path) -> None:
    given = task(images(), train={**LONG, "deterministic": False, "ema": 0.9}, optimizer=optimizer("Adam"))
    threads, before = torch.get_num_threads(), traces(given)
    found = choose(given, tmp_path)
    assert found.notes
    assert traces(given) == before
    assert found.task.model is given.model
    assert torch.get_num_threads() == threads
    assert not list(tmp_path.iterdir())


@dataclass
class Timed:
    """A stand-in for steps: as fast as what is chosen says."""

    choice: Choice
    group: object

    def __post_init__(self) -> None:
        self.best_s = self.step_s()

    def step_s(self) -> float:
        train, way = self.choice.task.experiment.train, self.choice.way
        if train.memory_format == "channels_last":
            raise RuntimeError("no view of it\nand more")
        half = train.precision == "bf16"
        return 1.0 - 0.5 * half - 0.1 * bool(way.get("foreach")) - 0.3 * bool(train.compile)

    def again(self) -> None:
        self.best_s = min(self.best_s, self.step_s())


@pytest.mark.parametrize(("epochs", "compiled"), [(1_000, True), (450, False)])
def test_the_fastest_way_is_chosen(
    epochs: int, compiled: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What fails isn't; compiling is tried only where that is cheap against the whole training."""
    monkeypatch.setattr(fastest, "Stepper", Timed)
    train = {**OPEN, "epochs": epochs, "deterministic": False}
    found = choose(task(images(), train=train), tmp_path)
    assert found.way == {"fused": False, "foreach": True}
    assert train_of(found) == {"precision": "bf16", "memory_format": "contiguous", "compile": compiled}
    chosen, not_chosen, compiling = found.notes
    assert "`foreach: true`" in chosen
    assert "`bf16`" in chosen
    assert "`fused: false` (" in not_chosen
    assert "`channels_last` (no view of it)" in not_chosen
    assert f"`train.compile: auto` is {str(compiled).lower()}" in compiling


def test_a_way_that_saves_too_little_is_not_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fastest, "Stepper", Timed)
    monkeypatch.setattr(fastest, "LEAST_GAIN", 0.6)
    found = choose(task(images(), train={**LONG, "deterministic": False}), tmp_path)
    assert found.way == {"fused": True}
    assert train_of(found)["precision"] == "fp32"


def test_formats_are_tried_on_images_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fastest, "Stepper", Timed)
    found = choose(task(network(), train={**LONG, "deterministic": False}), tmp_path)
    assert not any("channels_last" in note for note in found.notes)
    assert choice.LEAST_STEPS <= 5_000
