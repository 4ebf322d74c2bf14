"""`$name` and `$(expression)`: what they are worth, what they refuse, and that nothing large is ever made."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.language.documents import checked
from yamlnet.diagnostics import Mistake
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.substitution import evaluate_vars, substitute

SCOPE = {"width": 64, "rate": 0.5, "name": "relu", "sizes": [1, 2, 3], "on": True, "unseen": UNKNOWN}


def value(text: Any) -> Any:
    found, mistakes = substitute(text, ("here",), SCOPE)
    assert mistakes == []
    return found


def mistake(text: str) -> Mistake:
    found, (only,) = substitute(text, ("here",), SCOPE)
    assert found is UNKNOWN
    assert (only.code, only.path) == ("expression", ("here",))
    return only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$width", 64),
        ("$(width)", 64),
        ("$rate", 0.5),
        ("$on", True),
        ("$sizes", [1, 2, 3]),
        ("w$width", "w64"),
        ("${width", None),
        ("$(width * 2)", 128),
        ("$(width / 2)", 32.0),
        ("$(width // 3)", 21),
        ("$(width % 7)", 1),
        ("$(2 ** 10)", 1024),
        ("$(-width + 1)", -63),
        ("$(not on)", False),
        ("$(on and width)", 64),
        ("$(false or null)", None),
        ("$(1 < 2 < 3)", True),
        ("$(1 < 2 > 3)", False),
        ("$('a' + 'b')", "ab"),
        ("$(name == 'relu')", True),
        ("$(width if on else 3)", 64),
        ("$(1 / 0 if not on else 3)", 3),
        ("$(on or 1 / 0)", True),
        ("$(sizes[0])", 1),
        ("$(sizes[-1])", 3),
        ("$([1, 2] + [3])", [1, 2, 3]),
        ("$([1] * 3)", [1, 1, 1]),
        ("$(min(3, width))", 3),
        ("$(max(sizes))", 3),
        ("$(abs(-2))", 2),
        ("$(round(2.6))", 3),
        ("$(sqrt(16))", 4.0),
        ("$(len(sizes))", 3),
        ("$(int(2.9))", 2),
        ("$( width )", 64),
        ("a $(1 + 1) b $width c", "a 2 b 64 c"),
        ("$(true)/$(null)/$(0.1)", "true/null/0.1"),
        ("$$", "$"),
        ("$$width", "$width"),
        ("$$$width", "$64"),
        ("5$$", "5$"),
        ("$(')')", ")"),
        ("$unseen", UNKNOWN),
        ("a$unseen", UNKNOWN),
        ("$(unseen * 2 + min(unseen, 1))", UNKNOWN),
        ("$(on or unseen)", True),
        ("no dollar", "no dollar"),
        (3, 3),
        ({"$width": "$width", "b": ["$rate"]}, {"$width": 64, "b": [0.5]}),
    ],
)
def test_values(text: Any, expected: Any) -> None:
    if expected is None and text.startswith("${"):
        assert mistake(text).part == (0, 1)
        return
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    ("text", "words", "part"),
    [
        ("$", "a `$` is followed by a name or `(`", (0, 1)),
        ("cost: 5$ each", "a `$` is followed", (7, 8)),
        ("$1", "a `$` is followed", (0, 1)),
        ("$wdith", "unknown name `wdith`", (1, 6)),
        ("a $(width * wdith)", "unknown name `wdith`", (12, 17)),
        ("$(width", "this `$(` is never closed", (0, 2)),
        ("$(f(width)", "never closed", (0, 2)),
        ("$()", "isn't an expression", (2, 2)),
        ("$(1 +)", "isn't an expression", (2, 5)),
        ("$(1 / 0)", "a division by zero", (2, 7)),
        ("$(1 % 0)", "a division by zero", (2, 7)),
        ("$(name - 1)", "can't be worked out for `relu` and `1`", (2, 10)),
        ("$(sizes[9])", "has no item 9", (2, 10)),
        ("$(sizes['a'])", "can't be worked out", (2, 12)),
        ("$(sqrt(-1))", "can't be worked out", (2, 10)),
        ("$((-8) ** 0.5)", "isn't a finite number", (2, 13)),
        ("$(min)", "`min` is a function", (2, 5)),
        ("$(min())", "can't be worked out", (2, 7)),
        ("$(open('x'))", "an expression calls `min`", (2, 11)),
        ("$(min(1, key=len))", "an expression calls `min`", (2, 17)),
        ("$(True)", "can't hold this", (2, 6)),
        ("$(b'x')", "can't hold this", (2, 6)),
        ("$(1j)", "can't hold this", (2, 4)),
        ("$(...)", "can't hold this", (2, 5)),
        ("$(width.real)", "can't do this", (2, 12)),
        ("$(lambda: 1)", "can't do this", (2, 11)),
        ("$([x for x in sizes])", "can't do this", (2, 20)),
        ("$({1: 2})", "can't do this", (2, 8)),
        ("$((1, 2))", "can't do this", (2, 8)),
        ("$(f'{width}')", "can't do this", (2, 12)),
        ("$(sizes[0:1])", "can't do this", (8, 11)),
        ("$(~1)", "can't do this", (2, 4)),
        ("$(1 << 3)", "`+ - * / // % **` only", (2, 8)),
        ("$(1 in sizes)", "compares by", (2, 12)),
        ("$(1 is 1)", "compares by", (2, 8)),
        ("$('%d' % 3)", "`%` is for numbers", (2, 10)),
        ("$(width := 3)", "isn't an expression", (2, 12)),
    ],
)
def test_mistakes_say_what_and_where(text: str, words: str, part: tuple[int, int]) -> None:
    assert words in mistake(text).message
    assert mistake(text).part == part


@pytest.mark.parametrize(
    "text",
    [
        "$(9 ** 9 ** 9)",
        "$(2 ** -99999999)",
        "$('a' * 10 ** 12)",
        "$(10 ** 12 * 'a')",
        "$([0] * 10 ** 9)",
        "$(1e308 * 10)",
        "$(10.0 ** 400)",
        "$(-1 * [1] * 10 ** 5 + 'x' * 10 ** 5)",
        "$(" + "9" * 300 + ")",
        "$(" + "1+" * 600 + "1)",
        "$(" + "(" * 400 + ")" * 400 + ")",
        "$(" + "not " * 240 + "1)",
        "$(" + "-" * 900 + "1)",
        "$(int('9' * 9999))",
        "$(" + "* 2".join(["(2 ** 200)"] * 3) + ")",
    ],
)
def test_nothing_large_is_made(text: str) -> None:
    began = time.perf_counter()
    found, _ = substitute(text, (), {})
    assert time.perf_counter() - began < 20
    assert found is UNKNOWN or isinstance(found, int | float | bool)


def test_repeated_doubling_stays_bounded() -> None:
    given: dict[str, Any] = {"a0": "xx"} | {f"a{i}": f"$(a{i - 1} + a{i - 1})" for i in range(1, 60)}
    began = time.perf_counter()
    _, (found,) = evaluate_vars(given, ("vars",))
    assert time.perf_counter() - began < 20
    assert found.message == "the result would be too large"


def test_text_grown_by_substitution_stays_bounded() -> None:
    given: dict[str, Any] = {"a0": "xx"} | {f"a{i}": f"$a{i - 1}$a{i - 1}" for i in range(1, 40)}
    began = time.perf_counter()
    values, found = evaluate_vars(given, ("vars",))
    assert time.perf_counter() - began < 20
    assert found
    assert all(value is UNKNOWN or len(value) < 100_000 for value in values.values())


@pytest.mark.parametrize("use", ["[$a39, x]", "x$a39", "$(a39 == a39)", "$([a39, a39])", "$a39"])
def test_lists_of_lists_stay_bounded(use: str) -> None:
    doubled = "".join(f"  a{i}: [$a{i - 1}, $a{i - 1}]\n" for i in range(1, 40))
    began = time.perf_counter()
    found = checked(f"vars:\n  a0: [x, x]\n{doubled}  use: {use}\nmodel: {{input: [4], Linear: 2}}\n")
    assert time.perf_counter() - began < 20
    assert [d.message for d in found.diagnostics] == ["the expressions hold too many values together"]


@pytest.mark.parametrize("item", ["$([0] * 9999)", "$('x' * 9999)", "x$a"])
def test_many_large_values_stay_bounded(item: str) -> None:
    given = {"a": "y" * 900, "many": [item] * 50_000}
    began = time.perf_counter()
    _, (found,) = evaluate_vars(given, ("vars",))
    assert time.perf_counter() - began < 20
    assert found.message == "the expressions hold too many values together"


def test_vars_use_those_before_them_and_mistakes_silence_what_follows() -> None:
    given = {"a": 2, "b": "$(a * 2)", "c": "$d", "d": 1, "e": "$(c + 1)", "f": "$f", "2x": 1, "null": 1}
    values, found = evaluate_vars(given, ("vars",))
    assert (values["a"], values["b"], values["d"]) == (2, 4, 1)
    assert values["c"] is values["e"] is values["f"] is UNKNOWN
    assert [(m.path[-1], m.message) for m in found] == [
        ("2x", "`2x` can't name a value"),
        ("null", "`null` can't name a value"),
        ("c", "`d` isn't known yet"),
        ("f", "`f` isn't known yet"),
    ]
