"""YAML text -> plain data and spans: every span leads back to its text, and nothing passes the limits."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import pytest

from tests.language.documents import CASES, CONFIGS, RICH, cut
from yamlnet.diagnostics import Diagnostic, Path
from yamlnet.language.source import Document, Node, plain_scalar, read

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in (*CONFIGS, *CASES)} | RICH
EXTRA = {
    "wide": 'é日本: {"ключ": [ñ, "日本", 1]}\n  ',
    "block": "a: |\n  two\n  lines\n\nb: >-\n  folded\n  text\n# end\nc: [1,\n  2]\n",
    "windows": "a: 1\r\nb:\r\n  - x\r\n  - {y: z}\r\n",
    "bom": "\ufeffa: {b: c}\n",
    "nulls": "a:\nb: ~\nc: {d: , e}\n",
    "quotes": "a: 'it''s'\nb: \"tab\\t\"\n\"c d\": - e\n".replace(": - e", ": e"),
}


def readable(texts: dict[str, str]) -> dict[str, tuple[str, Document]]:
    found = {}
    for name, text in texts.items():
        document, _ = read(text, name)
        if document is not None:
            found[name] = (document.texts[name], document)
    return found


READABLE = readable(TEXTS | EXTRA)


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    yield path, node
    if isinstance(node.value, dict):
        for key, below in node.value.items():
            yield from walk(below, (*path, key))
    elif isinstance(node.value, list):
        for position, below in enumerate(node.value):
            yield from walk(below, (*path, position))


def again(text: str, column: int) -> object:
    """What a piece of a text says by itself, indented as it was."""
    if not text:
        return None
    document, _ = read(" " * (column - 1) + text + "\n", "again")
    assert document is not None, text
    return document.root.plain()


def one(text: str) -> Diagnostic:
    """The only diagnostic of a text that can't be read."""
    document, (diagnostic,) = read(text, "net.yaml")
    assert document is None
    return diagnostic


def test_most_texts_are_readable() -> None:
    assert len(READABLE) > 200
    assert set(EXTRA) <= set(READABLE)


@pytest.mark.parametrize("name", READABLE)
def test_the_span_of_every_value_holds_that_value(name: str) -> None:
    text, document = READABLE[name]
    if "*" in text and "&" in text:
        pytest.skip("an alias has the place of its anchor")
    for path, node in walk(document.root):
        assert document.span(path) == node.span or not cut(text, node.span)
        assert again(cut(text, node.span), node.span.column) == node.plain() or node.value in ({}, None)
        assert document.has(path)


@pytest.mark.parametrize("name", READABLE)
def test_the_span_of_every_key_holds_that_key(name: str) -> None:
    text, document = READABLE[name]
    for path, node in walk(document.root):
        for key, span in node.keys.items():
            written = cut(text, span)
            assert key == written or str(again(written, 1)) == key
            assert document.span((*path, key), "key") == span


def test_a_path_that_is_not_written_has_the_span_of_what_is() -> None:
    document, _ = read("a: {b: [1, 2]}\n", "net.yaml")
    assert document is not None
    assert document.span(("a", "b", 7)) == document.span(("a", "b"))
    assert document.span(("a", "x", "y")) == document.span(("a",))
    assert not document.has(("a", "b", 7))
    assert document.span((), "key") == document.span(("a",), "key")


def test_an_alias_repeats_the_value_and_points_at_the_anchor() -> None:
    document, found = read("a: &x [1, 2]\nb: *x\n*x : 3\n", "net.yaml")
    assert document is None
    assert "a key must be a name" in found[0].message
    document, found = read("a: &x [1, 2]\nb: *x\nc: &k key\n*k : 3\n", "net.yaml")
    assert document is not None
    assert found == []
    assert document.root.plain() == {"a": [1, 2], "b": [1, 2], "c": "key", "key": 3}
    assert document.span(("b",)) == document.span(("a",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("on", "off", "yes", "no", "y", "n", "On", "YES", "tRUE", "nULL")),
        *((text, 10) for text in ("10", "+10", "010", "0010", "1_0", "0o12", "0xA", "0xa")),
        ("-10", -10),
        ("100_000", 100_000),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("1_", "1_"),
        ("0b11", "0b11"),
        ("0o8", "0o8"),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5", -0.5),
        ("1_000.5", 1000.5),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("e3", "e3"),
        (".", "."),
        ("-", "-"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_plain_scalars_are_read_by_yaml_1_2(text: str, value: object) -> None:
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


def test_nan_is_read() -> None:
    assert all(math.isnan(plain_scalar(text)) for text in (".nan", ".NaN", ".NAN"))  # type: ignore[arg-type]


def test_quoted_scalars_are_texts() -> None:
    document, _ = read("""{a: "1", b: 'null', c: "true", "<<": 2}""", "net.yaml")
    assert document is not None
    assert document.root.plain() == {"a": "1", "b": "null", "c": "true", "<<": 2}


def test_keys_are_texts_and_one_text_is_one_key() -> None:
    document, found = read('1: a\n"1": b\ntrue: c\nnull: d\n', "net.yaml")
    assert document is not None
    assert document.root.plain() == {"1": "a", "true": "c", "null": "d"}
    assert [d.code for d in found] == ["duplicate-key"]


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded_quickly(bracket: str) -> None:
    began = time.perf_counter()
    found = one(bracket * 100_000)
    assert time.perf_counter() - began < 20
    assert found.code in ("too-large", "yaml-syntax")
    assert found.span.line == 1


def test_64_levels_are_fine_and_65_too_many() -> None:
    document, found = read("[" * 64 + "]" * 64, "net.yaml")
    assert (document is not None, found) == (True, [])
    assert one("[" * 65 + "]" * 65).code == "too-large"


def test_one_mebibyte_is_fine_and_more_too_large() -> None:
    comment = "a: 1\n#"
    assert read(comment + "x" * (2**20 - len(comment)), "net.yaml")[0] is not None
    assert one(comment + "x" * (2**20 - len(comment) + 1)).code == "too-large"
    assert one(comment + "é" * (2**20 // 2)).code == "too-large"


def test_values_are_bounded_aliases_counted() -> None:
    assert read("[" + "1," * (99_999) + "]", "net.yaml")[0] is not None
    assert one("[" + "1," * 100_000 + "]").code == "too-large"
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    began = time.perf_counter()
    assert one(bomb).code == "too-large"
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x [*x]", "recursion"),
        ("a: &x {b: *x}", "recursion"),
        ("a: " + "9" * 5000, "too-large"),
        ("a: 1e999", "wrong-value"),
        ("a: \x00", "yaml-syntax"),
        ("a: \ud800", "yaml-syntax"),
        ("a: 1\n---\nb: 2", "yaml-syntax"),
        ("a: !!int 3", "yaml-syntax"),
        ("a: {<<: {b: 1}}", "yaml-syntax"),
        ("? [1, 2]\n: 3", "yaml-syntax"),
        ("[a, b]: 3", "yaml-syntax"),
    ],
)
def test_what_is_refused_has_a_place(text: str, code: str) -> None:
    found = one(text)
    assert found.code == code
    assert (found.span.line, found.span.column) >= (1, 1)


@pytest.mark.parametrize("name", ["graph", "forward"])
def test_a_text_that_breaks_off_anywhere_has_a_place_in_it(name: str) -> None:
    for end in range(0, len(RICH[name]), 2):
        text = RICH[name][:end]
        lines = text.split("\n")
        for found in read(text, name)[1]:
            assert found.span.line <= len(lines)
            assert found.span.column <= len(lines[found.span.line - 1]) + 1


def test_every_duplicate_key_is_told_and_the_first_one_counts() -> None:
    document, found = read("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n", "net.yaml")
    assert document is not None
    assert document.root.plain() == {"a": 1, "b": {"c": 1}}
    assert [(d.code, d.span.line, d.related[0].span.line) for d in found] == [
        ("duplicate-key", 2, 1),
        ("duplicate-key", 3, 3),
        ("duplicate-key", 4, 1),
    ]
