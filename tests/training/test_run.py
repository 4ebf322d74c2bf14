"""The run folder: what is written, what proves itself whole, and what a reader finds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import new_run
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import checkpoint, run
from yamlnet.training.checkpoint import Snapshot


def snapshot(step: int, best: int | None = None, **tensors: Tensor) -> Snapshot:
    weights = {"weight": torch.full((2, 3), float(step))}
    return Snapshot(
        step, weights, {"random.cpu": torch.arange(3), **tensors}, {"best": best and {"step": best}}
    )


def refuse(message: str) -> None:
    raise AssertionError(message)


def test_runs_are_counted_from_one_and_latest_points_to_the_newest(tmp_path: Path) -> None:
    made = [new_run(tmp_path), new_run(tmp_path)]
    assert [r.path.name for r in made] == ["1", "2"]
    (tmp_path / "tiny" / "7").mkdir()
    assert new_run(tmp_path).path.name == "8"
    latest = tmp_path / "tiny" / "latest"
    assert os.readlink(latest) == "8"
    assert run.load(latest).path == tmp_path.resolve() / "tiny" / "8"
    assert (latest / "config.yaml").read_bytes() == b"name: tiny # as given\n"
    assert run.load(latest).resolved == "name: tiny\n"


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(YamlnetError, match=r"can't write `.*runs/tiny`") as caught:
        new_run(tmp_path / "runs")
    assert caught.value.exit_code == 3


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(YamlnetError, match="there is no run in"):
        run.load(tmp_path)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    state: dict[str, Any] = {"lr": 0.1, "infinite": float("inf"), "none": None, "best": None}
    given = Snapshot(3, tied.state_dict(), {"ema.0.bias": torch.ones(2), "t": torch.rand(2, 3).t()}, state)
    checkpoint.write(tmp_path, given.copied())
    got = checkpoint.read(tmp_path, 3)
    assert got.state == state
    assert sorted(got.weights) == ["0.bias", "0.weight", "1.bias", "1.weight"]
    for name, tensor in {**given.weights, **given.tensors}.items():
        assert torch.equal({**got.weights, **got.tensors}[name], tensor)
    assert torch.equal(got.averaged_weights["0.bias"], torch.ones(2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000003"]
    tied.load_state_dict(dict(got.weights))


@pytest.mark.parametrize("name", ["model.safetensors", "state.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_noticed_and_the_checkpoint_before_is_taken(tmp_path: Path, name: str, damage: str) -> None:
    made = new_run(tmp_path)
    for step in (1, 2):
        made.save(snapshot(step, best=2), keep=2)
    made.write_best({"step": 2})
    path = made.checkpoints / "step-00000002" / name
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(flipped if damage == "flip" else content[:-1])
    if damage == "remove":
        path.unlink()
    with pytest.raises(YamlnetError, match=f"`.*{name}`"):
        made.chosen("best", refuse)
    warnings: list[str] = []
    assert made.chosen("last", warnings.append).step == 1
    assert len(warnings) == 1
    assert name in warnings[0]


def test_old_checkpoints_go_but_the_best_stays(tmp_path: Path) -> None:
    made = new_run(tmp_path)
    for step in range(1, 6):
        made.save(snapshot(step, best=min(step, 2)), keep=2)
    assert checkpoint.steps(made.checkpoints) == [5, 4, 2]


def test_without_a_choice_the_best_are_the_last(tmp_path: Path) -> None:
    made = new_run(tmp_path)
    with pytest.raises(YamlnetError, match="no checkpoint that is whole"):
        made.chosen("best", refuse)
    made.save(snapshot(1), keep=1)
    made.save(snapshot(2, **{"ema.weight": torch.zeros(2, 3)}), keep=1)
    found = made.chosen("best", refuse)
    assert found.step == 2
    assert torch.equal(found.averaged_weights["weight"], torch.zeros(2, 3))


def test_records_are_lines_and_can_be_taken_back(tmp_path: Path) -> None:
    made = new_run(tmp_path)
    made.append({"step": 1, "loss": 0.5})
    position = made.num_bytes_recorded
    made.append({"step": 2, "loss": float("nan")})
    assert made.records() == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": "nan"}]
    made.write_best({"step": 2})
    made.rewind(position, None, refuse)
    assert made.records() == [{"step": 1, "loss": 0.5}]
    assert made.best is None


def test_a_digest_sees_names_shapes_dtypes_and_values() -> None:
    base = {"a": torch.ones(2, 2), "b": torch.zeros((), dtype=torch.int64)}
    others = [
        {"a": torch.ones(4), "b": base["b"]},
        {"a": torch.ones(2, 2).bfloat16(), "b": base["b"]},
        {"a": torch.ones(2, 2), "c": base["b"]},
        {"a": torch.ones(2, 2), "b": base["b"] + 1},
    ]
    digests = [checkpoint.digest(weights) for weights in (base, *others)]
    assert len(set(digests)) == 5
    assert checkpoint.digest(dict(reversed(base.items()))) == digests[0]


def test_json_of_a_checkpoint_is_json(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, snapshot(1))
    manifest = json.loads((tmp_path / "step-00000001" / "manifest.json").read_text())
    size = (tmp_path / "step-00000001" / "model.safetensors").stat().st_size
    assert manifest["step"] == 1
    assert manifest["files"]["model.safetensors"]["size"] == size
