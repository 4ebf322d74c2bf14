"""Words tested as words: each file of tests/cases and exactly what `yamlnet check` prints for it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.golden import CASES, FOLDER, printed
from yamlnet.diagnostics import CODES

KEYS = {
    "file": str,
    "line": int,
    "column": int,
    "end_line": int,
    "end_column": int,
    "code": str,
    "severity": str,
    "message": str,
    "help": str | None,
    "suggestion": str | None,
    "path": list,
    "related": list,
}
PLACE = ("file", "line", "column", "end_line", "end_column")


@cache
def diagnostics(case: Path) -> list[dict[str, Any]]:
    return json.loads(printed(case, "--format", "json"))


every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)


@every_case
def test_check_prints_exactly_this(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    expected = case.with_suffix(".out").read_text(encoding="utf-8")
    assert printed(case) == expected
    last = expected.splitlines()[-1].removesuffix(", but for shapes that only the data tell")
    assert re.fullmatch(rf"{re.escape(case.name)}: (ok|(ok, )?\d+ (error|warning)s?(, \d+ warnings?)?)", last)


@every_case
def test_json_has_the_promised_keys_sorted_by_place(case: Path) -> None:
    found = diagnostics(case)
    for diagnostic in found:
        assert list(diagnostic) == list(KEYS)
        assert all(isinstance(diagnostic[key], kind) for key, kind in KEYS.items())
        assert diagnostic["severity"] in ("error", "warning")
        assert diagnostic["code"] in CODES
        for related in diagnostic["related"]:
            assert list(related) == [*PLACE, "message"]
    assert found == sorted(found, key=_place)


@every_case
def test_headlines_are_one_lower_case_line_without_a_full_stop(case: Path) -> None:
    for diagnostic in diagnostics(case):
        message = diagnostic["message"]
        assert "\n" not in message
        assert not message.endswith((".", ":"))
        first = message.split()[0]
        assert first == first.lower() or first.startswith("`") or first in ("YAML", "U+0007"), message
        assert (diagnostic["line"], diagnostic["column"]) < (
            diagnostic["end_line"],
            diagnostic["end_column"],
        ) or message.startswith("the file is empty")
        assert diagnostic["suggestion"] is None or diagnostic["help"] is not None


@every_case
def test_one_place_has_one_message(case: Path) -> None:
    found = diagnostics(case)
    places = [tuple(diagnostic[key] for key in PLACE) for diagnostic in found]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_case_that_is_named_by_it(code: str) -> None:
    named = [case for case in CASES if case.stem.startswith(f"{code}-")]
    assert named
    for case in named:
        assert f"[{code}]: " in case.with_suffix(".out").read_text(encoding="utf-8"), case.name


def test_cases_are_named_by_a_code_and_each_has_its_words() -> None:
    prefixes = (*CODES, "fine", "sorted")
    assert all(case.stem.startswith(tuple(f"{prefix}-" for prefix in prefixes)) for case in CASES)
    assert {case.with_suffix(".out") for case in CASES} == set(FOLDER.glob("*.out"))


def _place(diagnostic: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(diagnostic[key] for key in (*PLACE, "code", "message"))
