"""Whole trainings: they learn, repeat, choose, stop, judge, and fail so that one can see it."""

from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.tasks import loss, metric, network, new_run, optimizer, scheduler, task
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Expectation, MetricTerm
from yamlnet.training import checkpoint, trainer
from yamlnet.training.observer import Progress, Silent
from yamlnet.training.run import Run
from yamlnet.training.setup import evaluator_of

LEARNING: dict[str, Any] = {
    "train": {"epochs": 12},
    "num_train": 120,
    "optimizer": optimizer("AdamW", lr=0.03),
}


def expected(operator: str, bound: float) -> Expectation:
    return Expectation.model_validate({"rule": f"{operator} {bound}", "operator": operator, "bound": bound})


def test_it_learns_and_the_folder_tells_all(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    expect = {"test.accuracy": expected(">=", 0.7), "parameters": expected("<=", 300)}
    result = trainer.train(task(**LEARNING, expect=expect), run)
    assert result.metrics["test.accuracy"] >= 0.7
    assert result.exit_code == 0
    names = {p.name for p in run.path.iterdir()}
    assert names == {
        *(
            "config.yaml",
            "resolved.yaml",
            "manifest.json",
            "metrics.jsonl",
            "result.json",
            "checkpoints",
            "log.txt",
            ".lock",
        )
    }
    assert [p.name for p in run.checkpoints.iterdir()] == ["step-00000180"]
    records = run.records()
    assert [r["split"] for r in records] == ["train", "validation"] * 12 + ["test"]
    assert [r["epoch"] for r in records[::2]] == [*range(1, 13), 12]
    assert records[0]["step"] == 15
    assert records[0]["samples_per_second"] > 0
    assert result.metrics["validation.loss"] == records[-2]["loss"]
    written = json.loads((run.path / "result.json").read_text())
    assert written["metrics"] == result.metrics
    assert written["expect"][1] == {"key": "parameters", "rule": "<= 300", "value": 267, "holds": True}


def test_the_manifest_holds_what_the_bits_depend_on(tmp_path: Path) -> None:
    given, run = task(train={"epochs": 1}), new_run(tmp_path)
    trainer.train(given, run)
    manifest = run.manifest
    keys = {
        "yamlnet",
        "torch",
        "python",
        "device",
        "cpu_capability",
        "threads",
        "seed",
        "git",
        "command",
        "started",
    }
    assert keys <= manifest.keys()
    assert manifest["data_digest"] == "digest"
    assert manifest["optimizer"] == {"name": "SGD", "fused": True}
    assert manifest["weights_digest"] == checkpoint.digest(given.model.state_dict())
    assert manifest["weights_digest"] == checkpoint.digest(run.chosen("last", pytest.fail).averaged_weights)
    assert manifest["started"] < manifest["ended"]


def test_it_repeats_to_the_bit(tmp_path: Path) -> None:
    runs = [new_run(tmp_path), new_run(tmp_path)]
    for run in runs:
        torch.rand(5)  # what was drawn before changes nothing
        trainer.train(task(train={"epochs": 2, "ema": 0.9}), run)
    assert runs[0].manifest["weights_digest"] == runs[1].manifest["weights_digest"]
    model, state = (
        [(r.checkpoints / "step-00000010" / f"{name}.safetensors").read_bytes() for r in runs]
        for name in ("model", "state")
    )
    assert model[0] == model[1]
    assert state[0] == state[1]


def test_a_training_leaves_torch_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected_draw = torch.rand(3)
    torch.manual_seed(5)
    trainer.train(task(model=network(5), train={"epochs": 1, "deterministic": True}), new_run(tmp_path))
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), expected_draw)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_steps_end_the_training_exactly_in_an_epoch_too(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    trainer.train(task(train={"steps": 7, "evaluate": 2, "checkpoint": {"every": 3, "keep": 9}}), run)
    assert [(r["step"], r["split"]) for r in run.records()] == [
        *((2, "validation"), (4, "validation"), (5, "train"), (6, "validation"), (7, "train")),
        *((7, "validation"), (7, "test")),
    ]
    assert checkpoint.steps(run.checkpoints) == [7, 6, 3, 0]


def test_the_best_is_kept_tested_and_reported(tmp_path: Path) -> None:
    given, run = (
        task(**{**LEARNING, "train": {"epochs": 6, "checkpoint": {"best": "validation.loss"}}}),
        new_run(tmp_path),
    )
    # the rate falls off a cliff upwards: later epochs are worse
    given = replace(
        given,
        experiment=given.experiment.model_copy(
            update={"scheduler": scheduler("MultiStepLR", "epoch", milestones=[3], gamma=100.0)}
        ),
    )
    result = trainer.train(given, run)
    losses = {r["step"]: r["loss"] for r in run.records() if r["split"] == "validation"}
    best = min(losses, key=lambda step: losses[step])
    assert best < max(losses)
    assert run.best == {"step": best, "epoch": best // 15, "metric": "validation.loss", "value": losses[best]}
    assert result.best == run.best
    assert result.metrics["validation.loss"] == losses[best]
    assert checkpoint.steps(run.checkpoints) == [max(losses), best]
    found = run.chosen("best", pytest.fail)
    assert found.step == best
    assert checkpoint.digest(given.model.state_dict()) == checkpoint.digest(found.averaged_weights)


def test_training_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    stop = {"metric": "validation.accuracy", "patience": 2}
    trainer.train(task(train={"epochs": 9, "stop": stop}, optimizer=optimizer(lr=0.0)), run)
    # batch statistics move, the decision may move with them for an epoch; a rate of 0 can't go on for nine
    assert max(r["epoch"] for r in run.records()) < 9
    assert "no better for 2 evaluations" in (run.path / "log.txt").read_text()


def test_averaged_weights_are_evaluated_and_loaded(tmp_path: Path) -> None:
    runs = [new_run(tmp_path), new_run(tmp_path)]
    plain, averaged = (
        trainer.train(task(train={"epochs": 2, **extra}), run)
        for run, extra in zip(runs, ({}, {"ema": 0.99}), strict=True)
    )
    assert plain.metrics["train.loss"] == averaged.metrics["train.loss"]
    assert plain.metrics["validation.loss"] != averaged.metrics["validation.loss"]
    last = runs[1].last(pytest.fail)
    assert not torch.equal(last.weights["1.weight"], last.averaged_weights["1.weight"])
    assert torch.equal(last.weights["2.running_mean"], last.averaged_weights["2.running_mean"])


def test_an_expectation_that_fails_is_exit_four(tmp_path: Path) -> None:
    expect = {
        "test.accuracy": expected(">=", 2.0),
        "test.f1_score": expected(">=", 0.0),
        "parameters": expected("==", 267),
    }
    result = trainer.train(task(train={"epochs": 1}, expect=expect), new_run(tmp_path))
    assert [(v.key, v.holds) for v in result.verdicts] == [
        ("test.accuracy", False),
        ("test.f1_score", False),
        ("parameters", True),
    ]
    assert result.verdicts[1].value is None
    assert result.exit_code == 4


def test_a_loss_that_is_not_finite_ends_the_run_without_a_trace_of_success(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(
        YamlnetError, match=r"the training loss is (nan|inf) at step \d, in epoch 1"
    ) as caught:
        trainer.train(task(train={"epochs": 2}, optimizer=optimizer(lr=1e38)), run)
    assert caught.value.exit_code == 3
    assert run.result is not None
    assert run.result["exit_code"] == 3
    assert "the training loss is" in run.result["error"]
    assert all(weight.isfinite().all() for weight in run.last(pytest.fail).weights.values())
    assert "the training loss is" in (run.path / "log.txt").read_text()


def test_a_signal_does_not_keep_a_failure_from_being_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, log = new_run(tmp_path), Run.log

    def interrupted(self: Run, line: str) -> None:
        log(self, line)
        if "the training loss is" in line:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Run, "log", interrupted)
    with pytest.raises(YamlnetError, match="the training loss is"):
        trainer.train(task(train={"epochs": 2}, optimizer=optimizer(lr=1e38)), run)
    assert run.result is not None
    assert run.result["exit_code"] == 3


def test_a_full_disk_ends_the_run_and_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, told, fsync = new_run(tmp_path), Recording(), os.fsync

    def full(handle: int) -> None:
        if told.saved_steps[1:]:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(YamlnetError, match=r"can't write `.*/tiny/1/.*`: No space left on device") as caught:
        trainer.train(task(train={"epochs": 3}), run, told)
    assert caught.value.exit_code == 3
    assert run.result is None
    assert [path.name for path in run.checkpoints.iterdir()] == ["step-00000005"]
    assert run.last(pytest.fail).step == 5


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with pytest.raises(YamlnetError, match="the step of `SGD` makes weights that aren't finite at step 1"):
        trainer.train(task(train={"steps": 1}, optimizer=optimizer(lr=float("inf"))), run)
    assert checkpoint.steps(run.checkpoints) == [0]


@pytest.mark.parametrize(
    "train",
    [
        {"checkpoint": {"best": "test.accuracy"}},
        {"stop": {"metric": "validation.f1_score"}},
    ],
)
def test_a_metric_that_is_not_measured_is_refused_before_training(
    tmp_path: Path, train: dict[str, Any]
) -> None:
    with pytest.raises(YamlnetError, match="which training doesn't measure"):
        trainer.train(task(train={"epochs": 1, **train}), new_run(tmp_path))


def test_a_plateau_is_shown_its_metric(tmp_path: Path) -> None:
    plateau = scheduler("ReduceLROnPlateau", patience=0, threshold=1e9)
    run = new_run(tmp_path)
    trainer.train(task(train={"epochs": 4}, scheduler=plateau), run)
    rates = [r["lr"] for r in run.records() if r["split"] == "train"]
    assert rates[0] == 0.1
    assert rates[-1] < 0.1


def test_an_autoencoder_needs_no_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Unflatten(1, (1, 4, 4)))
    wires = ("output", "image")
    sections = {
        "loss": loss("MSELoss", wires),
        "metrics": {"error": MetricTerm(call=metric("MeanSquaredError").call, inputs=wires)},
    }
    images = torch.zeros(2, 1, 4, 4)
    given = task(model, train={"epochs": 2}, **sections)
    given = replace(given, num_classes=None, example=(images, {"image": images}))
    result = trainer.train(given, new_run(tmp_path))
    assert result.metrics["test.error"] == pytest.approx(result.metrics["test.loss"], rel=1e-5)


class Noise(nn.Module):
    """Draws in evaluation mode too, as a sampling network does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x)


def test_evaluation_draws_the_same_each_time_and_nothing_from_training() -> None:
    given = task(nn.Sequential(network(), Noise()), train={"epochs": 1})
    evaluator, source = evaluator_of(given), given.sources.test
    assert source is not None
    before = torch.get_rng_state()
    first = evaluator.evaluate(source)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert evaluator.evaluate(source) == first
    assert given.model.training


class Recording(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.started_at: list[int] = []
        self.progress: list[Progress] = []
        self.saved_steps: list[int] = []

    def started(self, run: Path, num_steps: int, step: int) -> None:
        self.started_at.append(step)

    def progressed(self, progress: Progress) -> None:
        self.progress.append(progress)

    def saved(self, step: int, path: Path) -> None:
        assert path.is_dir()
        self.saved_steps.append(step)


def test_an_observer_is_told(tmp_path: Path) -> None:
    seen = Recording()
    trainer.train(task(train={"epochs": 3}), new_run(tmp_path), seen)
    assert seen.started_at == [0]
    assert seen.saved_steps == [0, 5, 10, 15]
    assert 1 <= len(seen.progress) <= 5
    first = seen.progress[0]
    assert (first.step, first.num_steps, first.epoch) == (1, 15, 1)
    assert first.loss > 0
    assert first.samples_per_second > 0
    assert first.time_left_s > 0
