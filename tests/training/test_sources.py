"""Where batches come from: the digits that come along, as the data section asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.tasks import CPU, call, experiment, new_run, optimizer
from yamlnet.data.splits import prepare
from yamlnet.language.experiment import Data
from yamlnet.training import trainer
from yamlnet.training.setup import Task
from yamlnet.training.sources import sources


@pytest.fixture(scope="module")
def data() -> Data:
    return Data(dataset=call("dataset", "MNIST5k"), validation=500, batch_size=64)


def test_evaluation_takes_larger_batches_in_order(data: Data) -> None:
    prepared = prepare(data, 0, Path(), CPU)
    made = sources(data, prepared, seed=0)
    assert prepared.validation is not None
    assert made.validation is not None
    assert made.test is not None
    assert len(made.train) == 55
    assert [len(batch["target"]) for batch in made.validation.epoch(0)] == [500]
    assert len(made.test) == 1
    targets = next(iter(made.validation.epoch(0)))["target"]
    assert torch.equal(targets, prepared.validation.fields["target"])
    first, second = (next(iter(made.train.epoch(epoch)))["target"] for epoch in (0, 1))
    assert not torch.equal(first, second)


def test_digits_are_learned_in_an_epoch(data: Data, tmp_path: Path) -> None:
    prepared = prepare(data, 0, Path(), CPU)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    said = experiment({"epochs": 1}, optimizer=optimizer("Adam", lr=0.003), data=data)
    ten = (torch.zeros(2, 10), {"target": torch.zeros(2, dtype=torch.int64)})
    made = sources(data, prepared, 0)
    given = Task(said, model, ("image",), made, CPU, 10, prepared.digest, example=ten)
    assert trainer.train(given, new_run(tmp_path)).metrics["test.accuracy"] > 0.8
