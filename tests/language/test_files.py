"""What a program hands over: a dict or a value that YAML can't write ends in a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import yamlnet

MODEL = {"model": {"input": [4], "Linear": 2}}


def nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"model": found}
    return found


def endless() -> dict[str, Any]:
    found: dict[str, Any] = {"model": {}}
    found["model"]["again"] = found
    return found


@pytest.mark.parametrize("document", [nested(100_000), endless()], ids=["nested", "endless"])
def test_a_dict_without_end_is_told(document: dict[str, Any]) -> None:
    with pytest.raises(yamlnet.YamlnetError, match="the dict is nested too deep, or holds itself"):
        yamlnet.check(document)


@pytest.mark.parametrize("value", [object(), {1, 2}, endless()], ids=["object", "set", "endless"])
def test_a_value_that_yaml_cannot_write_is_told(value: Any) -> None:
    with pytest.raises(yamlnet.YamlnetError, match="`set` holds what YAML can't write"):
        yamlnet.check(MODEL, set={"model.Linear": value})


def test_a_text_stays_a_text_beside_a_file_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "model: {input: [4], Linear: 2}"
    Path(text).write_text("model: {}\n")
    assert yamlnet.check(text) == []
