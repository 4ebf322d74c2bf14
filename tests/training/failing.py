"""Files whose networks fail on one row of their data, and the data: 40 rows of an `.npz` file."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy

ROWS = 40
BAD = 29
"""The row that holds what the network can't take."""

HEAD = """\
name: failing
data:
  dataset: {Npz: {path: data.npz}}
  target: [share, target]
  batch_size: 8
"""

TAIL = """\
optimizer: {SGD: {lr: 0.01}}
train: {epochs: 2, device: cpu}
"""


def write(folder: Path, model: str, spoils: str = "", value: Any = None) -> Path:
    """A file with this model and loss beside its data, of which one row's `spoils` is another value."""
    random = numpy.random.default_rng(0)
    arrays = {
        "x": random.uniform(0.5, 1.5, (ROWS, 4)).astype(numpy.float32),
        "i": random.integers(0, 5, (ROWS, 3)),
        "share": random.uniform(0.1, 0.9, (ROWS, 1)).astype(numpy.float32),
        "target": random.integers(0, 3, ROWS),
    }
    if spoils:
        arrays[spoils][BAD] = value
    numpy.savez(folder / "data.npz", **arrays)
    file = folder / "failing.yaml"
    file.write_text(HEAD + dedent(model) + TAIL)
    return file


def place(file: Path, words: str) -> tuple[int, int]:
    """The line and the column, from 1, at which the file says these words last."""
    found = [
        (n, line.index(words) + 1) for n, line in enumerate(file.read_text().splitlines(), 1) if words in line
    ]
    return found[-1]
