"""A file that means harm is refused with a diagnostic, in little time and memory, whatever it holds.

Each group is checked in a process of its own, whose memory is limited or measured.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.bombs import BOMBS
from tests.hostile.texts import SHAPES, TEXTS

ROOT = Path(__file__).parents[2]
MEBIBYTES = 500
ESTIMATE = r"[\d.]+ [GTPE]B.* and this machine has 16 GB|than can be counted|more than 20,000 steps"
"""What is said of memory: the estimate, where there is one, and the limit."""


def told(group: str) -> list[Any]:
    """What the process says of each file."""
    command = [sys.executable, "-m", "tests.hostile.judging", group]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, (lines[-1:], run.returncode, run.stderr[-2000:])
    return lines


@pytest.fixture(scope="module")
def texts() -> dict[str, list[Any]]:
    return {name: rest for name, *rest in told("texts")}


@pytest.fixture(scope="module")
def shapes() -> list[Any]:
    return told("shapes")


@pytest.mark.parametrize("name", [*TEXTS, *BOMBS])
def test_what_needs_no_torch(texts: dict[str, list[Any]], name: str) -> None:
    assert texts[name][:2] == [sorted({**TEXTS, **BOMBS}[name][1]), False]


def test_there_are_enough_bombs(shapes: list[Any]) -> None:
    assert len(BOMBS) >= 40
    assert len([name for name, codes, *_ in shapes[:-1] if codes == ["too-large"]]) >= 15


@pytest.mark.parametrize("name", SHAPES)
def test_what_torch_is_asked_for(shapes: list[Any], name: str) -> None:
    ((codes, messages),) = [(codes, large) for known, codes, _, large in shapes[:-1] if known == name]
    assert codes == sorted(SHAPES[name][1])
    for message in messages:
        assert re.search(ESTIMATE, message), message


def test_no_file_takes_much_memory(shapes: list[Any]) -> None:
    assert shapes[-1] < MEBIBYTES
