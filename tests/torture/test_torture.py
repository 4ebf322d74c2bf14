"""A small, seeded part of `make torture`: kills, failing file operations, damages, and disks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MEMORY = Path("/dev/shm")


def test_runs_survive(tmp_path: Path) -> None:
    folder = MEMORY if os.access(MEMORY, os.W_OK) else tmp_path
    command = [sys.executable, "-m", "tests.torture", "--small", "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n") == 4
