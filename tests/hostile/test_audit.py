"""Two hundred files with dotted paths, expressions and tags for texts: nothing is run, opened or sent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import yamlnet
from tests.hostile.auditing import NUM_FILES, ROOT

EVIL = """\
from pathlib import Path
from torch import nn
Path(__file__).with_name("ran").touch()
class Layer(nn.Module):
    def forward(self, values):
        return values
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that can be imported, and notes that it was."""
    folder = tmp_path / "packages" / "evil_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(EVIL)
    (tmp_path / "secret.csv").write_text("a,b\n")
    return folder


def test_files_have_nothing_done(package: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile.auditing", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["told"] == []
    assert sum(found["endings"].values()) == NUM_FILES
    assert found["endings"]["refused"] > NUM_FILES * 0.9
    assert not (package / "ran").exists()


def test_allow_is_asked_before_anything_is_imported(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package would be imported, had anybody permitted it."""
    monkeypatch.syspath_prepend(package.parent)
    text = "model: {input: [4], evil_package.Layer: }\n"
    assert [found.code for found in yamlnet.check(text)] == ["not-allowed"]
    assert not (package / "ran").exists()
    assert yamlnet.check(text, allow=["evil_package"]) == []
    assert (package / "ran").exists()
