"""A training whose data stream: the same bits as of resident data, and ends as clearly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import yamlnet
from tests.processes import children, is_alive
from yamlnet import resuming
from yamlnet.training.observer import Silent

NET = """
name: net
data:
  dataset: MNIST5k
  validation: 3500
  batch_size: 50
  draw: {like: {same: target}}
  augment: [{RandomCrop: {size: 28, padding: 2}}, {RandAugment: {num_ops: 1}}, RandomErasing]
  transforms: [{Resize: 14}, {Normalize: {mean: 0.13, std: 0.31}}]
model: {Sequential: [Flatten, {Linear: 16}, ReLU, {Linear: $num_classes}]}
loss:
  right: CrossEntropyLoss
  like: {expr: "(output - like.output) ** 2", weight: 0.01}
metrics: [Accuracy]
optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
train: {epochs: 2, checkpoint: {every: 4, keep: 99}, device: cpu}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("streaming")
    (made / "net.yaml").write_text(NET)
    return made


def manifest(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return found


def digests(run: Path) -> tuple[str, str]:
    return manifest(run)["weights_digest"], manifest(run)["data_digest"]


SETTINGS = [{"data.memory": memory, "data.workers": n} for memory in ("8 GB", 0) for n in (0, 2)]


@pytest.fixture(scope="module")
def whole(folder: Path) -> list[Path]:
    """The run of each setting, from the start to the end."""
    found = []
    for number, setting in enumerate(SETTINGS):
        found.append(yamlnet.train(folder / "net.yaml", set=setting, runs=folder / str(number)).path)
    return found


def test_weights_records_and_digests_are_the_same(whole: list[Path]) -> None:
    assert len({digests(run) for run in whole}) == 1
    results = [json.loads((run / "result.json").read_bytes())["metrics"] for run in whole]
    timed = ("train.samples_per_second", "train.time_s")
    assert len({str({k: v for k, v in result.items() if k not in timed}) for result in results}) == 1


def test_what_streams_is_noted(whole: list[Path]) -> None:
    for run, setting in zip(whole, SETTINGS, strict=True):
        notes = [note for note in manifest(run)["notes"] if "streams from disk" in note]
        assert len(notes) == (3 if setting["data.memory"] == 0 else 0)
        resolved = (run / "resolved.yaml").read_text()
        assert f"  memory: {setting['data.memory']}\n  workers: {setting['data.workers']}\n" in resolved


def test_resuming_within_an_epoch_gives_the_same_bits(whole: list[Path], tmp_path: Path) -> None:
    from shutil import copytree, rmtree

    for number, run in enumerate(whole):
        copy = tmp_path / str(number)
        copytree(run, copy)
        (copy / "result.json").unlink()
        for path in (copy / "checkpoints").iterdir():
            if int(path.name.removeprefix("step-")) > 12:
                rmtree(path)
        other = SETTINGS[-1 - number]
        options = [f"{key}={json.dumps(value)}" for key, value in other.items()]
        resuming.resume(copy, options, Silent())
        assert digests(copy) == digests(run)


def test_evaluation_is_the_same(whole: list[Path]) -> None:
    one, other = (yamlnet.api.evaluate(whole[number], "test") for number in (0, 3))
    assert one == other


def train(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "yamlnet", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, process_group=0
    )


def started(folder: Path, runs: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A training under way, and its workers."""
    keys = ("data.memory=0", "data.workers=2", "train.epochs=400", "data.draw={}", "loss=CrossEntropyLoss")
    options = [part for key in keys for part in ("--set", key)]
    process = train(str(folder / "net.yaml"), "--runs", str(runs), *options)
    assert process.stderr is not None
    while "epoch   2" not in process.stderr.readline():
        assert process.poll() is None
    found = children(process.pid)
    assert len(found) == 2
    return process, found


def gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to_all", [False, True])
def test_an_interruption_leaves_a_checkpoint_and_no_orphan(
    folder: Path, tmp_path: Path, number: signal.Signals, to_all: bool
) -> None:
    process, pids = started(folder, tmp_path)
    with process:
        if to_all:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert f"= help: `yamlnet train --resume {tmp_path / 'net' / '1'}` goes on\n" in said
    assert gone(pids)


def test_a_worker_that_dies_ends_the_run_clearly(folder: Path, tmp_path: Path) -> None:
    process, pids = started(folder, tmp_path)
    with process:
        os.kill(pids[0], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    (line,) = [line for line in said.splitlines() if line.startswith("error")]
    assert line == f"error: a worker that prepares the data, process {pids[0]}, was killed by SIGKILL"
    assert gone(pids)
    result = json.loads((tmp_path / "net" / "1" / "result.json").read_bytes())
    assert (result["exit_code"], result["error"]) == (3, line.removeprefix("error: "))


def test_a_training_that_is_killed_leaves_no_orphan(folder: Path, tmp_path: Path) -> None:
    process, pids = started(folder, tmp_path)
    with process:
        process.kill()
        process.communicate(timeout=60)  # both streams end when the last process that has them does
    assert process.returncode == -signal.SIGKILL
    until = time.monotonic() + 30
    while not gone(pids):  # of orphans somebody else takes notice
        assert time.monotonic() < until
        time.sleep(0.01)
