"""Every experiment in configs/ that needs no download, from its file to a judged run and its evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

import yamlnet
from yamlnet import api

CONFIGS = Path(__file__).parent.parent / "configs"
DOWNLOADED = {"fashion_resnet"}
SHIPPED = [path for path in sorted(CONFIGS.glob("*.yaml")) if path.stem not in DOWNLOADED]
SHORT = {"train.epochs": None, "train.steps": 2, "train.device": "cpu", "data.validation": 64}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_experiment_trains_and_is_judged(path: Path, tmp_path: Path) -> None:
    run = yamlnet.train(path, set=SHORT, runs=tmp_path)
    assert run.verdicts
    assert [verdict.key for verdict in run.verdicts if verdict.value is None] == []
    assert api.evaluate(run.path).items() <= run.metrics.items()
