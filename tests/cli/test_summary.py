"""`yamlnet summary FILE`: the table of layers, of parameters, of initialisers; with a mistake what fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calling import call

FINE = """
model:
  input: [4]
  Sequential:
    - Linear: 3
    - [ReLU, {Linear: 2}]
init:
  - {type: Linear, weight: orthogonal}
"""
WRONG = """
model:
  input: [4]
  Sequential:
    - Linear: 3
    - {Linear: {in_features: 5, out_features: 2}}
    - ReLU
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    Path("fine.yaml").write_text(FINE)
    Path("wrong.yaml").write_text(WRONG)
    Path("unread.yaml").write_text("model: {input: [4], Linaer: 3}")


def test_a_mistake_shows_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "summary", "wrong.yaml")
    assert ended.code == 1
    assert ended.err.startswith("error[shape-mismatch]")
    assert [line.split()[:3] for line in ended.out.splitlines()[3:5]] == [
        ["5", "0", "Linear"],
        ["6", "1", "Linear"],
    ]
    assert "error" in ended.out.splitlines()[4]
    assert "ReLU" not in ended.out
    assert ended.out.endswith("the table ends at `1`, where the mistake is\n")


def test_a_mistake_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "summary", "wrong.yaml", "--format", "json")
    found = json.loads(ended.out)
    assert (ended.code, found["failed"]) == (1, "1")
    assert [(row["name"], row["note"]) for row in found["rows"]] == [("0", None), ("1", "error")]


@pytest.mark.parametrize("more", [(), ("--parameters",), ("--init",), ("--format", "json")], ids=" ".join)
def test_without_shapes_there_is_no_table(more: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "summary", "unread.yaml", *more)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error[unknown-name]")


def test_a_mistake_elsewhere_leaves_the_table_whole(capsys: pytest.CaptureFixture[str]) -> None:
    Path("init.yaml").write_text(FINE.replace("Linear, weight", "Conv2d, weight"))
    ended = call(capsys, "summary", "init.yaml")
    assert ended.code == 1
    assert ended.err.startswith("error[no-match]")
    assert "parameters  23 (all trainable)" in ended.out


def test_parameters_and_what_sets_them(capsys: pytest.CaptureFixture[str]) -> None:
    listed = call(capsys, "summary", "fine.yaml", "--parameters").out
    assert [line.split()[0] for line in listed.splitlines()[2:]] == [
        "0.weight",
        "0.bias",
        "1.1.weight",
        "1.1.bias",
    ]
    assert "orthogonal (line 8)" in listed.splitlines()[2]
    rules = call(capsys, "summary", "fine.yaml", "--init").out
    assert [line.split() for line in rules.splitlines()[2:]] == [
        ["orthogonal", "(line", "8)", "0.weight"],
        ["1.1.weight"],
        ["torch's", "default", "0.bias"],
        ["1.1.bias"],
    ]
    marked = call(capsys, "summary", "fine.yaml", "--parameters", "--format", "markdown").out
    assert marked.splitlines()[2] == "| 0.weight | [3, 4] | float32 | yes | orthogonal (line 8) |"


def test_rows_of_other_files_and_of_options_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wide.yaml").write_text("extends: fine.yaml\nmodel: {input: [6]}\n")
    ended = call(capsys, "summary", "wide.yaml", "--set", "model.Sequential.0={Linear: 7}")
    assert [line.split()[0] for line in ended.out.splitlines()[3:7]] == ["--set", *["fine.yaml:6"] * 3]


def test_depth_counts_from_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "summary", "fine.yaml", "--depth", "-1").code == 2
    assert "Linear" not in call(capsys, "summary", "fine.yaml", "--depth", "0").out
