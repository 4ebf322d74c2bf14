"""`yamlnet new`: every template is a file without mistakes and trains, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import yamlnet
from tests.cli.calling import call
from yamlnet.cli.new import MODELINE, names
from yamlnet.language.files import read
from yamlnet.language.source import read as parse

TEMPLATES = ["autoencoder", "cnn", "minimal", "mlp", "resnet", "transformer"]
TO_LOOK_AT = "transformer"


def test_the_templates_are_these_and_each_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "new")
    assert names() == TEMPLATES
    assert [line.split()[0] for line in ended.out.splitlines()] == TEMPLATES
    assert all(len(line) < 120 and len(line.split()) > 4 for line in ended.out.splitlines())


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_begins_with_the_modeline_and_has_no_mistake(
    template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "new", template)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(MODELINE + "# ")
    assert yamlnet.check(ended.out) == []


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != TO_LOOK_AT])
def test_a_template_trains(template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("start.yaml")
    with pytest.raises(SystemExit, match="0"):
        yamlnet.cli.main(["new", template, "--output", str(path)])
    document, _ = parse(read(path).text, "start.yaml")
    assert document is not None
    train = document.root.plain().get("train", {})
    few = {
        "train": {**train, "epochs": None, "steps": 2, "evaluate": 1},
        "data.batch_size": 8,
        "expect": None,
    }
    run = yamlnet.train(path, set=few)
    assert "test.loss" in run.metrics


def test_output_writes_a_file_and_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mlp.yaml"
    ended = call(capsys, "new", "mlp", "--output", str(path), "--schema")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert path.read_text() == call(capsys, "new", "mlp").out
    name = MODELINE.partition("$schema=")[2].strip()
    assert json.loads((tmp_path / name).read_text())["title"] == "yamlnet experiment"


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    ended = call(capsys, "new", "mlp", "--output", str(path), "--schema")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"error: `{path}` is there already\n  = help: nothing was written\n"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cn"], "error: there is no template `cn`\n  = help: did you mean `cnn`?\n"),
        (
            ["mlp", "--schema"],
            "error: `--schema` needs `--output FILE`\n  = help: yamlnet schema > yamlnet.schema.json\n",
        ),
        (
            ["mlp", "--output", "no/such/mlp.yaml"],
            "error: can't write `no/such/mlp.yaml`: no such file or directory\n",
        ),
    ],
    ids=["unknown", "schema", "folder"],
)
def test_wrong_words_end_with_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "new", *words)
    assert (ended.code, ended.out, ended.err) == (2, "", said)
