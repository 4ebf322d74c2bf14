"""Runs of networks that are edited, tied, frozen, or begin with given weights: trained, resumed, loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import yamlnet
from yamlnet import api, resuming
from yamlnet.catalog.vision import import_torchvision
from yamlnet.training.observer import Silent

NODES = {
    "flat": "Flatten",
    "fc1": {"Linear": 16},
    "norm": "BatchNorm1d",
    "fc2": {"Linear": 16},
    "fc3": {"Linear": 16, "tie": {"weight": "fc2.weight"}},
    "head": {"Linear": 10},
}


def document(**model: Any) -> dict[str, Any]:
    return {
        "name": "changed",
        "data": {"dataset": "MNIST5k", "validation": 500, "batch_size": 500},
        "model": {"Sequential": NODES, **model},
        "loss": "CrossEntropyLoss",
        "optimizer": {"AdamW": {"lr": 0.01, "weight_decay": 0.1}},
        "train": {"epochs": 2, "device": "cpu", "ema": 0.9},
    }


def digest(run: Path) -> str:
    found: str = json.loads((run / "manifest.json").read_text())["weights_digest"]
    return found


class Stopping(Silent):
    """Breaks a training off after its first checkpoint, as a lost machine would."""

    def saved(self, step: int, path: Path) -> None:
        raise KeyboardInterrupt


def broken_off(file: Any, runs: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        yamlnet.train(file, runs=runs, observer=Stopping())
    return runs / "changed" / "1"


def test_a_tied_network_trains_resumes_and_loads(tmp_path: Path) -> None:
    whole = yamlnet.train(document(), runs=tmp_path / "whole")
    part = broken_off(document(), tmp_path / "part")
    resuming.resume(part, (), Silent())
    assert digest(part) == digest(whole.path)
    model = yamlnet.load(part)
    assert model.get_parameter("fc2.weight") is model.get_parameter("fc3.weight")
    first = yamlnet.build(document())
    assert not torch.equal(first.get_parameter("fc2.weight"), model.get_parameter("fc2.weight"))
    assert api.evaluate(part)["test.loss"] == whole.metrics["test.loss"]


EDIT = [
    {"insert": "drop", "after": "norm", "with": {"Dropout": 0.1}},
    {"freeze": "fc1"},
    {"append": "norm", "with": "ReLU"},
    {"freeze": "norm"},
]


def test_what_an_edit_froze_stays_as_it_was(tmp_path: Path) -> None:
    first = yamlnet.build(document(edit=EDIT)).state_dict()
    run = yamlnet.train(document(edit=EDIT), runs=tmp_path)
    moved = {
        name
        for name, value in yamlnet.load(run.path).state_dict().items()
        if not torch.equal(value, first[name])
    }
    assert moved == {f"{name}.{part}" for name in ("fc2", "fc3", "head") for part in ("weight", "bias")}
    assert (run.metrics["parameters"], run.metrics["trainable_parameters"]) == (13050, 458)
    state = next((run.path / "checkpoints").glob("*/state.safetensors"))
    averaged = {name.removeprefix("ema.") for name in load_file(state) if name.startswith("ema.")}
    optimised = {name.split(".", 1)[1] for name in load_file(state) if name.endswith(".exp_avg")}
    assert averaged == {name.removesuffix(".exp_avg") for name in optimised} == moved - {"fc3.weight"}
    log = (run.path / "log.txt").read_text()
    assert "`norm` is now a `Sequential` of `norm.0`, which it was, and `norm.1`" in log


@pytest.mark.parametrize("frozen", [True, False])
def test_the_statistics_of_a_frozen_norm_dont_move(frozen: bool, tmp_path: Path) -> None:
    nodes = {**NODES, "norm": {"BatchNorm1d": None, "freeze": frozen}}
    run = yamlnet.train(document(Sequential=nodes), runs=tmp_path)
    norm = yamlnet.load(run.path).get_submodule("norm")
    assert isinstance(norm, nn.BatchNorm1d)
    assert bool(norm.running_mean.any()) != frozen  # type: ignore[union-attr]


def test_a_run_needs_its_weights_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the file nor torchvision's download."""
    head = {name: torch.full_like(value, 0.1) for name, value in nn.Linear(16, 10).state_dict().items()}
    torch.save(head, tmp_path / "head.pth")
    weights = import_torchvision().models.resnet18().state_dict()
    monkeypatch.setattr(
        import_torchvision().models._api, "load_state_dict_from_url", lambda *_, **__: weights
    )
    file = document()
    file["model"] = {
        "ModuleDict": {
            "grey": {"expand": ["batch", 3, 28, 28]},
            "body": {"torchvision.resnet18": {"weights": "DEFAULT"}},
            "fc": {"Linear": 16},
            "head": {"Linear": 10, "weights": {"file": str(tmp_path / "head.pth"), "strict": False}},
        },
        "edit": [{"replace": "body.fc", "with": {"Linear": 1000}}, {"freeze": "body"}],
    }
    file["init"] = [{"type": ["Conv2d", "Linear"], "weight": "zeros"}]
    file["data"] = {"dataset": "MNIST5k", "batch_size": 20}
    file["train"] = {"steps": 2, "device": "cpu", "checkpoint": {"every": 1}}
    run = broken_off(file, tmp_path / "runs")
    (tmp_path / "head.pth").unlink()
    monkeypatch.setattr(import_torchvision().models._api, "load_state_dict_from_url", None)
    resuming.resume(run, (), Silent())
    model = yamlnet.load(run)
    assert torch.equal(model.get_parameter("body.conv1.weight"), weights["conv1.weight"])
    assert not model.get_parameter("body.fc.weight").any()
    assert "2 of 2 tensors loaded" in (run / "log.txt").read_text()
