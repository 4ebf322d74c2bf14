"""The gallery's triplet network trains with TripletMarginLoss: ids of one group come to lie together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import yamlnet

GALLERY = Path(__file__).parents[2] / "configs" / "gallery"


def test_it_learns_which_ids_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    anchor = chance.integers(0, 50, 400)
    positive = chance.integers(0, 5, 400) * 10 + anchor % 10
    negative = (anchor + chance.integers(1, 10, 400)) % 10 + 10 * chance.integers(0, 5, 400)
    np.savez("ids.npz", anchor=anchor, positive=positive, negative=negative)
    Path("triplet.yaml").write_text(
        f"extends: {GALLERY / '18b_triplet.yaml'}\n"
        "data: {dataset: {Npz: {path: ids.npz}}, target: [], validation: 0.25, batch_size: 50}\n"
        "loss: {TripletMarginLoss: {margin: 1.0}, from: [output.0, output.1, output.2]}\n"
        "optimizer: {AdamW: 0.02}\n"
        "train: {epochs: 40}\n"
    )
    run = yamlnet.train("triplet.yaml", data_root=GALLERY)
    assert run.metrics["validation.loss"] < 0.2
