"""A profile tells of a step's parts and layers, and changes nothing of the training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.files import final
from tests.training.tasks import new_run, optimizer, task
from yamlnet.training import trainer
from yamlnet.training.profile import PARTS


@pytest.mark.parametrize(
    "said",
    [
        {"train": {"epochs": 3, "ema": 0.9, "clip": {"norm": 1.0}}},
        {"train": {"steps": 1}},
        {"train": {"epochs": 1, "accumulate": 2}},
        {"train": {"steps": 4}, "optimizer": optimizer("LBFGS", lr=0.1, max_iter=3)},
    ],
)
def test_it_changes_no_bit_and_adds_up(said: dict[str, object], tmp_path: Path) -> None:
    plain, watched = new_run(tmp_path / "plain"), new_run(tmp_path / "watched")
    trainer.train(task(**said), plain)
    given = task(**said)
    trainer.train(given, watched, profile=True)
    assert final(watched) == final(plain)
    assert plain.profile is None
    found = watched.profile
    assert found is not None
    assert tuple(found["parts"]) == PARTS
    assert sum(found["parts"].values()) == pytest.approx(found["step_ms"])
    assert all(ms > 0 for part, ms in found["parts"].items())
    assert {layer["name"] for layer in found["layers"]} == {"0", "1", "2", "3", "4", "5", "(between)"}
    assert any(operator["name"].startswith("aten::") for operator in found["operators"])
    events = json.loads((watched.path / "profile" / "trace.json").read_text())["traceEvents"]
    assert {"forward", "backward", "optimizer", "1"} <= {event.get("name") for event in events}


def test_nothing_of_it_is_left_on_the_model(tmp_path: Path) -> None:
    given = task(train={"steps": 8})
    trainer.train(given, new_run(tmp_path), profile=True)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in given.model.modules())
