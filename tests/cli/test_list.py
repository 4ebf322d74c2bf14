"""`yamlnet list [KIND]`: the names of the catalogue."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.calling import call
from yamlnet.catalog import lookup
from yamlnet.catalog.entry import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_lists_its_names(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "list", kind)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[0] for line in ended.out.splitlines()] == list(lookup.names(kind))
    assert call(capsys, "list", "losses" if kind == "loss" else f"{kind}s").out == ended.out


def test_json_has_every_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        entry["name"]: entry for entry in json.loads(call(capsys, "list", "module", "--format", "json").out)
    }
    assert set(found) == set(lookup.names("module"))
    parameters = {one["name"]: one for one in found["Linear"]["parameters"]}
    assert parameters["in_features"]["inferred"]
    assert parameters["out_features"]["required"]
    assert parameters["bias"] == {
        "name": "bias",
        "type": "bool",
        "required": False,
        "inferred": False,
        "default": True,
        "description": "true or false",
    }
    assert found["Linear"]["positional"] == "out_features"
    assert found["Linear"]["inputs"] == [{"name": "input", "required": True}]


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    json.loads(call(capsys, "list", "--format", "json").out, parse_constant=refuse)


def test_all_kinds_have_a_heading_with_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    out = call(capsys, "list").out
    headings = re.findall(r"^(\w+) \((\d+)\):$", out, re.M)
    assert headings == [(kind, str(len(lookup.names(kind)))) for kind in KINDS]


def test_summaries_begin_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    lines = call(capsys, "list", "module").out.splitlines()
    (column,) = {len(re.match(r"\S+ +", line)[0]) for line in lines}  # type: ignore[index]
    assert column == max(map(len, lookup.names("module"))) + 2


def test_a_terminal_cuts_summaries_and_a_pipe_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = call(capsys, "list", "module").out.splitlines()
    monkeypatch.setattr("yamlnet.cli.output.width", lambda stream: 50)
    cut = call(capsys, "list", "module").out.splitlines()
    assert max(map(len, whole)) > 100
    assert max(map(len, cut)) == 50
    assert all(a == b or (b.endswith("…") and a.startswith(b[:-1])) for a, b in zip(whole, cut, strict=True))


def test_an_unknown_kind_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "list", "modul")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: there is no kind `modul`\n  = help: did you mean `module`?\n"


@pytest.mark.parametrize("name", ["Adam", "Sequential", "shape-mismatch"])
def test_a_name_is_for_explain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "list", name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"error: there is no kind `{name}`\n  = help: `yamlnet explain {name}` explains it\n"
