"""`yamlnet list [KIND]`: the names of the catalogue."""

from __future__ import annotations

import json

import pytest

from tests.cli.calling import call
from yamlnet.catalog import lookup
from yamlnet.catalog.entry import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_lists_its_names(kind: Kind, capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "list", kind)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[0] for line in ended.out.splitlines()] == list(lookup.names(kind))
    assert call(capsys, "list", f"{kind}s").out == ended.out


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
    }


def test_all_kinds_have_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = call(capsys, "list").out.splitlines()
    assert [line[:-1] for line in lines if line.endswith(":") and " " not in line] == list(KINDS)


def test_an_unknown_kind_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "list", "modul")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: there is no kind `modul`\n  = help: did you mean `module`?\n"
