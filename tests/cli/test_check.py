"""`yamlnet check FILE...`: one line for each fine file, every mistake of the others, and the exit code."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call, feed

FINE = "model: {input: [4], Linear: 2}\n"
WRONG = "model: {input: [4], Linaer: 2}\n"
WARNED = "model:\n  input: [4]\n  ModuleDict: {a: ReLU, b: {ReLU, from: input}}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    contents = {"fine": FINE, "wrong": WRONG, "warned": WARNED, "empty": "", "comment": "# nothing\n"}
    for name, content in contents.items():
        Path(f"{name}.yaml").write_text(content)
    Path("latin.yaml").write_bytes(b"model: 3\nname: caf\xe9\n")
    return tmp_path


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        (["fine.yaml"], 0, ["fine.yaml: ok"]),
        (["warned.yaml"], 0, ["warned.yaml: ok, 1 warning"]),
        (["wrong.yaml"], 1, ["wrong.yaml: 1 error"]),
        (["empty.yaml"], 1, ["empty.yaml: 1 error"]),
        (["comment.yaml"], 1, ["comment.yaml: 1 error"]),
        (["latin.yaml"], 1, ["latin.yaml: 1 error"]),
        (["fine.yaml", "fine.yaml"], 0, ["fine.yaml: ok", "fine.yaml: ok"]),
        (["fine.yaml", "wrong.yaml", "warned.yaml"], 1, ["warned.yaml: ok, 1 warning"]),
        (["missing.yaml", "fine.yaml"], 2, ["fine.yaml: ok"]),
        (["missing.yaml", "wrong.yaml", "."], 2, ["wrong.yaml: 1 error"]),
        (["wrong.yaml", "--set", "model={input: [4], Linear: 2}"], 0, ["wrong.yaml: ok"]),
        (["fine.yaml", "--set", "seed=fast"], 1, ["fine.yaml: 1 error"]),
    ],
    ids=str,
)
def test_exit_codes_and_last_lines(
    arguments: list[str], code: int, last: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "check", *arguments)
    assert ended.code == code
    assert ended.out.splitlines()[-len(last) :] == last


@pytest.mark.usefixtures("files")
def test_unreadable_files_are_told_of_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "missing.yaml", ".", "fine.yaml")
    assert ended.err == (
        "error: can't read `missing.yaml`: no such file or directory\nerror: can't read `.`: it is a folder\n"
    )
    assert ended.out == "fine.yaml: ok\n"


@pytest.mark.parametrize("command", ["check", "summary", "config"])
def test_a_file_whose_name_reads_like_a_text_is_read(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run: a.yaml").write_text("model: {input: [4], Linear: 2}\n")
    assert call(capsys, command, "run: a.yaml").code == 0
    Path("run: b.yaml").write_text("modle: {input: [4], Linear: 2}\n")
    ended = call(capsys, command, "run: b.yaml")
    assert ended.code == 1
    assert "run: b.yaml:1:1" in ended.out + ended.err


def test_a_name_too_long_for_a_file_is_told_in_short(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "[" * 5000)
    assert ended.code == 2
    assert ended.err == f"error: can't read `{'[' * 255}...`: file name too long\n"


@pytest.mark.usefixtures("files")
def test_extends_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "--set", "extends=wrong.yaml")
    assert "unknown-key]: `extends` stands in a file: an option can't set it" in ended.out


@pytest.mark.usefixtures("files")
def test_a_file_that_is_not_utf_8_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "latin.yaml")
    assert ended.out.splitlines()[:2] == [
        "error[yaml-syntax]: the byte 0xE9 isn't UTF-8 text",
        " --> latin.yaml:2:10".replace(" -->", "  -->"),
    ]


@pytest.mark.usefixtures("files")
def test_an_empty_file_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    first = call(capsys, "check", "empty.yaml").out.splitlines()[0]
    assert first == (
        "error[missing-key]: the file is empty: an experiment needs `data`, `model`, `loss` and `optimizer`"
    )


@pytest.mark.parametrize(("content", "code"), [(FINE, 0), (WRONG, 1), ("", 1)])
def test_a_dash_is_standard_input(
    content: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(monkeypatch, content.encode())
    ended = call(capsys, "check", "-")
    assert ended.code == code
    assert ended.out.splitlines()[-1].startswith("<stdin>: ")
    if code:
        assert "--> <stdin>:1:" in ended.out


def test_standard_input_that_is_not_utf_8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(monkeypatch, b"\xff\xfe")
    assert call(capsys, "check", "-").code == 1


@pytest.mark.usefixtures("files")
def test_json_is_one_array_over_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "wrong.yaml", "fine.yaml", "empty.yaml", "--format", "json")
    assert ended.code == 1
    assert [(d["file"], d["line"], d["code"]) for d in json.loads(ended.out)] == [
        ("empty.yaml", 1, "missing-key"),
        ("wrong.yaml", 1, "unknown-name"),
    ]
    assert json.loads(call(capsys, "check", "fine.yaml", "--format", "json").out) == []


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("format", "printed"),
    [
        (
            "oneline",
            "wrong.yaml:1:21: error[unknown-name] unknown module or function `Linaer` "
            "(did you mean `Linear`?)\n",
        ),
        (
            "github",
            "::error file=wrong.yaml,line=1,endLine=1,col=21,title=unknown-name"
            "::unknown module or function `Linaer`%0Adid you mean `Linear`?\n",
        ),
    ],
)
def test_other_formats(format: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "wrong.yaml", "--format", format)
    assert (ended.code, ended.out) == (1, printed)


@pytest.mark.usefixtures("files")
def test_sarif_is_one_log_for_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "wrong.yaml", "warned.yaml", "--format", "sarif")
    assert ended.code == 1
    (run,) = json.loads(ended.out)["runs"]
    found = [(result["ruleId"], result["level"], _file(result)) for result in run["results"]]
    assert found == [("unused-value", "warning", "warned.yaml"), ("unknown-name", "error", "wrong.yaml")]
    region = run["results"][1]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 1, "startColumn": 21, "endLine": 1, "endColumn": 27}


def _file(result: dict[str, Any]) -> str:
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


@pytest.mark.usefixtures("files")
def test_quiet_leaves_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "warned.yaml", "--quiet")
    assert (ended.code, ended.out) == (0, "")
    assert call(capsys, "check", "wrong.yaml", "-q").out.splitlines()[-1] == "wrong.yaml: 1 error"


@pytest.mark.usefixtures("files")
def test_colour_on_a_terminal_that_wants_it_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" not in call(capsys, "check", "wrong.yaml").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[1;31merror[unknown-name]\x1b[0m" in call(capsys, "check", "wrong.yaml").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in call(capsys, "check", "wrong.yaml").out
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in call(capsys, "check", "wrong.yaml").out


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("key", "value"),
    [("expect.test.accuracy", ">= 0.9"), ("expect.test.accuracy", ">0.9"), ("name", "@mine"), ("name", "*x")],
)
def test_an_option_whose_value_needs_quotes_shows_both_kinds(
    key: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "check", "fine.yaml", "--set", f"{key}={value}")
    assert ended.code == 1
    assert f"""quote it inside the option too: --set '{key}="{value}"'\n""" in ended.out
    assert f"can't begin with `{value[0]}`" in ended.out or "has no anchor" in ended.out
    (words,) = (line.partition("--set ")[2] for line in ended.out.splitlines() if "quote it" in line)
    quoted = call(capsys, "check", "fine.yaml", "--set", *shlex.split(words))
    assert "yaml-syntax" not in quoted.out


@pytest.mark.usefixtures("files")
def test_no_quotes_are_offered_around_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "--set", "metrics=[Accuracy")
    assert "this `[` is never closed" in ended.out
    assert "quote it" not in ended.out


@pytest.mark.usefixtures("files")
def test_a_mistake_in_an_option_shows_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "check", "fine.yaml", "--set", "seed=1", "--set", "model.Linear=two")
    assert "  --> --set:2:14\n" in ended.out
    assert " 2 | model.Linear=two\n   |              ^^^\n" in ended.out
