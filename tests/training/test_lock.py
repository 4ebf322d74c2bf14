"""A run has one writer; who comes second is told who it is. Runs are numbered without a gap or a clash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.training.tasks import new_run, task
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import trainer
from yamlnet.training.run import Run

HOLD = """
import sys
from pathlib import Path
from yamlnet import disk
with disk.owned(Path(sys.argv[1]) / ".lock", "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the run's lock."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_writer_is_told_of_the_first(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with held(run.path) as other, pytest.raises(YamlnetError) as caught:
        trainer.train(task(train={"epochs": 1}), run)
    host, since = os.uname().nodename, json.loads((run.path / ".lock").read_text())["since"]
    told = f"another process (pid {other.pid} on {host}, since {since}) is writing to `{run.path}`"
    assert caught.value.message == told
    assert caught.value.exit_code == 3
    assert not (run.path / "result.json").exists()
    assert not (run.path / "manifest.json").exists()


def test_the_lock_dies_with_its_owner(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with held(run.path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        trainer.train(task(train={"epochs": 1}), run)
    assert run.result is not None


def test_a_lock_whose_owner_is_unreadable_is_one(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with held(run.path):
        (run.path / ".lock").write_bytes(b"\x00")
        with pytest.raises(YamlnetError, match=r"^another process is writing"), run.owned():
            pass


def test_runs_made_at_once_have_numbers_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made: list[Run] = list(pool.map(lambda _: new_run(tmp_path), range(24)))
    assert sorted(int(run.path.name) for run in made) == list(range(1, 25))
    assert os.readlink(tmp_path / "tiny" / "latest") == "24"
    assert all((run.path / "resolved.yaml").exists() for run in made)
