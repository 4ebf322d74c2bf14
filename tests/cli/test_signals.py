"""SIGINT and SIGTERM end a command with 130 and 143, soon, whatever it is busy with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.tasks import runs

NUMBERS = [signal.SIGINT, signal.SIGTERM]

START = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without
import yamlnet.language.files as files
from yamlnet import cli
def read(file, data_root):
    for _ in range({times}):
        os.kill(os.getpid(), {number})
    {busy}
files.read = read
cli.main(["train", "net.yaml"])
"""

DEAF = """
import ctypes, signal, threading
from yamlnet.cli import signals
signals.GRACE_S = {grace}
signal.pthread_sigmask(signal.SIG_BLOCK, [{number}])
threading.Timer(0.5, print, ["ready"], {{"flush": True}}).start()
ctypes.CDLL(None).sleep(600)
"""
"""The body of a command that is in code of C, and hears nothing."""


def ended(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", NUMBERS)
def test_before_anything_is_trained(number: signal.Signals) -> None:
    found = ended(START.format(number=int(number), times=1, busy="time.sleep(600)"))
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (found.returncode, found.stdout, found.stderr) == (128 + number, "", f"{word}\n")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("times", [1, 2])
def test_what_hears_nothing_is_ended(number: signal.Signals, times: int) -> None:
    body = DEAF.format(grace=0.3 if times == 1 else 600, number=int(number))
    busy = "\n    ".join(line for line in body.splitlines() if line)
    code = START.format(number=int(number), times=0, busy=busy)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        while times == 2 and process.poll() is None:  # two that come at once are one
            process.send_signal(number)
            time.sleep(0.05)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.count("\n") == 1
    assert "at once" in said


def train(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "yamlnet", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


FILE = """\
name: net
data: {dataset: MNIST5k, batch_size: 100}
model: {Sequential: [Flatten, {Linear: 10}, {Dropout: 0.5}]}
loss: CrossEntropyLoss
optimizer: {AdamW: {lr: 0.001}}
train: {epochs: 40, device: cpu}
"""


def test_a_training_is_saved_says_how_to_go_on_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(FILE)
    with train(str(file), "--runs", str(tmp_path / "whole"), "--quiet") as whole:
        pass
    with train(str(file), "--runs", str(tmp_path)) as stopped:
        assert stopped.stderr is not None
        while "epoch   3" not in stopped.stderr.readline():
            pass
        stopped.send_signal(signal.SIGTERM)
        _, said = stopped.communicate(timeout=60)
    run = tmp_path / "net" / "1"
    assert stopped.returncode == 143
    assert f"= help: `yamlnet train --resume {run}` goes on\n" in said
    with train("--resume", str(run), "--quiet") as resumed:
        pass
    assert (whole.returncode, resumed.returncode) == (0, 0)
    digests = [runs.load(path).manifest["weights_digest"] for path in (run, tmp_path / "whole" / "net" / "1")]
    assert digests[0] == digests[1]
