"""Whatever a file holds, checking it ends in diagnostics with a place in it, never in an exception."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.language.documents import CONFIGS, RICH, text_of
from yamlnet import api, pipeline
from yamlnet.diagnostics import CODES, Diagnostic
from yamlnet.language import render
from yamlnet.language.check import check

TEXTS = [*(path.read_text(encoding="utf-8") for path in CONFIGS), *RICH.values()]
PIECES = [
    *"[]{},:#&*!|>'\"%@`-?$ \n\t~",
    *(
        "- ",
        ": ",
        "$(",
        "$x",
        "<<: ",
        "null",
        "true",
        "1e999",
        "-1",
        "0.5",
        "[]",
        "{}",
        "é",
        "\u2028",
        "\x07",
    ),
    *("from: ", "Linear", "Sequential: ", "ModuleDict: ", "input", "train", "output: [", "groups: "),
    *("9" * 30, "\n---\n", "$(1/0)", "$num_classes", "LSTM: 3", "validation.loss", "forward: [a]"),
]


def removed(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text))
    return text[:start] + text[start + chance.choice((1, 1, 2, 5, 30)) :]


def inserted(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text) + 1)
    return text[:start] + chance.choice(PIECES) + text[start:]


def line_moved(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    line = lines.pop(chance.randrange(len(lines)))
    lines.insert(chance.randrange(len(lines) + 1), " " * chance.choice((0, 0, 2, 4)) + line)
    return "\n".join(lines)


def word_replaced(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice((*PIECES, chance.choice(words)))
    return " ".join(words)


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    removed,
    inserted,
    line_moved,
    word_replaced,
    word_replaced,
)


def mutated(seed: int) -> str:
    chance = random.Random(seed)
    text = chance.choice(TEXTS)
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = chance.choice(MUTATIONS)(text, chance)
    return text


def assert_in_order(found: tuple[Diagnostic, ...] | list[Diagnostic], text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [d.span for d in found] == sorted(d.span for d in found)
    for diagnostic in found:
        span = diagnostic.span
        assert diagnostic.code in CODES
        assert "\n" not in diagnostic.message
        assert 1 <= span.line <= span.end_line <= len(lines) + 1
        assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert span.column <= len([*lines, ""][span.line - 1]) + 2
    render.as_text(found, {"net.yaml": text})


@pytest.mark.parametrize("block", range(4))
def test_mutated_experiments_never_raise(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        text = mutated(seed)
        assert_in_order(check(text_of(text)).diagnostics, text)


def test_mutated_experiments_never_raise_where_torch_judges_them() -> None:
    for seed in range(1000, 1060):
        text = mutated(seed)
        assert_in_order(pipeline.examine(text_of(text)).diagnostics, text)


def test_random_characters_never_raise() -> None:
    chance = random.Random(7)
    alphabet = [*map(chr, range(32, 127)), "\n", "\n", "\t", "\r", "\0", "é", "日", "\ufeff", "\ud800"]
    for _ in range(300):
        text = "".join(chance.choices(alphabet, k=chance.randrange(200)))
        assert_in_order(check(text_of(text)).diagnostics, text)


def test_random_bytes_never_raise(tmp_path_factory: pytest.TempPathFactory) -> None:
    chance = random.Random(8)
    file = tmp_path_factory.mktemp("bytes") / "net.yaml"
    for _ in range(60):
        file.write_bytes(chance.randbytes(chance.randrange(300)))
        assert api.check(file)
