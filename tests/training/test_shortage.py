"""Memory that is short is one line: what was asked for, what a step takes, and what to change."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.shortage import ADVICE, memory_named

FILE = """\
name: large
data: {dataset: MNIST5k, batch_size: 4000}
model: {Sequential: [{Conv2d: {out_channels: 512, kernel_size: 3}}, ReLU, Flatten, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: {AdamW: {lr: 0.001}}
train: {epochs: 1, device: cpu}
"""

LIMITED = """
import resource, sys, torch
from yamlnet.cli import main
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 1_500_000_000, -1))
main(["train", *sys.argv[1:]])
"""


def test_a_step_that_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text(FILE)
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(file), "--runs", str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "error: out of memory: 5.54 GB more were asked for\n" in ended.stderr
    assert "= help: a step of 4,000 samples takes about " in ended.stderr
    assert ADVICE in ended.stderr
    assert '"error": "out of memory: 5.54 GB' in (tmp_path / "large" / "1" / "result.json").read_text()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "out of memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out of memory"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total ..."),
            "out of memory: 21.47 GB more were asked for",
        ),
        (RuntimeError("std::bad_alloc"), "out of memory"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_shortage(error: Exception, message: str) -> None:
    with pytest.raises(YamlnetError) as caught, memory_named():
        raise error
    assert (caught.value.message, caught.value.help, caught.value.exit_code) == (message, ADVICE, 3)


@pytest.mark.parametrize("error", [RuntimeError("oops"), OSError(errno.ENOSPC, "No space left on device")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)), memory_named():
        raise error
