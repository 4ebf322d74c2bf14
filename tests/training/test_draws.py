"""Training on samples that are drawn beside each: equal to a loop by hand, resumed to the same bits."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

import yamlnet
from tests.training.files import resumes, task_of
from yamlnet import api
from yamlnet.training import run as runs
from yamlnet.training.setup import set_up

TRIPLETS: dict[str, Any] = {
    "data": {
        "dataset": "MNIST5k",
        "validation": 3900,
        "batch_size": 30,
        "draw": {"positive": {"same": "target"}, "negative": {"different": "target"}},
        "augment": [{"RandomCrop": {"size": 28, "padding": 2}}],
    },
    "model": {"Sequential": ["Flatten", {"Linear": 16}, "BatchNorm1d", {"Dropout": 0.1}]},
    "loss": {
        "TripletMarginLoss": {"margin": 2.0},
        "from": {"anchor": "output", "positive": "positive.output", "negative": "negative.output"},
    },
    "metrics": {
        "knn": "KNNAccuracy",
        "same": {"expr": "positive.target == target"},
        "near": {"expr": "pairwise_distance(output, positive.output)"},
    },
    "optimizer": {"SGD": {"lr": 0.02}},
    "train": {"epochs": 2, "device": "cpu"},
}


def test_two_steps_are_those_of_a_loop_by_hand() -> None:
    task = task_of(TRIPLETS)
    model = copy.deepcopy(task.model).train()
    setup, first = set_up(task), iter(task.sources.train.epoch(0))
    batches = [next(first), next(first)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, fused=True)
    task.model.train()
    for index, batch in enumerate(batches):
        torch.manual_seed(index)
        setup.loop.step([batch])
        torch.manual_seed(index)
        anchor, positive, negative = (
            model(batch[name]) for name in ("image", "positive.image", "negative.image")
        )
        optimizer.zero_grad()
        F.triplet_margin_loss(anchor, positive, negative, margin=2.0).backward()
        optimizer.step()
    own, other = task.model.state_dict(), model.state_dict()
    assert all(torch.equal(own[key], other[key]) for key in own)


def test_resumed_from_any_step_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    resumes(TRIPLETS, tmp_path)


def test_it_is_evaluated_as_it_was_tested_and_predicts_embeddings(tmp_path: Path) -> None:
    result = yamlnet.train(TRIPLETS, {"train.epochs": 1}, tmp_path)
    assert api.evaluate(result.path).items() <= result.metrics.items()
    assert result.metrics["test.same"] == 1
    (batch,) = task_of(TRIPLETS).sources.train.epoch(0, 3)
    image = batch["image"][0]
    np.save(tmp_path / "digit.npy", image.numpy())
    (found,) = api.predict(result.path, [str(tmp_path / "digit.npy")])
    answer = found.answers["output"]
    assert answer.kind == "values"
    assert torch.equal(answer.values, yamlnet.load(result.path)(image[None])[0])


def test_the_loss_falls(tmp_path: Path) -> None:
    said = {"data.validation": 200, "data.batch_size": 100, "optimizer": {"Adam": {"lr": 0.005}}}
    result = yamlnet.train(TRIPLETS, said, tmp_path)
    first, second = (r["loss"] for r in runs.load(result.path).records() if r["split"] == "train")
    assert second < first


@pytest.mark.parametrize("parts", ["output", "output.0"])
def test_a_random_pair_and_a_part_of_its_output(parts: str, tmp_path: Path) -> None:
    model = {"ModuleDict": {"flat": "Flatten", "a": {"Linear": 4}}, "output": ["a"] if "." in parts else "a"}
    written = {
        **TRIPLETS,
        "data": {"dataset": "MNIST5k", "validation": 100, "draw": {"other": {}}},
        "model": model,
        "loss": {
            "CosineEmbeddingLoss": {"margin": 0.2},
            "from": [parts, f"other.{parts}", {"expr": "2 * (other.target == target) - 1"}],
        },
        "metrics": {"share": {"expr": "other.target == target"}},
        "train": {"steps": 2, "device": "cpu"},
    }
    result = yamlnet.train(written, runs=tmp_path)
    assert 0.05 < result.metrics["test.share"] < 0.15


def test_a_class_of_one_sample_is_told_where_the_file_says_it(tmp_path: Path) -> None:
    with pytest.raises(yamlnet.ConfigError) as caught:
        yamlnet.train(TRIPLETS, {"data.validation": 2}, tmp_path)
    (found,) = caught.value.diagnostics
    assert "of the validation split" in found.message
    assert found.path[:3] == ("data", "draw", "positive")
