"""Losses with weights of their own: trained, kept, resumed, averaged, and used to tell classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import yamlnet
from tests.training.files import resumes, task_of
from yamlnet import api, loading
from yamlnet.training import run as runs
from yamlnet.training.setup import set_up

LINEAR = {"LinearCrossEntropyLoss": {"num_classes": 10, "bias": True}}
ADAPTIVE = {"AdaptiveLogSoftmaxWithLoss": {"n_classes": 10, "cutoffs": [3, 7], "head_bias": True}}
both_losses = pytest.mark.parametrize("loss", [LINEAR, ADAPTIVE], ids=["linear", "adaptive"])


def written(loss: Any, **said: Any) -> dict[str, Any]:
    return {
        "data": {"dataset": "MNIST5k", "validation": 3500, "batch_size": 100},
        "model": {"Sequential": ["Flatten", {"Linear": 32}, "ReLU"]},
        "loss": loss,
        "metrics": ["Accuracy"],
        "optimizer": {"Adam": {"lr": 0.01}},
        "train": {"epochs": 2, "device": "cpu"},
        **said,
    }


def by_hand(loss: nn.Module, features: Tensor) -> Tensor:
    """The logarithm of each class's probability."""
    if isinstance(loss, nn.AdaptiveLogSoftmaxWithLoss):
        return loss.log_prob(features)
    assert isinstance(loss, nn.LinearCrossEntropyLoss)
    return loss.linear(features).log_softmax(1)


@both_losses
@pytest.mark.parametrize("train", [{}, {"ema": 0.9, "clip": {"norm": 1.0, "match": "loss.*"}}])
def test_resumed_from_any_step_it_ends_with_the_same_bits(
    loss: Any, train: dict[str, Any], tmp_path: Path
) -> None:
    resumes(written(loss, train={"epochs": 2, "device": "cpu", **train}), tmp_path)


@both_losses
@pytest.mark.parametrize("train", [{}, {"ema": 0.9, "checkpoint": {"best": "validation.accuracy"}}])
def test_what_was_tested_is_evaluated_and_predicted(loss: Any, train: dict[str, Any], tmp_path: Path) -> None:
    given = written({"rare": loss}, train={"epochs": 2, "device": "cpu", **train})
    result = yamlnet.train(given, runs=tmp_path)
    assert result.metrics["test.accuracy"] > 0.3
    assert api.evaluate(result.path) == {k: v for k, v in result.metrics.items() if k.startswith("test.")}
    found = loading.load(runs.load(result.path), "best")
    (batch,) = task_of(given).sources.test.epoch(0)  # type: ignore[union-attr]
    with torch.no_grad():
        scores = by_hand(found.criteria["rare"], found.network(batch["image"]))
    hits = (scores.argmax(1) == batch["target"]).double().mean()
    assert result.metrics["test.accuracy"] == pytest.approx(float(hits))
    assert result.metrics["test.loss"] == pytest.approx(
        float(nn.functional.nll_loss(scores, batch["target"])), rel=1e-5
    )


@both_losses
def test_prediction_gives_classes(loss: Any, tmp_path: Path) -> None:
    given = written(loss)
    result = yamlnet.train(given, runs=tmp_path)
    (batch,) = task_of(given).sources.test.epoch(0)  # type: ignore[union-attr]
    np.save(tmp_path / "digits.npy", batch["image"][:20].numpy())
    answers = [p.answers["output"] for p in api.predict(result.path, [str(tmp_path / "digits.npy")])]
    assert {answer.kind for answer in answers} == {"classes"}
    found = loading.load(runs.load(result.path), "best")
    with torch.no_grad():
        expected = by_hand(found.criteria[""], found.network(batch["image"][:20])).exp()
    torch.testing.assert_close(torch.stack([answer.values for answer in answers]), expected)


@both_losses
def test_the_weights_lie_beside_those_of_the_network(loss: Any, tmp_path: Path) -> None:
    result = yamlnet.train(written(loss), {"train.epochs": 1}, tmp_path)
    (checkpoint,) = (result.path / "checkpoints").iterdir()
    own = load_file(checkpoint / "model.safetensors")
    assert own.keys() == yamlnet.load(result.path).state_dict().keys() == {"1.weight", "1.bias"}
    beside = {name for name in load_file(checkpoint / "state.safetensors") if name.startswith("loss.")}
    (made,) = task_of(written(loss)).criteria.values()
    assert beside == {f"loss.{name}" for name in made.state_dict()}
    assert result.metrics["parameters"] == 784 * 32 + 32


def weights(given: dict[str, Any], term: str = "") -> list[Tensor]:
    return list(task_of(given).criteria[term].parameters())


@both_losses
def test_first_weights_follow_from_the_seed_and_the_terms_name(loss: Any) -> None:
    first = weights(written({"a": loss}), "a")
    other = {"expr": "mean(output ** 2)"}
    again = weights(written({"b": other, "c": LINEAR, "a": loss}, metrics=[]), "a")
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    for changed in (weights(written({"a": loss}, seed=1), "a"), weights(written({"b": loss}), "b")):
        assert not any(torch.equal(one, two) for one, two in zip(first, changed, strict=True))


def test_groups_match_them_by_name() -> None:
    groups = [{"match": "loss.*", "lr": 0.5}, {"match": "*.bias", "lr": 0.25}]
    task = task_of(written({"one": LINEAR, "two": LINEAR}, optimizer={"SGD": {"lr": 0.1}, "groups": groups}))
    rates = {
        parameter: group["lr"]
        for group in set_up(task).loop.optimizer.param_groups
        for parameter in group["params"]
    }
    found = {name: rates[parameter] for name, parameter in task.learner.named_parameters()}
    assert found == {
        "1.weight": 0.1,
        "1.bias": 0.25,
        "loss.one.linear.weight": 0.5,
        "loss.one.linear.bias": 0.25,
        "loss.two.linear.weight": 0.5,
        "loss.two.linear.bias": 0.25,
    }


@both_losses
def test_they_alone_may_be_trained(loss: Any, tmp_path: Path) -> None:
    frozen = {"Sequential": ["Flatten", {"Linear": 32, "freeze": True}]}
    before = list(task_of(written(loss, model=frozen)).model.state_dict().values())
    result = yamlnet.train(written(loss, model=frozen), {"train.epochs": 20}, tmp_path)
    after = list(yamlnet.load(result.path).state_dict().values())
    assert all(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert result.metrics["test.accuracy"] > 0.5


@both_losses
def test_a_step_that_is_skipped_leaves_them_as_they_were(loss: Any) -> None:
    given = written(loss, train={"steps": 2, "device": "cpu", "non_finite": "skip"})
    task = task_of(given)
    setup = set_up(task)
    batch = next(iter(task.sources.train.epoch(0)))
    before = [tensor.clone() for tensor in task.learner.loss_state().values()]
    setup.loop.step([{**batch, "image": batch["image"] * torch.nan}])
    assert all(
        torch.equal(one, two) for one, two in zip(before, task.learner.loss_state().values(), strict=True)
    )


def test_the_weights_of_another_loss_are_told(tmp_path: Path) -> None:
    result = yamlnet.train(written(LINEAR), {"train.epochs": 1}, tmp_path)
    with pytest.raises(yamlnet.YamlnetError, match=r"of another loss: it has no `loss\.head"):
        api.predict(result.path, [__file__], options=[f"loss={json.dumps(ADAPTIVE)}"])


@both_losses
def test_summary_and_log_tell_of_them(loss: Any, tmp_path: Path) -> None:
    result = yamlnet.train(written(loss), {"train.steps": 1, "train.epochs": None}, tmp_path)
    (name,) = loss
    count = sum(parameter.numel() for parameter in weights(written(loss)))
    note = f"`{name}` has {count:,} parameters of its own, `loss.*`, beside the network's"
    assert note in (result.path / "log.txt").read_text()
