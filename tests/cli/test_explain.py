"""`yamlnet explain NAME`: names of the catalogue, words of the language, and codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.calling import call
from yamlnet.catalog.entry import KINDS, Entry, Parameter
from yamlnet.catalog.lookup import find, names
from yamlnet.diagnostics import CODES
from yamlnet.language.codes import EXPLANATIONS
from yamlnet.language.keys import NODE_KEYS, SECTION_KEYS
from yamlnet.language.words import WORDS

CONV2D = """\
Conv2d: a module
torch.nn.Conv2d
Applies a 2D convolution over an input signal composed of several input planes

Parameters:
  in_channels   inferred  an integer, at least 1, inferred from axis 1 of the input
  out_channels  required  an integer, at least 1
  kernel_size   required  an integer or a list of 2 integers, at least 1
  stride        1         an integer or a list of 2 integers, at least 1
  padding       0         an integer, a list of 2 integers, `same` or `valid`, at least 0
  dilation      1         an integer or a list of 2 integers, at least 1
  groups        1         an integer, at least 1
  bias          true      true or false
  padding_mode  zeros     one of `zeros`, `reflect`, `replicate`, `circular`

`Conv2d: 16` says `out_channels`. `from` brings `input`: the node before, when left out.

Example:
  model:
    input: [3, 32, 32]
    Sequential:
      - Conv2d: {out_channels: 16, kernel_size: 3}
"""


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    ended = call(capsys, "explain", *words, "--format", "json")
    assert (ended.code, ended.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def test_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "explain", "Conv2d").out == CONV2D


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_explained(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in names(kind):  # type: ignore[arg-type]
        entry = find(name, kind)  # type: ignore[arg-type]
        assert entry is not None
        ended = call(capsys, "explain", name, "--kind", kind)
        assert (ended.code, ended.err) == (0, "")
        lines = ended.out.splitlines()
        assert lines[0].startswith(f"{name}: a")
        assert entry.target in lines[1]
        assert entry.summary[:60] in ended.out
        shown = {line.split()[0] for line in lines if line.startswith("  ")}
        assert set(entry.options) <= shown


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    (meaning,) = explained(capsys, "Linear")
    assert (meaning["name"], meaning["kind"], meaning["torch"]) == ("Linear", "module", "torch.nn.Linear")
    assert meaning["positional"] == "out_features"
    assert meaning["snippet"] == "model:\n  input: [16]\n  Sequential:\n    - Linear: 10\n"
    (meaning,) = explained(capsys, "SparseAdam")
    assert meaning["snippet"] is None
    (meaning,) = explained(capsys, "Sequential")
    assert meaning == {
        "name": "Sequential",
        "kind": "word",
        "summary": WORDS["Sequential"].meaning,
        "snippet": WORDS["Sequential"].snippet,
    }
    (meaning,) = explained(capsys, "recursion")
    assert meaning == {
        "name": "recursion",
        "kind": "code",
        "summary": CODES["recursion"],
        **vars(EXPLANATIONS["recursion"]),
    }


@pytest.mark.parametrize("name", [*WORDS, *CODES])
def test_words_and_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "explain", name)
    assert (ended.code, ended.err) == (0, "")
    texts = [WORDS[name].snippet] if name in WORDS else [EXPLANATIONS[name].wrong, EXPLANATIONS[name].right]
    for text in texts:
        assert "".join(f"  {line}\n" for line in text.splitlines()) in ended.out


def test_a_name_of_two_kinds_shows_both_or_the_one_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = {
        "module": Entry("Twin", "module", "torch.nn.Twin", {}, inputs=(Parameter("input", "tensor"),)),
        "optimizer": Entry("Twin", "optimizer", "torch.optim.Twin", {"lr": Parameter("lr", "float", 0.1)}),
    }
    monkeypatch.setattr("yamlnet.catalog.lookup.kinds_of", lambda name: tuple(entries))
    monkeypatch.setattr("yamlnet.catalog.lookup.find", lambda name, kind: entries.get(kind))
    both = call(capsys, "explain", "Twin").out
    assert "Twin: a module" in both
    assert "Twin: an optimizer" in both
    assert call(capsys, "explain", "Twin", "--kind", "optimizer").out == both.partition("\n\n\n")[2]
    assert [meaning["kind"] for meaning in explained(capsys, "Twin")] == ["module", "optimizer"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["Con2d"], "there is no name `Con2d`\n  = help: did you mean `Conv2d`?"),
        (["shape-missmatch"], "there is no name `shape-missmatch`\n  = help: did you mean `shape-mismatch`?"),
        (["Sequental"], "there is no name `Sequental`\n  = help: did you mean `Sequential`?"),
        (
            ["qqqqqqqq"],
            "there is no name `qqqqqqqq`\n  = help: `yamlnet list` shows the names of the catalogue",
        ),
        (["Adam", "--kind", "loss"], "`Adam` is no loss\n  = help: it is an optimizer"),
        (["Adam", "--kind", "los"], "there is no kind `los`\n  = help: did you mean `loss`?"),
        (["Adm", "--kind", "optimizer"], "there is no optimizer `Adm`\n  = help: did you mean `Adam`?"),
        (["module"], "`module` is a kind of names\n  = help: `yamlnet list module` shows them"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_has_no_meaning_ends_with_2(
    words: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, "explain", *words)
    assert (ended.code, ended.out, ended.err) == (2, "", f"error: {error}\n")


def test_a_terminal_breaks_the_last_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yamlnet.cli.output.width", lambda stream: 60)
    out = call(capsys, "explain", "Conv2d").out
    assert max(map(len, out.splitlines())) <= 60
    broken = (
        "  padding       0         an integer, a list of 2 integers,\n"
        "                          `same` or `valid`, at least 0\n"
    )
    assert broken in out


@pytest.mark.parametrize("path", [*SECTION_KEYS, *NODE_KEYS])
def test_every_key_has_words(capsys: pytest.CaptureFixture[str], path: str) -> None:
    name = path.rpartition(".")[2]
    summaries = [meaning["summary"] for meaning in explained(capsys, name)]
    known = {**SECTION_KEYS, **NODE_KEYS}[path]
    assert known in summaries or name in WORDS


@pytest.mark.parametrize(("section", "key"), [("loss", "weight"), ("data", "batch_size"), ("train", "ema")])
def test_a_section_is_explained_with_its_keys(
    section: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = call(capsys, "explain", section)
    lines = found.out.splitlines()
    assert found.code == 0
    assert lines[:2] == [f"{section}: a key of the file", SECTION_KEYS[section]]
    assert f"  {key} " in found.out
    assert SECTION_KEYS[f"{section}.{key}"] in found.out
