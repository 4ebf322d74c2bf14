"""k-NN accuracy against its definition, a loop over samples in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import yamlnet
from tests.training.tasks import CPU, count, loss, metric
from yamlnet import api
from yamlnet.training import neighbours
from yamlnet.training.meter import Meter, meter

SIZES = (7, 1, 30, 12)


def drawn(seed: int, num_classes: int = 3, size: int = 4) -> tuple[list[Tensor], list[Tensor]]:
    """Embeddings that lie somewhat nearer to those of their class, in batches, far from the origin."""
    random = torch.Generator().manual_seed(seed)
    targets = [torch.randint(0, num_classes, (n,), generator=random) * 5 - 5 for n in SIZES]
    centres = torch.randn(16, size, generator=random)  # by class, which may be negative
    outputs = [100 + centres[t] + torch.randn(len(t), size, generator=random) for t in targets]
    return outputs, targets


def by_hand(outputs: list[Tensor], targets: list[Tensor], k: int) -> float:
    points, classes = torch.cat(outputs).double().flatten(1).numpy(), torch.cat(targets).numpy()
    hits = 0
    for i in range(len(points)):
        distances = np.sqrt(((points - points[i]) ** 2).sum(axis=1))
        others = sorted((j for j in range(len(points)) if j != i), key=lambda j: distances[j])
        values, counts = np.unique(classes[others[:k]], return_counts=True)
        hits += values[counts.argmax()] == classes[i]
    return float(hits) / len(points)


def measured(outputs: list[Tensor], targets: list[Tensor], k: int) -> Meter:
    example = (outputs[0], {"target": targets[0]})
    counted = meter({"m": metric("KNNAccuracy", k=k)}, loss("MSELoss"), example, None, CPU)
    count(counted, outputs, targets)
    return counted


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 2, 5, 49, 1000])
def test_it_is_the_vote_of_the_nearest_others(k: int, seed: int) -> None:
    outputs, targets = drawn(seed)
    assert measured(outputs, targets, k).compute()["m"] == by_hand(outputs, targets, k)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs, targets = drawn(0)
    expected = by_hand(outputs, targets, 3)
    for distances in (1, 120, 10**6):
        monkeypatch.setattr(neighbours, "MAX_DISTANCES", distances)
        assert measured(outputs, targets, 3).compute()["m"] == expected


def test_chance_is_chance_and_a_sample_is_no_neighbour_of_its_own() -> None:
    alone = [torch.tensor([[0.0], [1.0], [10.0], [11.0]])]
    assert measured(alone, [torch.tensor([0, 1, 2, 3])], 1).compute()["m"] == 0
    assert measured(alone, [torch.tensor([0, 0, 1, 1])], 1).compute()["m"] == 1


def test_one_sample_has_no_neighbour() -> None:
    assert np.isnan(measured([torch.zeros(1, 2)], [torch.zeros(1, dtype=torch.int64)], 1).compute()["m"])


def test_a_state_goes_on_where_it_was() -> None:
    outputs, targets = drawn(1)
    first, again = measured(outputs[:2], targets[:2], 3), measured(outputs[2:], targets[2:], 3)
    again.restore(first.state())
    count(again, outputs[2:], targets[2:])
    assert again.compute()["m"] == by_hand(outputs, targets, 3)
    again.restore({})
    assert np.isnan(again.compute()["m"])


WRITTEN: dict[str, Any] = {
    "data": {"dataset": "MNIST5k", "validation": 100},
    "model": {"Sequential": ["Flatten", {"Linear": 10}]},
    "loss": "CrossEntropyLoss",
    "metrics": ["KNNAccuracy"],
    "optimizer": "SGD",
    "train": {"steps": 1, "device": "cpu", "checkpoint": {"best": "validation.knn_accuracy"}},
}


def test_a_file_names_it(tmp_path: Path) -> None:
    result = yamlnet.train(WRITTEN, runs=tmp_path)
    assert 0.5 < result.metrics["test.knn_accuracy"] < 1
    assert api.evaluate(result.path)["test.knn_accuracy"] == result.metrics["test.knn_accuracy"]


@pytest.mark.parametrize("sources", [["target", "target"], ["output", "image"], ["output", "output"]])
def test_what_has_no_neighbours_is_a_mistake(sources: list[str]) -> None:
    (found,) = yamlnet.check({**WRITTEN, "metrics": [{"KNNAccuracy": None, "from": sources}]})
    assert found.code == "loss-mismatch"
    assert "KNNAccuracy" in found.message
