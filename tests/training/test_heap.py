"""What steps free stays with the process until the training ends, and changes no bit."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from yamlnet.training import heap
from yamlnet.training.heap import kept

FILE = """
data: {dataset: MNIST5k, batch_size: 100}
model:
  Sequential:
    - Conv2d: {out_channels: 8, kernel_size: 3}
    - ReLU
    - Conv2d: {out_channels: 8, kernel_size: 3}
    - Flatten
    - Linear: 10
loss: CrossEntropyLoss
optimizer: {SGD: {lr: 0.01}}
train: {epochs: 3, threads: 1}
"""

TRAIN = """
import hashlib, json, resource, sys
import yamlnet
from yamlnet.training.observer import Silent

class Counting(Silent):
    def __init__(self):
        self.faults = []
    def recorded(self, record):
        self.faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

counting = Counting()
result = yamlnet.train(sys.argv[1], runs=sys.argv[2], observer=counting)
weights = next(result.path.glob("checkpoints/*/model.safetensors")).read_bytes()
print(json.dumps([counting.faults, hashlib.sha256(weights).hexdigest()]))
"""

glibc = pytest.mark.skipif(heap._library() is None, reason="only the GNU C library has this to set")


BLOCKS = """
import json, os, resource
from contextlib import nullcontext
from pathlib import Path
from yamlnet.training.heap import kept

PAGE = os.sysconf("SC_PAGE_SIZE")

def step():
    blocks = [bytearray(2**22) for _ in range(16)]
    for block in blocks:
        block[::PAGE] = bytes(len(range(0, 2**22, PAGE)))

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE

step()
without, before = faults(), held()
with kept():
    step()
    within, grown = faults(), held() - before
print(json.dumps([without, within, grown, held() - before]))
"""


def told(script: str, *arguments: str, **environment: str) -> Any:
    """What a script prints at last, as JSON, in a process that has used its memory for nothing else."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@glibc
def test_pages_are_cleared_once_and_given_back_at_the_end() -> None:
    """A step takes 64 MB in blocks of 4 MB, and frees them."""
    without, within, grown, left = told(BLOCKS)
    assert within < 1_000 < 5 * 2**25 / os.sysconf("SC_PAGE_SIZE") < without
    assert left < 2**25 < grown


@glibc
def test_a_training_clears_few_pages_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FILE)
    file = str(tmp_path / "a.yaml")
    few, kept_bits = told(TRAIN, file, str(tmp_path / "kept"))
    many, returned_bits = told(TRAIN, file, str(tmp_path / "returned"), MALLOC_TRIM_THRESHOLD_="131072")
    assert kept_bits == returned_bits
    assert 100 * (few[2] - few[1]) < many[2] - many[1]


@pytest.mark.parametrize("name", heap.VARIABLES)
def test_what_the_environment_sets_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "glibc.malloc.trim_threshold=131072")
    assert heap._library() is None


def test_nothing_happens_with_another_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert heap._library() is None
    with kept():
        pass
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)
    assert heap._library() is None
