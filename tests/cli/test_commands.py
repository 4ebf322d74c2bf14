"""The list of commands, frozen, and what holds for all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import call
from yamlnet.catalog.lookup import names
from yamlnet.cli.commands import app

COMMANDS = [
    "train",
    "check",
    "summary",
    "config",
    "evaluate",
    "predict",
    "reproduce",
    "list",
    "explain",
    "schema",
    "new",
]
READS = [("check",), ("summary",), ("config",), ("train",)]


def test_the_commands_are_these() -> None:
    assert [command.name for command in app.registered_commands] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"yamlnet {command}" in ended.out
    assert command in call(capsys, "--help").out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from yamlnet import __version__

    assert call(capsys, "--version").out == f"yamlnet {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["chek"],
        ["check"],
        ["check", "--unknown", "net.yaml"],
        ["check", "net.yaml", "--format", "xml"],
        ["summary"],
        ["config", "a.yaml", "b.yaml"],
        ["list", "module", "loss"],
        ["explain"],
        ["schema", "net.yaml"],
        ["new", "cnn", "mlp"],
        ["explain", "Conv2d", "Linear"],
        ["train"],
        ["train", "net.yaml", "--resume", "runs/net/1"],
        ["evaluate"],
        ["evaluate", "runs/net/1", "--split", "half"],
        ["predict", "runs/net/1"],
        ["predict", "runs/net/1", "digit.png", "--top", "0"],
        ["check", "--set"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, *words)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train --resume runs/net/1 --runs runs", "`--runs` goes with FILE"),
        ("train --resume runs/net/1 --profile", "`--profile` goes with FILE"),
        ("train net.yaml --allow-data", "`--allow-data` goes with --resume RUN"),
        ("train net.yaml --allow-environment", "`--allow-environment` goes with --resume RUN"),
        ("summary net.yaml --parameters --init", "`--parameters` and `--init` are two lists: ask for one"),
        ("summary net.yaml --init --depth 1", "`--depth` is for the table of layers"),
        ("predict run x.png --top 1 --format json", "`--top` is for text: files and JSON have every class"),
        ("predict run x.png --top 2 --output x.csv", "`--top` is for text: files and JSON have every class"),
        (
            "predict run x.png --format json --output x.csv",
            "`--format` is for what is printed: the ending of `--output` says a file's",
        ),
        ("new --output net.yaml", "`--output` and `--schema` go with TEMPLATE"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *words.split())
    assert (ended.code, ended.out, ended.err) == (2, "", f"error: {said}\n")


@pytest.mark.parametrize("words", READS, ids=" ".join)
@pytest.mark.parametrize("option", ["seed", "=3"])
def test_set_without_key_or_value_ends_with_2(
    words: tuple[str, ...], option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("model: {input: [4], Linear: 2}\n")
    ended = call(capsys, *words, str(file), "--set", option)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: `--set {option}` isn't KEY=VALUE\n")


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_a_file_that_cannot_be_read_is_one_line_and_2(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *words, str(tmp_path / "missing.yaml"))
    assert ended.code == 2
    assert ended.err == f"error: can't read `{tmp_path / 'missing.yaml'}`: no such file or directory\n"
    assert call(capsys, *words, str(tmp_path)).err == f"error: can't read `{tmp_path}`: it is a folder\n"
    assert call(capsys, *words, "a\0b").code == 2


@pytest.mark.parametrize("words", [("summary",), ("config",), ("train",)], ids=" ".join)
def test_mistakes_in_a_file_end_with_1(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("model: {input: [4], Linaer: 2}\n")
    ended = call(capsys, *words, str(file))
    assert (ended.code, ended.out) == (1, "")
    assert "unknown module or function `Linaer`" in ended.err
    assert "^^^^^^ did you mean `Linear`?" in ended.err


def test_python_m_yamlnet_is_the_same_and_a_closed_pipe_is_fine() -> None:
    command = f"{sys.executable} -m yamlnet list | head -n 1"
    environment = {**os.environ, "NO_COLOR": "1"}
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    heading = f"module ({len(names('module'))}):\n"
    assert (ended.stdout, ended.stderr, ended.returncode) == (heading, "", 0)


def test_a_bug_says_so_and_ends_with_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("yamlnet.language.files.read", broken)
    ended = call(capsys, "check", "net.yaml")
    assert ended.code == 70
    assert "ZeroDivisionError: oops" in ended.err
    assert ended.err.splitlines()[-1].startswith("this is a bug in yamlnet")


def test_an_interrupt_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("yamlnet.language.files.read", interrupted)
    ended = call(capsys, "check", "net.yaml")
    assert (ended.code, ended.err) == (130, "interrupted\n")
