"""A run of which a file is gone, empty or something else: every command says so, or needs it not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import yamlnet
from tests.cli.calling import call
from tests.training.failing import write

MODEL = "model: {inputs: {x: {shape: [4]}}, Linear: 3}\nloss: {CrossEntropyLoss, from: [output, target]}\n"
COMMANDS = [
    ["evaluate", "damaged", "--split", "train"],
    ["train", "--resume", "damaged", "--set", "train.epochs=3"],
]


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "binary": lambda path: path.write_bytes(bytes(range(255, 0, -1))),
    "a list": lambda path: path.write_text("[1]"),
    "a folder": to_folder,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    options = {"train.checkpoint": {"best": "validation.loss"}, "data.validation": 8}
    return yamlnet.train(write(folder, MODEL), options, folder / "runs").path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_a_clear_error_or_does_not_matter(
    words: list[str],
    damage: str,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(run.parents[2] / "data.npz", tmp_path)
    files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())
    assert len(files) >= 10
    codes = {}
    for file in files:
        shutil.rmtree("damaged", ignore_errors=True)
        shutil.copytree(run, "damaged", symlinks=True)
        DAMAGES[damage](tmp_path / "damaged" / file)
        ended = call(capsys, *words)
        codes[str(file)] = ended.code
        assert ended.code in (0, 1, 2, 3), (file, ended.err)
        assert "error" in ended.err or not ended.code, (file, ended.err)
    assert codes["config.yaml"] == 0
    assert codes["log.txt"] == 0 or damage == "a folder"
    assert codes["resolved.yaml"] in (1, 2, 3)
    assert codes["checkpoints/step-00000008/model.safetensors"] == 3
