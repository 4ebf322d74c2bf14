"""Two processes train as one does; they stop together, go on together, and none outlives another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from math import isclose
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

import yamlnet
from yamlnet.diagnostics import YamlnetError
from yamlnet.resuming import resume
from yamlnet.training.continuation import Permits
from yamlnet.training.observer import Silent
from yamlnet.training.shares import divided

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120

COMMON = """
data: {dataset: {Csv: data.csv}, fields: {point: {number: {columns: [x, y, z]}}, label: category},
       target: label, batch_size: 7, validation: 0.3}
train: {epochs: 3, device: cpu}
optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
metrics: {accuracy: Accuracy}
"""
"""What the files have that don't say it themselves: of 29 to train, the last batch has one."""

NET = "model: [{Linear: 8}, Tanh, {Linear: 3}]\n"
FILES = {
    "plain": NET + "loss: CrossEntropyLoss",
    "weighted": NET
    + """
loss: {a: {CrossEntropyLoss: {weight: [1, 5, 2], ignore_index: 1}},
       b: {CrossEntropyLoss: {reduction: sum}, weight: 0.01}}
metrics: {auroc: {AUROC: {average: macro}}, f1: {F1Score: {average: macro}}, near: {KNNAccuracy: {k: 3}}}
data: {dataset: {Csv: data.csv}, fields: {point: {number: {columns: [x, y, z]}}, label: category},
       target: label, batch_size: 10, validation: 0.3}
train: {epochs: 3, device: cpu, accumulate: 2, clip: {norm: 0.5}, ema: 0.9}
""",
    "coupled": NET
    + """
loss: {a: CrossEntropyLoss, b: {expr: "std(output) * mean(output ** 2)", weight: 0.3}}
scheduler: {ReduceLROnPlateau: {patience: 0}, metric: validation.loss}
""",
    "unused": """
model: {ModuleDict: {a: {Linear: 8}, unused: {Linear: 3, from: a}, out: {Linear: 3, from: a}}}
loss: CrossEntropyLoss
train: {epochs: 3, device: cpu, non_finite: skip}
""",
    "learnt": NET.replace("Linear: 3", "Linear: 8") + "loss: {LinearCrossEntropyLoss: {num_classes: 3}}",
}
LONG = """
name: long
data: {dataset: MNIST5k, batch_size: 50, validation: 0.1, augment: [{RandomCrop: {size: 28, padding: 2}}]}
model: [Flatten, {Linear: 8}, BatchNorm1d, Tanh, {Dropout: 0.3}, {Linear: 10}]
loss: CrossEntropyLoss
metrics: {accuracy: Accuracy}
optimizer: {AdamW: {lr: 0.01}}
train: {epochs: 10, device: cpu, checkpoint: {every: 40}}
expect: {test.accuracy: ">= 2"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file trained by one process in `one`, and by two in `two`; the long one stopped in `stopped`."""
    folder = tmp_path_factory.mktemp("processes")
    torch.manual_seed(0)
    rows = [",".join(f"{value:.3f}" for value in point) for point in torch.randn(41, 3).tolist()]
    lines = [f"{row},{'abc'[index % 3]}" for index, row in enumerate(rows)]
    (folder / "data.csv").write_text("\n".join(["x,y,z,label", *lines]) + "\n")
    for name, text in FILES.items():
        document = {"name": name, **yaml.safe_load(COMMON), **yaml.safe_load(text)}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        yamlnet.train(folder / f"{name}.yaml", set={"train.threads": 1}, runs=folder / "one")
    (folder / "long.yaml").write_text(LONG)
    files = [str(folder / f"{name}.yaml") for name in (*FILES, "long")]
    ended = started(["-m", "tests.training.together", str(folder), *files], folder / "two.txt")
    assert wait(ended) == 0, (folder / "two.txt").read_text()[-3000:]
    return folder


def started(arguments: list[str], out: Path) -> subprocess.Popen[bytes]:
    """torchrun with two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with out.open("wb") as file:
        return subprocess.Popen([*command, *arguments], stdout=file, stderr=file, env=environment)


def wait(process: subprocess.Popen[bytes]) -> int:
    """torchrun's exit code; where it doesn't end, it and its processes are ended."""
    try:
        return process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        for worker in workers(process).values():
            os.kill(worker, signal.SIGKILL)
        process.kill()
        raise


def workers(process: subprocess.Popen[bytes]) -> dict[int, int]:
    """The processes that torchrun has started, by rank."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"PPid:\t{process.pid}\n" in status.read_text():
                variables = (status.parent / "environ").read_bytes().split(b"\0")
                ranks = [int(v.removeprefix(b"RANK=")) for v in variables if v.startswith(b"RANK=")]
                found |= dict.fromkeys(ranks, int(status.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def weights(run: Path) -> dict[str, Tensor]:
    newest = max((run / "checkpoints").glob("step-*"))
    state = load_file(newest / "state.safetensors")
    kept = {name: state[name] for name in state if name.startswith(("optimizer", "ema", "loss"))}
    return load_file(newest / "model.safetensors") | kept


def records(run: Path) -> list[dict[str, Any]]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    times = ("time_s", "samples_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in times} for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_weights_are_those_of_one_process(folder: Path, name: str) -> None:
    one, two = (weights(folder / which / name / "1") for which in ("one", "two"))
    assert one.keys() == two.keys()
    for key, expected in one.items():
        torch.testing.assert_close(two[key], expected, atol=1e-5, rtol=1e-4, msg=key)


@pytest.mark.parametrize("name", FILES)
def test_figures_are_those_of_one_process(folder: Path, name: str) -> None:
    one, two = (records(folder / which / name / "1") for which in ("one", "two"))
    assert [record.keys() for record in one] == [record.keys() for record in two]
    for first, second in zip(one, two, strict=True):
        for key, value in first.items():
            same = value == second[key] or isclose(value, second[key], rel_tol=1e-4, abs_tol=1e-5)
            assert same, (key, first, second)


def test_the_run_says_how_many_processes_it_had(folder: Path) -> None:
    for which, count in (("one", 1), ("two", 2)):
        manifest = json.loads((folder / which / "plain" / "1" / "manifest.json").read_text())
        assert manifest["processes"] == count
    assert "`1` normalises" not in (folder / "two.txt").read_text()
    assert "`2` normalises" in (folder / "two" / "long" / "1" / "log.txt").read_text()


def test_another_number_of_processes_is_refused(folder: Path) -> None:
    with pytest.raises(YamlnetError, match="`processes` was 2, and is 1"):
        resume(folder / "two" / "plain" / "1", ["train.epochs=4"], Silent())
    gone_on = resume(
        folder / "two" / "weighted" / "1", ["train.epochs=4"], Silent(), permits=Permits(environment=True)
    )
    assert gone_on.steps == 8


def assert_straight(folder: Path, run: Path) -> None:
    """A run has the records and the bits of the one that nobody stopped."""
    straight = folder / "two" / "long" / "1"
    assert records(run) == records(straight)
    found = weights(run)
    assert all(torch.equal(found[name], tensor) for name, tensor in weights(straight).items())


def test_one_is_asked_to_stop_all_do_and_go_on_to_the_same_bits(folder: Path) -> None:
    run = folder / "stopped" / "long" / "1"
    assert "terminated after step " in (run / "log.txt").read_text()
    assert len(json.loads((run / "manifest.json").read_text())["resumes"]) == 1
    assert_straight(folder, run)


def killed(arguments: list[str], run: Path, out: Path) -> str:
    """What the processes say when the second of them is killed after the run's first record."""
    process = started(arguments, out)
    late = time.monotonic() + TIMEOUT_S
    while not (run / "metrics.jsonl").exists() and process.poll() is None and time.monotonic() < late:
        time.sleep(0.02)
    os.kill(workers(process)[1], signal.SIGKILL)
    assert wait(process) == 1
    assert not workers(process)
    said = out.read_text()
    assert said.count("error: process 1 of 2 (pid ") == 1
    assert said.count("exitcode  : 3 ") == 1
    result = json.loads((run / "result.json").read_text())
    assert result["exit_code"] == 3
    assert result["error"] in said
    return said


def test_one_dies_the_others_end_and_go_on_to_the_same_bits(folder: Path) -> None:
    run, out = folder / "killed" / "long" / "1", folder / "killed.txt"
    train = ["-m", "yamlnet", "train", str(folder / "long.yaml"), "--runs", str(folder / "killed")]
    assert "yamlnet/" not in killed(train, run, out)

    assert wait(started(["-m", "yamlnet", "train", "--resume", str(run)], out)) == 1
    said = out.read_text()
    assert said.count("expectations: 0 of 1 met") == 1
    assert said.count("exitcode  : 4 ") == 2
    assert_straight(folder, run)


def test_one_that_hangs_ends_too_when_another_dies(folder: Path) -> None:
    arguments = ["-m", "tests.training.hanging", str(folder / "long.yaml"), str(folder / "hung")]
    killed(arguments, folder / "hung" / "long" / "1", folder / "hung.txt")


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("size", range(1, 12))
def test_shares_are_the_batch(size: int, count: int, least: int) -> None:
    bounds = divided(size, count, least)
    assert len(bounds) == count
    assert [row for first, last in bounds for row in range(first, last)] == list(range(size))
    sizes = [last - first for first, last in bounds if last > first]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(least, size)
