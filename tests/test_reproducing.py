"""The same file gives the same bytes in other processes, and `reproduce` tells where it doesn't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

import yamlnet
from tests.cli.calling import call
from yamlnet import reproducing, resuming
from yamlnet.diagnostics import YamlnetError
from yamlnet.training.comparison import TIMES
from yamlnet.training.midway import changed_midway
from yamlnet.training.observer import Silent

ROOT = Path(__file__).parent.parent
MLP = ROOT / "configs" / "mnist_mlp.yaml"
SMALL = """
name: small
data: {dataset: MNIST5k, validation: 3500, batch_size: 64}
model: {Sequential: [Flatten, {Linear: 16}, BatchNorm1d, ReLU, {Dropout: 0.2}, {Linear: 10}]}
loss: CrossEntropyLoss
metrics: [Accuracy]
optimizer: {AdamW: 0.01}
train: {epochs: 2, threads: 1}
"""
HERE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
THERE = {"PYTHONHASHSEED": "77", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "2"}


def trained(folder: Path, said: dict[str, str]) -> Path:
    """A run of the shipped MLP, in a process, a folder and an environment of its own."""
    folder.mkdir()
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from yamlnet.cli import main; main()"
    options = ["--set", "train.threads=1", "-q"]
    command = [sys.executable, "-c", code, "train", str(MLP), *options]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "OMP"))}
    kept |= said
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "mnist-mlp" / "1"


def told(run: Path) -> tuple[Any, ...]:
    """The bytes of a run that must be the same everywhere."""
    (last,) = (run / "checkpoints").iterdir()
    files = [(run / "resolved.yaml").read_bytes(), *((last / name).read_bytes() for name in TENSORS)]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    records = [{key: value for key, value in line.items() if key not in TIMES} for line in lines]
    return *files, records, json.loads((run / "manifest.json").read_bytes())["weights_digest"]


TENSORS = ("model.safetensors", "state.safetensors")


def test_two_processes_give_the_same_bytes(tmp_path: Path) -> None:
    here, there = trained(tmp_path / "here", HERE), trained(tmp_path / "there", THERE)
    assert told(here) == told(there)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yamlnet.train(SMALL, runs=tmp_path_factory.mktemp("reproducing")).path


def test_a_run_is_reproduced_to_the_bit(run: Path, tmp_path: Path) -> None:
    found = reproducing.reproduce(run, Silent())
    assert (found.verdict, found.first, found.environment, found.exit_code) == ("bits", None, {}, 0)
    assert not Path(found.second_run).exists()
    kept = reproducing.reproduce(run, Silent(), runs=tmp_path)
    assert Path(kept.second_run) == tmp_path.resolve() / "small" / "1"


def changed(run: Path, to: Path, name: str, old: str, new: str) -> Path:
    """A copy of a run with another text in one of its files."""
    copytree(run, to)
    text = (to / name).read_text()
    assert old in text
    (to / name).write_text(text.replace(old, new))
    return to


def test_other_threads_are_seen(run: Path, tmp_path: Path) -> None:
    other = changed(run, tmp_path / "run", "resolved.yaml", "threads: 1", "threads: 2")
    found = reproducing.reproduce(other, Silent())
    assert found.environment == {"threads": (1, 2)}
    assert found.verdict != "bits"
    assert found.first is not None


def test_the_first_difference_is_told(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = (run / "metrics.jsonl").read_text().splitlines()
    at = json.loads(records[2])
    near = json.dumps({**at, "loss": at["loss"] * 1.0001})
    other = changed(run, tmp_path / "run", "metrics.jsonl", records[2], near)
    ended = call(capsys, "reproduce", str(other), "--quiet")
    assert ended.code == 0
    assert "equal within the tolerance, not to the bit" in ended.out
    assert f"first at step {at['step']}: train loss was" in ended.out
    ended = call(capsys, "reproduce", str(other), "--quiet", "--tolerance", "0", "--format", "json")
    assert ended.code == 4
    assert json.loads(ended.out)["verdict"] == "different"
    assert json.loads(ended.out)["first"]["step"] == at["step"]


def test_another_file_is_different(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = changed(run, tmp_path / "run", "resolved.yaml", "seed: 0", "seed: 5")
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace(torch.__version__, "1.0"))
    ended = call(capsys, "reproduce", str(other), "-q")
    assert ended.code == 4
    assert "different" in ended.out
    assert f"torch was 1.0, and is {torch.__version__}" in ended.out


def test_what_isnt_finished_has_nothing_to_compare(run: Path, tmp_path: Path) -> None:
    copytree(run, tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(YamlnetError, match="isn't finished") as caught:
        reproducing.reproduce(tmp_path / "run", Silent())
    assert caught.value.exit_code == 3


def gone_on(run: Path, to: Path, *options: str) -> Path:
    """A copy of a finished run that went on with other settings."""
    copytree(run, to)
    resuming.resume(to, options, Silent())
    return to


@pytest.fixture(scope="module")
def changed_run(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gone_on(
        run, tmp_path_factory.mktemp("changed") / "run", "train.epochs=3", "optimizer.AdamW.lr=0.001"
    )


def test_a_run_that_was_changed_midway_is_refused(
    changed_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "reproduce", str(changed_run), "--runs", str(tmp_path / "runs"))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"error: `{changed_run}` can't be repeated by its file alone: it went on from step 16 with "
        "optimizer.AdamW.lr: 0.01 -> 0.001; train.epochs: 2 -> 3\n"
        f"  = help: `yamlnet train {changed_run}/resolved.yaml` trains the last settings from the start\n"
    )
    assert not (tmp_path / "runs").exists()


def test_a_run_that_went_on_longer_is_compared(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = gone_on(run, tmp_path / "run", "train.epochs=3", 'expect.parameters="> 1"')
    ended = call(capsys, "reproduce", str(longer))
    assert (ended.code, "equal to the bit" in ended.out) == (0, True)
    assert "warning: the run went on from step 16 with train.epochs: 2 -> 3; expect" in ended.err


def test_a_schedule_that_was_stretched_is_named_as_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = yamlnet.train(SMALL, {"scheduler": "CosineAnnealingLR"}, tmp_path).path
    ended = call(capsys, "reproduce", str(gone_on(first, tmp_path / "run", "train.epochs=3")), "-q")
    assert ended.code == 4
    assert "  the run went on from step 16 with train.epochs: 2 -> 3\n" in ended.out
    assert "are the same" not in ended.out


def test_other_data_midway_are_told() -> None:
    entries = [
        {"step": 0, "changed": {"seed": [0, 1]}, "data_digest": "a"},
        {"step": 4, "changed": {}, "data_digest": "b"},
        {"step": 8, "changed": {}, "data_digest": "b"},
        {"step": 9, "changed": {"expect.x": [1, 2]}, "data_digest": "b"},
    ]
    found = list(changed_midway({"data_digest": "a", "resumes": entries}))
    assert [(str(each), each.matters) for each in found] == [
        ("from step 4 with other data", True),
        ("from step 9 with expect.x: 1 -> 2", False),
    ]
