"""A compiled network trains to the same bits again, beside a plain one; what can't be compiled is said."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import network
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import compiled
from yamlnet.training.compiled import Compiled

PROGRAM = """
import sys, yamlnet
from pathlib import Path
written = {
    "name": "tiny",
    "data": {"dataset": "MNIST5k", "validation": 3_570, "batch_size": 100},  # a smaller batch at the end
    "model": {"Sequential": ["Flatten", {"Dropout": 0.1}, {"Linear": 10}]},
    "loss": "CrossEntropyLoss",
    "optimizer": "SGD",
    "train": {"epochs": 2, "compile": True, "threads": 1},
}
first, second = (yamlnet.train(written, runs=sys.argv[1]).path for _ in range(2))
from yamlnet import api
from yamlnet.training import run
digests = {run.load(path).manifest["weights_digest"] for path in (first, second)}
assert len(digests) == 1, digests
print(*yamlnet.load(second).state_dict())
figures = run.load(second).result["metrics"]
print(all(figures[name] == value for name, value in api.evaluate(second).items()))
"""


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_compiled_training_repeats_to_the_bit_and_keeps_its_code(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(runs)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["2.weight 2.bias", "True", ""]
    (folder,) = (runs / "tiny" / ".compiled").iterdir()
    assert any(folder.rglob("*.so"))
    assert os.stat(tmp_path / "cache" / "yamlnet" / "key").st_mode & 0o777 == 0o600


def test_the_folder_of_code_cannot_be_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in it is executed: a folder that came with a run must never be it."""
    names = []
    for user in ("one", "two"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / user))
        for _ in range(2):
            with compiled.cache(tmp_path / "runs") as folder:
                names.append(folder.name)
    assert names[0] == names[1] != names[2] == names[3]
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with compiled.cache(tmp_path / "runs") as folder:
        assert tmp_path not in folder.parents
    assert not folder.exists()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes that reach the compiled network, in the place of a compiler."""
    shapes: list[torch.Size] = []

    def compiling(model: nn.Module, **_: Any) -> Callable[[Tensor], Any]:
        def call(given: Tensor) -> Any:
            shapes.append(given.shape)
            return model(given)

        return call

    monkeypatch.setattr(torch, "compile", compiling)
    return shapes


def test_full_batches_alone_run_compiled(seen: list[torch.Size]) -> None:
    run = Compiled(network(), 8)
    for size in (3, 8, 3, 8, 16):
        assert run(torch.zeros(size, 1, 4, 4)).shape == (size, 3)
    assert [shape[0] for shape in seen] == [8, 8]


def test_what_looks_into_the_network_finds_the_plain_one(seen: list[torch.Size]) -> None:
    model = network()
    run, called = Compiled(model, None), []
    hook = model[1].register_forward_hook(lambda *_: called.append(True))
    run(torch.zeros(8, 1, 4, 4))
    hook.remove()
    assert called
    assert not seen
    run(torch.zeros(8, 1, 4, 4))
    assert len(seen) == 1
    assert list(copy.deepcopy(model).state_dict()) == list(network().state_dict())


def test_a_layer_that_fails_is_the_plain_networks(seen: list[torch.Size]) -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        Compiled(network(), None)(torch.zeros(8, 1, 5, 5))


def test_what_fails_only_when_compiled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        def call(*_: Tensor) -> None:
            raise AssertionError("no such kernel.\nand more")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(YamlnetError, match=r"failed: no such kernel\n") as caught:
        Compiled(network(), None)(torch.zeros(8, 1, 4, 4))
    assert caught.value.exit_code == 3
    assert "`train.compile: false`" in str(caught.value.help)
    with pytest.raises(YamlnetError, match="`LSTM` for the CPU"):
        Compiled(nn.LSTM(2, 2), None)


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    environment = {**os.environ, "CXX": "/nonexistent/c++"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert "`train.compile`: there is no C++ compiler that works here" in done.stderr
    assert "apt install g++" in compiled.COMPILER
