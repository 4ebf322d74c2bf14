"""One file from text to a judged run and back by `load`; the same bits again, from resolved.yaml too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import yamlnet
from yamlnet import api
from yamlnet.cli import main

SMALL = """
name: small
seed: 3
data:
  dataset: MNIST5k
  validation: 200
  batch_size: 256
  augment: [{RandomCrop: {size: 28, padding: 2}}]
  transforms: [{Normalize: {mean: 0.1307, std: 0.3081}}]
model:
  ModuleDict:
    flat: Flatten
    fc1: {Linear: 32}
    norm: BatchNorm1d
    act: relu
    drop: {Dropout: 0.1}
    head: {Linear: $num_classes}
init: [{type: Linear, weight: {orthogonal: {gain: relu}}}]
loss: CrossEntropyLoss
metrics: [Accuracy]
optimizer: {AdamW: {lr: 0.005}, groups: [{match: "*.bias", weight_decay: 0}]}
scheduler: {OneCycleLR: {max_lr: 0.01}}
train: {epochs: 2, ema: 0.9, clip: {norm: 1.0}, checkpoint: {best: validation.accuracy}}
expect: {test.accuracy: ">= 0.5", parameters: "== 25_514"}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.yaml").write_text(SMALL)
    return yamlnet.train(folder / "small.yaml", runs=folder)


def manifest(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "manifest.json").read_text())
    return found


def test_a_run_is_where_it_says_and_meets_what_it_should(run: Any) -> None:
    assert run.path.name == "1"
    assert run.path.parent.name == "small"
    assert (run.path.parent / "latest").resolve() == run.path.resolve()
    assert run.exit_code == 0
    result = json.loads((run.path / "result.json").read_text())
    assert result["metrics"]["test.accuracy"] == run.metrics["test.accuracy"]
    assert [verdict["holds"] for verdict in result["expect"]] == [True, True]
    assert (run.path / "config.yaml").read_text() == SMALL


def test_records_are_one_line_each_in_order(run: Any) -> None:
    records = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [(r["epoch"], r["split"]) for r in records] == [
        (1, "train"),
        (1, "validation"),
        (2, "train"),
        (2, "validation"),
        (2, "test"),
    ]
    assert all(r["loss"] > 0 for r in records)


def test_the_same_file_gives_the_same_bits(run: Any, tmp_path: Path) -> None:
    again = yamlnet.train(SMALL, runs=tmp_path)
    assert manifest(again.path)["weights_digest"] == manifest(run.path)["weights_digest"]
    assert again.metrics["test.loss"] == run.metrics["test.loss"]


def test_another_seed_gives_other_bits(run: Any, tmp_path: Path) -> None:
    other = yamlnet.train(SMALL, set={"seed": 4}, runs=tmp_path)
    assert manifest(other.path)["weights_digest"] != manifest(run.path)["weights_digest"]


def test_the_resolved_document_alone_trains_to_the_same_bits(run: Any, tmp_path: Path) -> None:
    alone = tmp_path / "alone.yaml"
    alone.write_bytes((run.path / "resolved.yaml").read_bytes())
    again = yamlnet.train(alone, runs=tmp_path)
    assert manifest(again.path)["weights_digest"] == manifest(run.path)["weights_digest"]


def test_options_are_in_the_resolved_document(tmp_path: Path) -> None:
    first = yamlnet.train(SMALL, set={"train.epochs": 1, "optimizer.AdamW.lr": 0.01}, runs=tmp_path)
    again = yamlnet.train(first.path / "resolved.yaml", runs=tmp_path)
    assert manifest(again.path)["weights_digest"] == manifest(first.path)["weights_digest"]


def test_load_gives_the_weights_that_were_tested(run: Any) -> None:
    model = yamlnet.load(run.path)
    assert not model.training
    evaluated = api.evaluate(run.path)
    assert evaluated["test.accuracy"] == run.metrics["test.accuracy"]
    last = yamlnet.load(run.path, which="last")
    assert model.state_dict().keys() == last.state_dict().keys()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_load_is_right_where_gradients_are_off(run: Any, mode: Any) -> None:
    with mode():
        yamlnet.load(run.path)
        assert yamlnet.check((run.path / "resolved.yaml").read_text()) == []


def test_what_is_built_needs_no_yamlnet(run: Any) -> None:
    model = yamlnet.load(run.path)
    assert not [module for module in model.modules() if type(module).__module__.startswith("yamlnet")]
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def exit_code(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_evaluate_on_the_command_line(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = exit_code(capsys, "evaluate", str(run.path), "--format", "json")
    assert code == 0
    assert json.loads(out)["test.accuracy"] == run.metrics["test.accuracy"]


def test_an_expectation_that_fails_is_exit_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hard.yaml").write_text(SMALL)
    options = ["--set", "train.epochs=1", "--set", 'expect.test.accuracy=">= 1"', "--runs", str(tmp_path)]
    code, out, _ = exit_code(capsys, "train", str(tmp_path / "hard.yaml"), *options)
    assert code == 4
    assert "FAILED  test.accuracy >= 1" in out
    assert "ok      parameters == 25_514" in out
    assert json.loads((tmp_path / "small" / "1" / "result.json").read_text())["exit_code"] == 4


FAILURES = {
    "no-data-folder": (["--set", "data.dataset={Idx: {root: nowhere}}"], 3, "no folder"),
    "no-device": (["--device", "cuda:77"], 3, "there is no device `cuda:77` here"),
    "no-such-device": (["--device", "gpu"], 1, "`device`"),
    "not-finite": (["--set", "scheduler.OneCycleLR.max_lr=1e38"], 3, "the training loss is"),
    "a-mistake": (["--set", "train.epoch=1"], 1, "did you mean `epochs`?"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_one_clear_line(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    options, expected, words = FAILURES[case]
    code, out, err = exit_code(
        capsys, "train", str(tmp_path / "small.yaml"), "--runs", str(tmp_path), *options
    )
    assert code == expected
    assert words in err
    assert out == ""
    assert "Traceback" not in err
    for result in tmp_path.glob("small/*/result.json"):
        assert json.loads(result.read_text())["exit_code"] == expected


def test_runs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "taken").write_text("a file, not a folder")
    code, _, err = exit_code(capsys, "train", str(tmp_path / "small.yaml"), "--runs", str(tmp_path / "taken"))
    assert code == 3
    assert "taken" in err


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns(precision: str, tmp_path: Path) -> None:
    options = {"train.precision": precision, "train.steps": 20, "train.epochs": None, "expect": None}
    run = yamlnet.train(SMALL, set=options, runs=tmp_path)
    assert run.metrics["test.accuracy"] > 0.5


def test_an_autoencoder_from_a_dict(tmp_path: Path) -> None:
    run = yamlnet.train(
        {
            "data": {"dataset": "MNIST5k", "batch_size": 256},
            "model": {
                "Sequential": [
                    "Flatten",
                    {"Linear": 16},
                    {"Linear": 784},
                    {"Unflatten": {"dim": 1, "unflattened_size": [1, 28, 28]}},
                ]
            },
            "loss": {"MSELoss": None, "from": ["output", "image"]},
            "optimizer": {"Adam": 0.01},
            "train": {"epochs": 1},
        },
        runs=tmp_path,
    )
    assert run.path.parent.name == "run"
    assert run.metrics["test.loss"] < 0.09


def test_several_outputs_and_a_loss_on_one_of_them(tmp_path: Path) -> None:
    text = """
data: {dataset: MNIST5k, batch_size: 256}
model:
  ModuleDict:
    flat: Flatten
    classes: {Linear: 10}
    size: {Linear: 1, from: flat}
  output: {classes: classes, size: size}
loss: {CrossEntropyLoss, from: [output.classes, target]}
metrics: {right: {Accuracy, from: [output.classes, target]}}
optimizer: {SGD: 0.1}
train: {steps: 30}
"""
    run = yamlnet.train(text, runs=tmp_path)
    assert run.metrics["test.right"] > 0.6
    assert run.steps == 30


SEEN_BEFORE_TRAINING = {
    "crop": ({"data.augment": [{"RandomCrop": 20}]}, "shape-mismatch"),
    "optimizer": ({"optimizer": "SparseAdam"}, "wrong-value"),
}


@pytest.mark.parametrize("case", SEEN_BEFORE_TRAINING)
def test_what_the_first_step_would_refuse_is_refused_before(case: str) -> None:
    options, code = SEEN_BEFORE_TRAINING[case]
    [found] = yamlnet.check(SMALL, set=options)
    assert found.code == code
    assert found.file == "--set"


def test_an_option_puts_the_other_key_away(tmp_path: Path) -> None:
    assert yamlnet.train(SMALL, set={"train.steps": 3, "expect": None}, runs=tmp_path).steps == 3


def test_schedulers_in_a_positional_list(tmp_path: Path) -> None:
    chained = {"ChainedScheduler": ["LinearLR", {"ExponentialLR": 0.9}]}
    run = yamlnet.train(SMALL, set={"train.steps": 3, "expect": None, "scheduler": chained}, runs=tmp_path)
    again = yamlnet.train(run.path / "resolved.yaml", runs=tmp_path)
    assert manifest(again.path)["weights_digest"] == manifest(run.path)["weights_digest"]


def test_a_dict_that_yaml_cannot_write() -> None:
    with pytest.raises(yamlnet.YamlnetError, match="holds a `Tensor`"):
        yamlnet.check({"model": {"input": [3], "Linear": torch.zeros(2)}})
