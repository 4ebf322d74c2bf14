"""Schedules held against the length of the training: which fit, and which are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import yamlnet
from yamlnet import pipeline, starting
from yamlnet.language.files import given
from yamlnet.training.lengths import CODE, RULES
from yamlnet.training.observer import Silent

EPOCHS, STEPS = 20, 1260
"""The training: 63 batches of 64 samples in an epoch."""

LENGTHS: list[tuple[Any, str, str | None]] = [
    ("CosineAnnealingLR", "step", None),
    ({"CosineAnnealingLR": {"T_max": STEPS}}, "step", None),
    ({"CosineAnnealingLR": {"T_max": EPOCHS}}, "epoch", None),
    ({"CosineAnnealingLR": {"T_max": EPOCHS - 1}}, "epoch", None),
    ({"CosineAnnealingLR": {"T_max": EPOCHS}}, "step", "rises again after 20 steps"),
    ({"CosineAnnealingLR": {"T_max": STEPS}}, "epoch", "ends after 1,260 epochs"),
    ({"PolynomialLR": {"total_iters": 5}}, "epoch", "reaches 0 after 5 epochs"),
    ({"PolynomialLR": {"total_iters": 20}}, "epoch", None),
    ({"LinearLR": {"total_iters": 5}}, "epoch", None),
    ({"LinearLR": {"total_iters": 21}}, "epoch", "ends after 21 epochs"),
    ({"LinearLR": {"total_iters": 5, "end_factor": 0}}, "epoch", "reaches 0"),
    ({"ConstantLR": {"total_iters": 30}}, "epoch", "ends after 30 epochs"),
    ({"StepLR": 7}, "epoch", None),
    ({"StepLR": 20}, "epoch", "changes the learning rate after 20 epochs"),
    ({"StepLR": 7}, "step", "leaves nothing"),
    ({"MultiStepLR": [10, 15]}, "epoch", None),
    ({"MultiStepLR": [10, 20]}, "epoch", "epoch 20 is never reached"),
    ({"MultiStepLR": [10, 15]}, "step", "is done after 15 steps"),
    ({"MultiStepLR": [600, 900]}, "step", None),
    ({"ExponentialLR": 0.95}, "epoch", None),
    ({"ExponentialLR": 0.95}, "step", "leaves nothing"),
    ({"OneCycleLR": {"max_lr": 0.1}}, "step", None),
    ({"OneCycleLR": {"max_lr": 0.1, "total_steps": STEPS}}, "step", None),
    ({"OneCycleLR": {"max_lr": 0.1, "total_steps": STEPS - 1}}, "step", "can't go on after 1,259 steps"),
    ({"OneCycleLR": {"max_lr": 0.1, "total_steps": 2 * STEPS}}, "step", "ends after 2,520 steps"),
    ({"OneCycleLR": {"max_lr": 0.1, "epochs": 10, "steps_per_epoch": 63}}, "step", "after 630 steps"),
    ({"CosineAnnealingWarmRestarts": {"T_0": 5}}, "epoch", None),
    ({"CosineAnnealingWarmRestarts": {"T_0": 40}}, "epoch", "restarts for the first time after 40 epochs"),
    ({"CyclicLR": {"base_lr": 0.01, "max_lr": 0.1}}, "step", "reaches its top after 2,000 steps"),
    ({"ReduceLROnPlateau": {"patience": 3}}, "epoch", None),
    ({"ReduceLROnPlateau": {"patience": 50}}, "epoch", "acts after 50 epochs"),
    ({"ChainedScheduler": [{"StepLR": 25}]}, "epoch", "after 25 epochs"),
    ({"SequentialLR": {"schedulers": ["LinearLR", "CosineAnnealingLR"], "milestones": [5]}}, "epoch", None),
    ({"SequentialLR": {"schedulers": ["LinearLR", {"StepLR": 16}], "milestones": [5]}}, "epoch", "for 15"),
]


def document(scheduler: Any, every: str) -> dict[str, Any]:
    call = {scheduler: {}} if isinstance(scheduler, str) else scheduler
    metric = {"metric": "validation.loss"} if "ReduceLROnPlateau" in call else {}
    return {
        "data": {"dataset": "MNIST5k", "validation": {"MNIST5k": {}}},
        "model": {"Sequential": ["Flatten", {"Linear": 10}]},
        "loss": "CrossEntropyLoss",
        "optimizer": {"SGD": 0.1},
        "scheduler": {**call, "every": every, **metric},
        "train": {"epochs": EPOCHS},
    }


@pytest.mark.parametrize(("scheduler", "every", "told"), LENGTHS)
def test_a_schedule_of_another_length_is_told(scheduler: Any, every: str, told: str | None) -> None:
    found = yamlnet.check(document(scheduler, every))
    assert [d.code for d in found] == [CODE] * (told is not None)
    if told is not None:
        assert told in found[0].message
        assert found[0].severity == ("error" if "can't" in told or "630" in told else "warning")


def test_every_rule_has_a_schedule_that_fits_and_one_that_does_not() -> None:
    names = {(next(iter(s)) if isinstance(s, dict) else s, told is None) for s, _, told in LENGTHS}
    one_sided = {"ConstantLR", "CyclicLR"}
    assert {(name, fits) for name in RULES for fits in (True, False)} - names == {
        (name, True) for name in one_sided
    }


def test_a_length_that_only_the_data_tells_is_told_when_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n" + "1,2\n3,4\n" * 40, encoding="utf-8")
    written = {
        "data": {
            "dataset": {"Csv": {"path": str(tmp_path / "rows.csv")}},
            "fields": {"x": "number", "y": "number"},
            "target": "y",
        },
        "model": {"Sequential": [{"unsqueeze": 1}, {"Linear": 1}, {"squeeze": 1}]},
        "loss": {"MSELoss": {}, "from": ["output", "y"]},
        "optimizer": {"SGD": 0.01},
        "scheduler": {"CosineAnnealingLR": {"T_max": 100}},
        "train": {"steps": 3, "device": "cpu"},
    }
    told: list[str] = []

    class Noted(Silent):
        def warned(self, message: str) -> None:
            told.append(message)

    steps = {**written, "train": {"epochs": 2, "device": "cpu"}}
    assert yamlnet.check(steps) == []
    starting.start(pipeline.examine(given(steps), to_train=True), tmp_path / "runs", Noted())
    assert len(told) == 1
    assert "ends after 100 steps, and the training takes 4 steps" in told[0]
    assert [d.code for d in yamlnet.check(written)] == [CODE]
