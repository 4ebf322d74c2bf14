"""What is printed, and where to: closed and full streams, narrow encodings, and what steers terminals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import call
from yamlnet.cli import output

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202e"


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("yamlnet", f"{sys.executable} -m yamlnet")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text("model: {input: [4], Linaer: 2}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        ("| true", 0),
        ("> /dev/full", 3),
        (">&-", 0),
        ("2>&-", 0),
        (">&- 2>&- <&-", 0),
        ("2> /dev/full", 0),
    ],
)
@pytest.mark.parametrize("command", ["yamlnet list", "yamlnet --help"])
def test_streams_that_take_nothing(command: str, streams: str, code: int, folder: Path) -> None:
    ended = shell(f"{command} {streams}", folder)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1 if code else 0)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("streams", ["", "2>&-", "2> /dev/full", ">&- 2>&- <&-"])
def test_a_mistake_is_1_where_nobody_reads_of_it(streams: str, folder: Path) -> None:
    assert shell(f"yamlnet config net.yaml {streams}", folder).returncode == 1


def test_without_standard_input_there_is_nothing_to_check(folder: Path) -> None:
    ended = shell("yamlnet check - <&-", folder)
    assert (ended.returncode, ended.stderr) == (2, "error: there is no standard input to read from\n")


@pytest.mark.parametrize(
    "settings", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_letters_that_the_encoding_lacks_are_escaped(settings: dict[str, str], folder: Path) -> None:
    (folder / "né.yaml").write_text("model: {input: [4], Linéar: 2}\n", encoding="utf-8")
    ended = shell("yamlnet check né.yaml", folder, PYTHONIOENCODING="ascii", **settings)
    assert ended.returncode == 1
    assert "did you mean `Linear`?" in ended.stdout
    assert ended.stdout.isascii()


def test_names_that_are_no_text(folder: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.yaml")
    (folder / name).write_text("model: {input: [4], Linear: 2}\n")
    ended = shell("yamlnet check *.yaml; yamlnet summary $'\\xff\\xfe.yaml' --format json", folder, HOME="")
    assert "Traceback" not in ended.stderr
    assert "\\udcff\\udcfe.yaml: ok" in ended.stdout


def test_a_working_directory_that_is_gone(folder: Path) -> None:
    ended = shell("mkdir gone; cd gone; rmdir ../gone; yamlnet check ../net.yaml", folder)
    assert (ended.returncode, ended.stderr) == (3, "error: the working directory isn't there any more\n")


@pytest.mark.parametrize(
    "words",
    [
        ["check", ESCAPES],
        ["check", "net.yaml", f"--{ESCAPES}"],
        ["check", "net.yaml", "--set", ESCAPES],
        ["check", "net.yaml", "--set", f"{ESCAPES}=1"],
        ["check", "net.yaml", "--format", ESCAPES],
        ["check", "net.yaml", "--allow", ESCAPES],
        ["config", "net.yaml", "--explain", ESCAPES],
        ["train", "--resume", ESCAPES],
        ["evaluate", ESCAPES],
        ["predict", ESCAPES, ESCAPES],
        ["list", ESCAPES],
        ["explain", ESCAPES],
        ["new", ESCAPES],
        [ESCAPES],
    ],
    ids=ascii,
)
def test_nothing_that_is_typed_steers_the_terminal(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    ended = call(capsys, *words)
    assert ended.code in (1, 2)
    assert not set("\x1b\x07\x9b\x7f\u202e") & set(ended.out + ended.err)


@pytest.mark.parametrize("format", ["text", "json", "oneline", "github", "sarif"])
def test_nothing_in_a_file_steers_the_terminal(
    format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.yaml"
    text = json.dumps(ESCAPES).replace("\x7f", "\\x7f")
    file.write_text(f"model: {{input: [4], {text}: 2}}\n")
    ended = call(capsys, "check", str(file), "--format", format)
    assert ended.code == 1
    assert not set("\x1b\x07\x9b\x7f\u202e") & set(ended.out + ended.err)
    if format in ("json", "sarif"):
        json.loads(ended.out)


def test_what_is_made_harmless_is_json_still() -> None:
    text = json.dumps({ESCAPES: "é\n\t"}, ensure_ascii=False)
    assert json.loads(output.harmless(text)) == {ESCAPES: "é\n\t"}
    assert output.harmless("a\tb\né") == "a\tb\né"
