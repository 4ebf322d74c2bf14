"""`yamlnet config FILE`: the whole document, and where one value came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calling import call, feed

TEXT = "vars: {width: 3}\nmodel: {input: [4], Linear: $(width * 2)}\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(TEXT)
    return "net.yaml"


def test_text_and_json_hold_the_same(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "config", file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "version: 1\nname: net\nseed: 0\nvars:\n  width: 3\n"
        "model:\n  input: [4]\n  Linear:\n    out_features: 6\n    bias: true\n"
    )
    document = json.loads(call(capsys, "config", file, "--format", "json").out)
    assert document["model"] == {"input": [4], "Linear": {"out_features": 6, "bias": True}}


def test_what_it_prints_is_what_it_reads(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = call(capsys, "config", file).out
    feed(monkeypatch, printed.encode())
    assert call(capsys, "config", "-").out == printed


@pytest.mark.parametrize(
    ("key", "printed"),
    [
        ("vars.width", "vars.width: 3\n  from net.yaml:1:15\n"),
        ("model.Linear.out_features", "model.Linear.out_features: 6\n  from net.yaml:2:29\n"),
        ("model.Linear.bias", "model.Linear.bias: true\n  from the default\n"),
        ("seed", "seed: 7\n  from the option --set seed=7\n"),
    ],
)
def test_explain(key: str, printed: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "config", file, "--set", "seed=7", "--explain", key).out == printed


def test_explain_as_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "config", file, "--explain", "seed", "--format", "json")
    assert json.loads(ended.out) == {"key": "seed", "value": 0, "origin": "the default"}


def test_explain_of_a_key_that_is_not_there(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "config", file, "--explain", "sed")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: the document has no `sed`\n  = help: did you mean `seed`?\n"


def test_summary_of_a_fine_file(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "summary", file)
    assert (ended.code, ended.err) == (0, "")
    assert "Linear" in ended.out
    assert "30" in ended.out


def test_what_only_the_data_tell_is_read_from_them(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text("town,size\nOslo,1\nBergen,2\nOslo,3\nBergen,4\n")
    Path("table.yaml").write_text(
        "data:\n  dataset: {Csv: {path: table.csv}}\n"
        "  fields: {town: category, size: {number: [size]}}\n  target: town\n"
        "model: {Linear: $num_classes}\n"
    )
    ended = call(capsys, "config", "table.yaml", "--explain", "model.Linear.out_features")
    assert ended.out.split("\n")[0] == "model.Linear.out_features: 2"
