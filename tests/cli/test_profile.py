"""`yamlnet train --profile` prints where a step's time goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calling import call

TEXT = """
name: tiny
data: {dataset: MNIST5k}
model:
  ModuleDict:
    flat: Flatten
    head: {Linear: 10}
    out: {relu, from: head}
loss: CrossEntropyLoss
optimizer: SGD
train: {steps: 8, device: cpu}
"""


def test_it_shows_parts_layers_and_operators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(TEXT)
    ended = call(capsys, "train", str(file), "--runs", str(tmp_path), "--profile")
    assert ended.code == 0
    lines = [line.split() for line in ended.out.split("\n")]
    assert ["forward,", "by", "layer"] in lines
    parts = [line[0] for line in lines if len(line) > 2 and line[2].endswith("%")]
    assert parts == ["data", "forward", "loss", "backward", "optimizer", "metrics", "other"]
    assert [line[2:] for line in lines if line[:1] == ["head"]] == [["Linear", f"{file}:7"]]
    assert any(line[:1] == ["aten::addmm"] for line in lines)
    trace = tmp_path / "tiny" / "1" / "profile" / "trace.json"
    assert f"trace: {trace}" in ended.out
    assert trace.is_file()


def test_as_json_it_is_beside_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(TEXT)
    ended = call(
        capsys, "train", str(file), "--runs", str(tmp_path), "--profile", "--format", "json", "--quiet"
    )
    found = json.loads(ended.out)["profile"]
    assert found["steps"] == [3, 8]
    assert {"parts", "layers", "operators", "step_ms"} < found.keys()


def test_it_goes_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "train", "--resume", str(tmp_path), "--profile")
    assert (ended.code, ended.err) == (2, "error: `--profile` goes with FILE\n")
