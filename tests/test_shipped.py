"""Every experiment in configs/, from its file to a judged run, its evaluation and its predictions."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

import yamlnet
from yamlnet import api
from yamlnet.cli import written

CONFIGS = Path(__file__).parent.parent / "configs"
DOWNLOADED = {"fashion_resnet": {"data.dataset": "MNIST5k"}}
"""Experiments whose data must be downloaded, and what has the same form."""
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
SHORT = {"train.epochs": None, "train.steps": 2, "train.device": "cpu", "data.validation": 64}
TABLE = CONFIGS / "data" / "penguins.csv"


def digits(path: Path) -> Path:
    """A file of two images that a network for digits takes."""
    numpy.save(path, numpy.arange(2 * 784, dtype=numpy.uint8).reshape(2, 1, 28, 28))
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_experiment_trains_and_is_judged(path: Path, tmp_path: Path) -> None:
    run = yamlnet.train(path, set={**SHORT, **DOWNLOADED.get(path.stem, {})}, runs=tmp_path)
    assert run.verdicts
    assert [verdict.key for verdict in run.verdicts if verdict.value is None] == []
    assert api.evaluate(run.path).items() <= run.metrics.items()
    is_table = "penguins" in path.read_text()
    given = TABLE if is_table else digits(tmp_path / "digits.npy")
    predicted = api.predict(run.path, [str(given)])
    assert len(predicted) > 1
    assert all(answer.values.numel() for each in predicted for answer in each.answers.values())
    written.write(predicted, tmp_path / "predicted.npz")
    with numpy.load(tmp_path / "predicted.npz") as arrays:
        assert {len(array) for array in arrays.values()} == {len(predicted)}
