"""Small runs and images that the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import yamlnet
from yamlnet.data.idx_folder import read_part


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], str]:
    folder, runs = tmp_path_factory.mktemp("runs"), {}

    def path(document: dict[str, Any]) -> str:
        name = document["name"]
        if name not in runs:
            few = {"train.steps": 20, "train.epochs": None}
            runs[name] = str(yamlnet.train(document, few, folder).path)
        return str(runs[name])

    return path


@pytest.fixture(scope="module")
def digits() -> Tensor:
    """Five test digits: uint8 [5, 1, 28, 28]."""
    return read_part(Path(yamlnet.__file__).parent / "data" / "mnist5k", "t10k")["image"][:5]
