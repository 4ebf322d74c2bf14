"""Right files with one slip of the hand: the diagnostic stands where the hand slipped."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.language.documents import CONFIGS
from yamlnet.language.slips import MAX_LINE, MAX_TEXT
from yamlnet.language.source import read

SLIPS = {
    "no colon at the end": (r"(?<=\w):$", ""),
    "no space after the colon": (r"(?<=\w): (?=[\[{])", ":"),
    "no colon before a bracket": (r"(?<=\w): (?=[\[{])", " "),
    "an equals sign": (r"(?<=\w): (?=[\[{])", " = "),
    "no dash": (r"^( +)- ", r"\1"),
    "no space after the dash": (r"^( +)- ", r"\1-"),
    "a star for the dash": (r"^( +)- ", r"\1* "),
    "a space too many before the dash": (r"^( +)- ", r"\1 - "),
    "no comma": (r", ", " "),
    "two commas": (r", ", ",, "),
    "another bracket": (r"\]", "}"),
    "a semicolon": (r"(?<=[\]}])$", ";"),
    "a comma at the end": (r"(?<=[\]}])$", ","),
    "no quote at the end": (r"(?<=\S)\"(?=[,\]}\n])", ""),
}
"""What is written, and what the hand writes in its place."""

MULTILINE = 'name: "of several\n  lines"\nmodel: {input: [4], Linear: 2}\n'


def slipped(pattern: str, written: str) -> Iterator[tuple[str, int]]:
    """Every shipped file with every slip of a kind, and the line where it stands."""
    for config in CONFIGS:
        text = config.read_text(encoding="utf-8")
        for found in re.finditer(pattern, text, re.MULTILINE):
            before = text[: found.start()]
            if "#" not in before.rpartition("\n")[2]:
                yield before + found.expand(written) + text[found.end() :], before.count("\n") + 1


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_told_where_it_stands(name: str) -> None:
    told = 0
    for text, line in slipped(*SLIPS[name]):
        document, found = read(text, "net.yaml")
        if document is None:
            told += 1
            assert (found[-1].span.line, found[-1].code) == (line, "yaml-syntax"), text
    assert told


def test_a_text_of_several_lines_may_be_quoted() -> None:
    document, found = read(MULTILINE, "net.yaml")
    assert document is not None
    assert found == []


def test_another_mistake_after_a_quoted_text_of_several_lines_stands_where_it_is() -> None:
    _, (found,) = read(MULTILINE + "loss [1]\n  - a: 1\n", "net.yaml")
    assert found.span.line > 3


@pytest.mark.parametrize("text", ["# note: x\n" * MAX_TEXT, f"name: {'a' * MAX_LINE}\n"])
def test_no_slip_is_looked_for_in_what_is_long(text: str) -> None:
    _, (found,) = read(f"{text}model\n  input: [4]\n", "net.yaml")
    assert found.help is None
