"""Every command that takes a path, given everything that isn't what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import call

NO_FILES = ["missing", "folder", "folder/missing/x", "net.yaml/x", ""]
NO_TEXTS = ["binary", "empty"]
FILES = [["check"], ["summary"], ["config"], ["train"]]
RUNS = [["evaluate"], ["predict", "RUN", "x.csv"], ["train", "--resume"], ["reproduce"]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "net.yaml").write_text("model: {input: [4], Linear: 2}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", FILES, ids=" ".join)
@pytest.mark.parametrize("path", [*NO_FILES[:-1], *NO_TEXTS])
def test_what_is_no_file_is_2_and_what_is_no_text_is_1(
    words: list[str], path: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *words, path)
    assert ended.code == (1 if path in NO_TEXTS else 2)
    assert ended.err.startswith("error") or words == ["check"]
    assert "Traceback" not in ended.err + ended.out
    assert path in ended.err + ended.out


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
@pytest.mark.parametrize("path", [*NO_FILES, *NO_TEXTS, "net.yaml"])
def test_what_is_no_run_is_2(
    words: list[str], path: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [path if word == "RUN" else word for word in words]
    ended = call(capsys, *given, *([] if "RUN" in words else [path]))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: there is no run in `{path or '.'}`\n")
    assert ended.err.count("\n") == 2


@pytest.mark.parametrize("path", ["folder", "net.yaml/x", "folder/missing/x"])
def test_a_template_that_cannot_be_written(
    path: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "new", "cnn", "--output", path)
    assert ended.code in (2, 3)
    assert ended.err.startswith("error: ")
    assert path in ended.err
