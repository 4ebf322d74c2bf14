"""Data -> YAML text -> the same data, by the language's own rules."""

from __future__ import annotations

import random
from typing import Any

import pytest

from yamlnet.language.dump import dump
from yamlnet.language.source import read

TEXTS = [
    *("", " ", "1", "010", "1e3", "1_000", "0x10", "0o7", ".5", ".inf", ".nan", "null", "~", "true", "False"),
    *("on", "yes", "no", "off", "y", "=", "<<", "a: b", "a #b", "#a", "- a", "-", "*.bias", "&a", "!x", "%"),
    *(">= 0.97", "< 3", "| x", "@x", "`x`", "[a", "{a", "a]", "a, b", "'", '"', "it's", "\\n", "a\nb", "a\n"),
    *("\n", "\ttab", "trail ", " lead", "$width", "$$", "$(a, b)", "é日本", "\x07", "\x85", "\u2028", "---"),
    *("...", "? a", ": a", "a:", "2024-01-01", "12:30", "x" * 300, "word " * 60, "\ufeff", "0.1.2", "1__0"),
]


def back(text: str) -> Any:
    document, found = read(text, "dumped")
    assert found == []
    assert document is not None
    return document.root.plain()


@pytest.mark.parametrize("text", TEXTS)
def test_texts_stay_texts(text: str) -> None:
    data = {"a": text, "b": [text, {"c": text}], "d": {text: 1}}
    assert back(dump(data)) == data


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        10**30,
        0.1,
        1e-9,
        1e22,
        1e300,
        -0.5,
        3.0,
        float("inf"),
        True,
        False,
        None,
        [],
        {},
        [[]],
        [{}],
        {"a": {}},
    ],
)
def test_values_stay_what_they_are(value: Any) -> None:
    found = back(dump({"a": value, "b": [value]}))
    assert found == {"a": value, "b": [value]}
    assert type(found["a"]) is type(value)


def test_random_data_comes_back() -> None:
    chance = random.Random(3)

    def some(depth: int) -> Any:
        kind = chance.randrange(6 if depth else 3)
        if kind == 3:
            return [some(depth - 1) for _ in range(chance.randrange(4))]
        if kind > 3:
            return {chance.choice(TEXTS): some(depth - 1) for _ in range(chance.randrange(4))}
        return chance.choice([chance.choice(TEXTS), chance.randrange(-9, 9999), chance.random(), True, None])

    for _ in range(200):
        data = {"root": some(4)}
        assert back(dump(data)) == data


def test_keys_keep_their_order_and_short_lists_one_line() -> None:
    assert dump({"b": 1, "a": [1, 2], "c": [{"d": None}]}) == "b: 1\na: [1, 2]\nc:\n  - d: null\n"
