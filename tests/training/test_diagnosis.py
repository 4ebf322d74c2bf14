"""A step that isn't finite isn't taken: its place and samples are named, and the state before it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import yamlnet
from tests.training.failing import BAD, place, write
from yamlnet.training import care, checkpoint, loop
from yamlnet.training import run as runs
from yamlnet.training.run import Run

NODES = """\
model:
  inputs: {x: {shape: [4]}}
  ModuleDict:
"""
LOSS = "loss: {MSELoss, from: [output, share]}\n"


def graph(*nodes: str, last: str = "head: {Linear: 1}", loss: str = LOSS) -> str:
    return NODES + "".join(f"    {line}\n" for line in (*nodes, last)) + loss


CASES: dict[str, tuple[str, Any, str, str, bool]] = {
    "log": (graph("rooted: log"), -1.0, "log", "the training loss is nan", True),
    "an infinity on the way": (
        graph("large: {expr: exp(x)}", "less: {expr: large - large}"),
        *(1e4, "exp(x)", "`expr` is the first to give inf", True),
    ),
    "the loss": (
        graph(loss='loss: {expr: "mean(log(abs(output) * 0 + x - 0.1))"}\n'),
        *(0.05, '"mean(log', "`expr` gives it", False),
    ),
    "a gradient": (
        graph("lin: {Linear: 4}", "even: {expr: '(lin * (x - 1)) ** 2'}", "root: sqrt"),
        *(1.0, "sqrt", "the training gradient isn't finite", True),
    ),
    "a gradient of the loss": (
        graph(loss='loss: {expr: "mean(sqrt((output * (x - 1)) ** 2))"}\n'),
        *(1.0, '"mean(sqrt', "it is so behind `expr`", False),
    ),
    "inside a layer": (
        graph("norm: {LayerNorm: {eps: 0.0, elementwise_affine: false}}"),
        *(0.7, "LayerNorm:", "`LayerNorm` is the first to give nan", True),
    ),
}
MODES: list[dict[str, Any]] = [
    {},
    {"train.accumulate": 2, "train.ema": 0.9, "train.clip": {"norm": 1.0}},
    {"train.precision": "bf16"},
]


def failed(file: Path, options: dict[str, Any], folder: Path) -> tuple[Any, Run]:
    with pytest.raises(yamlnet.RunError) as caught:
        yamlnet.train(file, options, folder)
    assert caught.value.exit_code == 3
    return caught.value.diagnostics[0], runs.load(folder / "failing" / "latest")


def weights(run: Run) -> list[bytes]:
    snapshot = run.last(pytest.fail)
    kept = {**snapshot.weights, **snapshot.tensors}
    return [kept[name].numpy().tobytes() for name in sorted(kept)]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_it_names_step_place_and_sample_and_keeps_the_state_before(
    case: str, mode: dict[str, Any], tmp_path: Path
) -> None:
    model, value, words, said, one = CASES[case]
    file = write(tmp_path, model, "x", value)
    found, run = failed(file, mode, tmp_path)
    assert (found.code, found.line, found.column) == ("not-finite", *place(file, words))
    assert said in found.message
    step = checkpoint.steps(run.checkpoints)[0]
    assert f"at step {step + 1}, in epoch 1" in found.message
    assert f"sample {BAD}" in found.help
    assert ("1 of 8 samples" in found.help) == one
    assert (
        f"the state before that step is saved in `{checkpoint.folder(run.checkpoints, step)}`" in found.help
    )
    if step:  # the same as a training that ended there
        options = {**mode, "train.steps": step, "train.epochs": None, "train.checkpoint": {"every": step}}
        assert weights(runs.load(yamlnet.train(file, options, tmp_path / "short").path)) == weights(run)


def test_how_often_it_looks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, CASES["log"][0], "x", -1.0)
    seldom = failed(file, {}, tmp_path / "seldom")
    monkeypatch.setattr(loop, "REPORT_EVERY_S", 0.0)
    monkeypatch.setattr(care, "MARK_EVERY_S", 0.0)
    monkeypatch.setattr(care, "SHARE", 0)
    often = failed(file, {}, tmp_path / "often")
    assert often[0].message == seldom[0].message
    assert weights(often[1]) == weights(seldom[1])
    monkeypatch.setattr(care, "LARGEST_MARK", 0)
    assert failed(file, {}, tmp_path / "large")[0].message == seldom[0].message


def test_a_training_that_nothing_happens_to_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*_: object) -> bool:
        raise AssertionError

    monkeypatch.setattr(loop, "finite_gradients", looked)
    assert yamlnet.train(write(tmp_path, CASES["log"][0]), runs=tmp_path).exit_code == 0


def test_left_out_steps_are_told_of_and_counted(tmp_path: Path) -> None:
    file = write(tmp_path, CASES["log"][0], "x", -1.0)
    result = yamlnet.train(file, {"train.non_finite": "skip", "train.epochs": 8}, tmp_path)
    run = runs.load(result.path)
    assert result.metrics["train.num_skipped"] == 1
    told = [line for line in (run.path / "log.txt").read_text().splitlines() if "left out" in line]
    assert len(told) == 5
    assert all("`log` is the first to give nan" in line and f"sample {BAD}" in line for line in told)


def test_skipped_steps_do_not_advance_the_schedule(tmp_path: Path) -> None:
    file = write(tmp_path, CASES["log"][0], "x", -1.0)
    options = {"train.non_finite": "skip", "scheduler": {"StepLR": {"step_size": 1, "gamma": 0.5}}}
    run = runs.load(yamlnet.train(file, options, tmp_path).path)
    assert [record["lr"] for record in run.records()] == [0.01 * 0.5**4, 0.01 * 0.5**8]


def test_what_is_told_changes_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = graph("rooted: log", "drop: {Dropout: 0.5}", "norm: BatchNorm1d")
    file = write(tmp_path, model, "x", -1.0)
    told = yamlnet.train(file, {"train.non_finite": "skip"}, tmp_path / "told")
    monkeypatch.setattr("yamlnet.training.course.MOST_TOLD", 0)
    silent = yamlnet.train(file, {"train.non_finite": "skip"}, tmp_path / "silent")
    assert weights(runs.load(told.path)) == weights(runs.load(silent.path))


def test_numbers_of_a_run_are_json_whatever_they_are(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    bad = tmp_path / "bad"
    bad.mkdir()
    other = write(bad, CASES["log"][0], "x", -1.0)
    file = write(tmp_path, CASES["log"][0])
    options = {"data.validation": {"Npz": {"path": str(other.parent / "data.npz")}}}
    options |= {"train.watch": {"activations": "head", "every": 1}}
    result = yamlnet.train(file, options, tmp_path)
    assert str(result.metrics["validation.loss"]) == "nan"
    for name in ("metrics.jsonl", "watch.jsonl", "result.json"):
        text = (result.path / name).read_text()
        for line in [text] if name == "result.json" else text.splitlines():
            json.loads(line, parse_constant=refuse)
    assert json.loads((result.path / "result.json").read_text())["metrics"]["validation.loss"] == "nan"


def test_a_scale_that_shrinks_for_ever_is_no_overflow(tmp_path: Path) -> None:
    nodes = ("lin: {Linear: 4}", "even: {expr: '(lin - lin) ** 2'}", "root: sqrt")
    file = write(tmp_path, graph(*nodes))
    found, run = failed(file, {"train.precision": "fp16", "train.epochs": 20}, tmp_path)
    assert "the training gradient isn't finite at step 27" in found.message
    assert checkpoint.steps(run.checkpoints)[0] == 26
    assert torch.isfinite(run.last(pytest.fail).weights["head.weight"]).all()


POINTS = """
import torch
class Points(torch.utils.data.Dataset):
    def __len__(self):
        return 40
    def __getitem__(self, index):
        x = torch.arange(4.0) + index
        x[2] = float("inf") if index == 29 else x[2]
        return {"image": x, "target": torch.ones(1)}
"""


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_data_that_are_not_finite_are_named(
    mode: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "points_of_tests.py").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "failing.yaml"
    data = "name: failing\ndata: {dataset: points_of_tests.Points, batch_size: 8}\n"
    model = graph("lin: {Linear: 2}", loss="loss: MSELoss\n").replace("{x: {", "{image: {")
    file.write_text(data + model + "optimizer: {SGD: {lr: 0.0001}}\n")
    with pytest.raises(yamlnet.RunError, match="`image` holds inf") as caught:
        yamlnet.train(file, {**mode, "train.device": "cpu"}, tmp_path, allow=["points_of_tests"])
    [found] = caught.value.diagnostics
    assert (found.line, found.column) == place(file, "points_of_tests.Points")
    assert f"1 of 8 samples: sample {BAD}" in str(found.help)
