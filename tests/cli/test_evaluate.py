"""`yamlnet evaluate`: what it measures and of how much, which options it takes, and what it warns of."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import yamlnet
from tests.cli.calling import call
from yamlnet.training import setup

NET = """
name: table
data:
  dataset: {Csv: {path: rows.csv}}
  fields: {x: {number: {columns: [a, b]}}, label: category}
  target: label
  test: 4
  batch_size: 4
model: {Sequential: [{Linear: $width}, ReLU, {Linear: $num_classes}]}
vars: {width: 8}
loss: CrossEntropyLoss
metrics: [Accuracy]
optimizer: {Adam: {lr: 0.1}}
scheduler: {OneCycleLR: {max_lr: 0.1}}
train: {epochs: 2}
expect: {test.accuracy: ">= 0"}
"""
Trained = Callable[..., str]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Trains on 16 rows in `rows.csv`, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "rows.csv").write_text(rows(16))
    return lambda **set: str(
        yamlnet.train("net.yaml", {k.replace("__", "."): v for k, v in set.items()}).path
    )


def rows(count: int) -> str:
    return "\n".join(["a,b,label", *(f"{i % 7},{i * 13 % 11},{'ny'[i % 7 > 3]}" for i in range(count))])


def warnings(err: str) -> list[str]:
    return [line.removeprefix("warning: ") for line in err.splitlines() if line.startswith("warning: ")]


DRAWN = (
    "the data aren't what the run was trained on, and the {} split is a share drawn from them: "
    "it may hold samples that were trained on"
)


def test_it_says_what_it_measures(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained()
    ended = call(capsys, "evaluate", run)
    assert (ended.code, ended.err) == (0, f"{run}: last weights (step 6), test split\n")
    assert [line.split()[0] for line in ended.out.splitlines()] == [
        "test.loss",
        "test.accuracy",
        "num_samples",
    ]
    found = json.loads(call(capsys, "evaluate", run, "--split", "train", "--format", "json").out)
    assert set(found) == {"train.loss", "train.accuracy", "num_samples", "step", "warnings"}
    assert (found["num_samples"], found["step"], found["warnings"]) == (12, 6, [])


def test_it_computes_as_it_is_told(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, how, made = trained(), [], setup.evaluator_of

    def noted(task: setup.Task) -> Any:
        how.append((torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()))
        return made(task)

    monkeypatch.setattr(setup, "evaluator_of", noted)
    for threads, deterministic in ((3, "false"), (2, "true")):
        said = [f"train.threads={threads}", f"train.deterministic={deterministic}"]
        assert call(capsys, "evaluate", run, "--set", said[0], "--set", said[1]).code == 0
    assert how == [(3, False), (2, True)]


def test_the_best_weights_are_called_so(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(data__validation=4, train__checkpoint__best="validation.loss")
    step = json.loads((Path(run) / "best.json").read_text())["step"]
    assert f"best weights (step {step}), test split" in call(capsys, "evaluate", run).err
    assert "last weights (step 4), test split" in call(capsys, "evaluate", run, "--which", "last").err


def test_a_share_of_data_that_changed_is_warned_of(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained()
    Path("rows.csv").write_text(rows(17))
    ended = call(capsys, "evaluate", run, "--data-root", ".")
    assert (ended.code, warnings(ended.err)) == (0, [DRAWN.format("test")])
    assert "  = help: `--set data.test=DATASET` measures all of another data set\n" in ended.err
    assert call(capsys, "evaluate", run, "--data-root", ".", "--quiet").err == ""
    found = json.loads(call(capsys, "evaluate", run, "--data-root", ".", "--format", "json").out)
    assert [each["message"] for each in found["warnings"]] == [DRAWN.format("test")]
    ended = call(capsys, "evaluate", run, "--data-root", ".", "--split", "train")
    assert warnings(ended.err) == [
        "the train split isn't what it was when the run was trained: the data have changed"
    ]


def test_another_data_set_is_measured_whole_or_in_part(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained()
    Path("other.csv").write_text(rows(30))
    ended = call(capsys, "evaluate", run, "--set", "data.dataset.Csv.path=other.csv")
    assert "num_samples    4" in ended.out
    assert warnings(ended.err) == [DRAWN.format("test")]
    ended = call(capsys, "evaluate", run, "--set", "data.test={Csv: {path: other.csv}}")
    assert "num_samples    30" in ended.out
    assert warnings(ended.err) == []


def test_a_test_part_that_changed_is_warned_of(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    Path("test.csv").write_text(rows(9))
    run = trained(data__test={"Csv": {"path": "test.csv"}})
    Path("rows.csv").write_text(rows(20))
    assert warnings(call(capsys, "evaluate", run, "--data-root", ".").err) == []
    Path("test.csv").write_text(rows(8))
    assert warnings(call(capsys, "evaluate", run, "--data-root", ".").err) == [
        "the test split isn't what it was when the run was trained: the data have changed"
    ]


@pytest.mark.parametrize(
    ("split", "option", "said"),
    [
        ("validation", "data.validation=0.5", "5 of the 8 samples of the validation split were trained on"),
        ("validation", "data.validation=2", None),
        ("validation", "data.test=8", None),
        ("test", "data.test=5", "1 of the 5 samples of the test split were trained on"),
        ("test", "data.test=1", None),
        ("test", "data.validation=9", None),
        ("train", "data.test=1", None),
    ],
)
def test_another_share_is_warned_of_where_it_was_trained_on(
    split: str, option: str, said: str | None, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(data__validation=3)
    ended = call(capsys, "evaluate", run, "--split", split, "--set", option)
    assert (ended.code, warnings(ended.err)) == (0, [said] if said else [])
    if said:
        assert f"  = help: `data.{split}` was {4 if split == 'test' else 3} in training" in ended.err


def test_a_share_that_training_had_none_of(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "evaluate", trained(), "--split", "validation", "--set", "data.validation=0.5")
    assert warnings(ended.err) == ["all 8 samples of the validation split were trained on"]
    assert "`data.validation` wasn't said in training" in ended.err


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ('expect.test.accuracy=">= 0.99"', "expect.test.accuracy"),
        ("expect=null", "expect"),
        ("init=[{type: Linear, bias: zeros}]", "init"),
        ("seed=3", "seed"),
        ("vars.width=9", "vars.width"),
        ("name=other", "name"),
        ("optimizer.Adam.lr=1", "optimizer.Adam.lr"),
        ("scheduler=null", "scheduler"),
        ("train.epochs=5", "train.epochs"),
        ("train.checkpoint=3", "train.checkpoint"),
        ("train={device: cpu, ema: 0.9}", "train.ema"),
        ("data.augment=[]", "data.augment"),
    ],
)
def test_an_option_that_changes_nothing_is_a_mistake(
    option: str, key: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "evaluate", trained(), "--set", "metrics=F1Score", "--set", option)
    assert (ended.code, ended.out) == (1, "")
    assert f"error[unused-value]: `{key}` changes nothing in an evaluation\n  --> --set:2:" in ended.err


@pytest.mark.parametrize("option", ["model.Sequential.0.Linear=64", "model.Sequential.0.Linear.bias=false"])
def test_another_network_is_not_what_was_trained(
    option: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "evaluate", trained(), "--set", option)
    assert (ended.code, ended.out) == (3, "")
    assert "is of another network" in ended.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("metric=F1Score", "unknown key `metric`"),
        ("train.devise=cpu", "unknown key `devise`"),
        ("data.tset=3", "unknown key `tset`"),
        ("metrics=F2Score", "unknown metric `F2Score`"),
    ],
)
def test_a_misspelt_option_is_told_as_such(
    option: str, message: str, trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "evaluate", trained(), "--set", option)
    assert ended.code == 1
    assert message in ended.err
    assert "unused-value" not in ended.err


@pytest.mark.parametrize(
    "option",
    [
        *("metrics=F1Score", "metrics.f1.F1Score.average=macro", "metrics=null", "loss=MultiMarginLoss"),
        *("train.device=cpu", "train.precision=bf16", "train={threads: 1}", "train.deterministic=false"),
        *("data.batch_size=2", "data.dataset.Csv.na_values=[none]", "data.memory=1 GB", "data.workers=0"),
    ],
)
def test_what_it_reads_may_be_set(option: str, trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(data__validation=3, train__checkpoint__best="validation.accuracy")
    ended = call(capsys, "evaluate", run, "--set", option)
    assert (ended.code, warnings(ended.err)) == (0, [])
    assert "test.loss" in ended.out


def test_more_rows_than_the_schedule_has_steps_for(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(scheduler={"OneCycleLR": {"max_lr": 0.1, "total_steps": 6}})
    Path("rows.csv").write_text(rows(40))
    assert call(capsys, "evaluate", run, "--data-root", ".").code == 0


def test_a_loss_whose_weights_the_run_has_not(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    option = "loss={AdaptiveLogSoftmaxWithLoss: {n_classes: 2, cutoffs: [1]}}"
    ended = call(capsys, "evaluate", trained(), "--set", option)
    assert (ended.code, ended.out) == (3, "")
    assert "of another loss" in ended.err


def unfinish(run: str, result: dict[str, Any] | None) -> None:
    """Makes a run one that was killed, or that failed."""
    path = Path(run) / "result.json"
    path.unlink()
    if result is not None:
        path.write_text(json.dumps(result))


@pytest.mark.parametrize(
    ("result", "state", "why"),
    [
        (None, "isn't finished", ""),
        ({"exit_code": 3, "error": "the loss is nan"}, "failed", ": the loss is nan"),
    ],
)
@pytest.mark.parametrize("words", [["evaluate"], ["predict", "rows.csv"]])
def test_a_run_that_is_not_finished(
    words: list[str],
    result: dict[str, Any] | None,
    state: str,
    why: str,
    trained: Trained,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = trained(train__checkpoint__keep=9)
    unfinish(run, result)
    shutil.rmtree(Path(run) / "checkpoints" / "step-00000006")
    ended = call(capsys, words[0], run, *words[1:])
    assert (ended.code, warnings(ended.err)) == (
        0,
        [f"the run {state}, and these are its weights of step 3{why}"],
    )
    assert f"  = help: `yamlnet train --resume {run}` goes on with it" in ended.err
    assert "last weights (step 3)" in ended.err


def test_a_prediction_takes_what_it_reads(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained()
    for option in ("metrics=F1Score", "data.batch_size=3", "model.Sequential.1.ReLU.inplace=true"):
        assert call(capsys, "predict", run, "rows.csv", "--set", option).code == 0
    for option in ("train.device=cpu", "seed=3", "data.test=0.1", 'expect.parameters="> 1"'):
        ended = call(capsys, "predict", run, "rows.csv", "--set", option)
        assert (ended.code, ended.out) == (1, "")
        assert f"`{option.partition('=')[0]}` changes nothing in a prediction" in ended.err


def test_what_is_not_there(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained()
    ended = call(capsys, "evaluate", run, "--split", "validation")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "error: the data has no validation split\n  = help: it has `--split train` and `--split test`\n"
    )
    ended = call(capsys, "evaluate", "runs/table")
    assert (ended.code, ended.err) == (
        2,
        "error: there is no run in `runs/table`\n  = help: the newest in it is `runs/table/latest`\n",
    )
