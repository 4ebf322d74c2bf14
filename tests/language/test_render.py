"""Diagnostics as text, one line each, JSON and annotations: carets stand under their places."""

from __future__ import annotations

import json
import unicodedata

import pytest

from yamlnet.diagnostics import Diagnostic, Related, Span
from yamlnet.language import render


def diagnostic(column: int, end_column: int, line: int = 1, **more: object) -> Diagnostic:
    span = Span("net.yaml", line, column, line, end_column)
    return Diagnostic(span, "wrong-value", str(more.pop("message", "wrong")), **more)  # type: ignore[arg-type]


def excerpt(text: str, column: int, end_column: int, line: int = 1) -> tuple[str, str]:
    """The line as shown and the carets below it, without the gutter."""
    shown = render.as_text([diagnostic(column, end_column, line)], {"net.yaml": text}).split("\n")
    return shown[3].split("| ", 1)[1], shown[4].split("| ", 1)[1]


@pytest.mark.parametrize(
    ("text", "column", "end_column", "line", "carets"),
    [
        ("seed: fast", 7, 11, "seed: fast", "      ^^^^"),
        ("名: 値段", 4, 6, "名: 値段", "    ^^^^"),
        ("é: bad", 4, 7, "é: bad", "   ^^^"),
        ("e\u0301: bad", 5, 8, "e\u0301: bad", "   ^^^"),
        ("\ta: b", 2, 3, " a: b", " ^"),
        ("a: \x1b[31mred", 5, 6, "a: \\x1b[31mred", "       ^"),
        ("a: \u202eb", 5, 6, "a: \\u202eb", "         ^"),
        ("a:", 3, 3, "a:", "  ^"),
        ("a: b", 4, 99, "a: b", "   ^"),
        ("\u1112\u1161: bad", 5, 8, "\u1112\u1161: bad", "    ^^^"),
        ("a\ufe0f\u0300: bad", 6, 9, "a\ufe0f\u0300: bad", "   ^^^"),
        ("ｘ: bad", 4, 7, "ｘ: bad", "    ^^^"),
    ],
)
def test_carets_stand_under_the_place(
    text: str, column: int, end_column: int, line: str, carets: str
) -> None:
    assert excerpt(text, column, end_column) == (line, carets)


@pytest.mark.parametrize("start", [0, 5, 100, 1_000, 1_985])
def test_a_long_line_is_cut_to_what_surrounds_the_place(start: int) -> None:
    text = "x" * start + "HERE" + "y" * (2_000 - start)
    line, carets = excerpt(text, start + 1, start + 5)
    assert len(line) <= render.MAX_WIDTH + 6
    assert line[len(carets) - 4 : len(carets)] == "HERE"
    assert carets.endswith("^^^^")


def columns(text: str) -> int:
    """What a terminal shows of letters without accents."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if c != "\u0301")


@pytest.mark.parametrize("start", [0, 5, 59, 61, 300])
@pytest.mark.parametrize("letter", ["x", "値", "e\u0301"])
def test_a_long_line_of_wide_or_accented_letters_is_cut_by_columns(letter: str, start: int) -> None:
    before = letter * start
    text = before + "HERE" + letter * (400 - start)
    line, carets = excerpt(text, len(before) + 1, len(before) + 5)
    assert columns(line) <= render.MAX_WIDTH + 6
    assert columns(line) > render.MAX_WIDTH - 4
    assert carets.rstrip("^") == " " * columns(line.partition("HERE")[0])
    assert carets.endswith("^^^^")
    assert not line.removeprefix("...").startswith("\u0301")


def test_a_wide_line_that_fits_is_not_cut() -> None:
    text = "値" * (render.MAX_WIDTH // 2)
    assert excerpt(text, 1, 2) == (text, "^^")
    assert excerpt(text + "x", 1, 2)[0].endswith("...")


def test_two_places_far_apart_in_a_long_line_are_both_shown() -> None:
    text = "FIRST" + "x" * 500 + "SECOND"
    related = (Related(Span("net.yaml", 1, 1, 1, 6), "one"),)
    shown = render.as_text([diagnostic(506, 512, related=related)], {"net.yaml": text}).split("\n")
    for word, mark in (("FIRST", "-----"), ("SECOND", "^^^^^^")):
        number = next(i for i, line in enumerate(shown) if word in line)
        column = shown[number].index(word)
        assert shown[number + 1][column:].startswith(mark)


def test_a_span_of_several_lines_shows_its_first() -> None:
    span = Span("net.yaml", 1, 4, 2, 6)
    shown = render.as_text([Diagnostic(span, "wrong-value", "wrong")], {"net.yaml": "a: [1,\n    2]\n"})
    assert " 1 | a: [1,\n   |    ^^^\n" in shown


def test_related_places_of_the_same_and_of_another_file() -> None:
    here = Related(Span("net.yaml", 1, 1, 1, 2), "gives [4]")
    there = Related(Span("base.yaml", 12, 3, 12, 4), "said here")
    wrong = diagnostic(1, 2, line=9, help="first\nsecond", related=(here, there))
    assert render.as_text([wrong], {"net.yaml": "a: 1\n" + "\n" * 7 + "b: 2\n"}) == (
        "error[wrong-value]: wrong\n"
        "   --> net.yaml:9:1\n"
        "    |\n"
        "  1 | a: 1\n"
        "    | - gives [4]\n"
        "   ...\n"
        "  9 | b: 2\n"
        "    | ^\n"
        "   ::: base.yaml:12:3: said here\n"
        "    = help: first\n"
        "      second\n"
    )


def test_did_you_mean_stands_beside_the_caret_and_below_where_there_is_no_line() -> None:
    wrong = diagnostic(1, 2, help="did you mean `b`?")
    assert "   | ^ did you mean `b`?\n" in render.as_text([wrong], {"net.yaml": "a: 1"})
    assert "= help: did you mean `b`?" in render.as_text([wrong], {})


def test_colour_only_where_it_is_asked_for() -> None:
    wrong = diagnostic(1, 2, help="help")
    plain = render.as_text([wrong], {"net.yaml": "a: 1"})
    coloured = render.as_text([wrong], {"net.yaml": "a: 1"}, colour=True)
    assert "\x1b" not in plain
    assert coloured.startswith("\x1b[1;31merror[wrong-value]\x1b[0m")
    assert render.as_text([diagnostic(1, 2, severity="warning")], {}, colour=True).startswith("\x1b[1;33m")


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\r", "\n", "\x07", "\u202e", "\x9b31m", "\u200b"])
def test_nothing_of_a_file_can_steer_a_terminal(hostile: str) -> None:
    span = Span(f"net{hostile}.yaml", 1, 1, 1, 2)
    related = (Related(Span(f"o{hostile}", 1, 1, 1, 2), hostile),)
    wrong = Diagnostic(span, "wrong-value", f"m{hostile}", help=f"h{hostile}", related=related)
    texts = {span.file: f"a{hostile}: 1"}
    for shown in (render.as_text([wrong], texts), render.as_oneline([wrong])):
        assert not [c for c in shown if not c.isprintable() and c != "\n"]
        assert hostile not in shown or hostile == "\n"
    assert len(render.as_oneline([wrong]).split("\n")) == 2
    assert len(render.as_github([wrong]).split("\n")) == 2


def test_oneline() -> None:
    found = [diagnostic(3, 5), diagnostic(1, 2, line=4, severity="warning", help="do that")]
    assert render.as_oneline(found) == (
        "net.yaml:1:3: error[wrong-value] wrong\nnet.yaml:4:1: warning[wrong-value] wrong (do that)\n"
    )
    assert render.as_oneline([]) == ""


def test_github() -> None:
    wrong = diagnostic(3, 5, message="50% wrong: a, b", help="do that")
    assert render.as_github([wrong]) == (
        "::error file=net.yaml,line=1,endLine=1,col=3,title=wrong-value::50%25 wrong: a, b%0Ado that\n"
    )
    odd = Diagnostic(Span("a,b:c.yaml", 1, 1, 1, 2), "no-match", "nothing", "warning")
    assert render.as_github([odd]).startswith("::warning file=a%2Cb%3Ac.yaml,line=1,")


def test_json_is_an_array_with_every_promised_key() -> None:
    related = (Related(Span("net.yaml", 7, 5, 7, 9), "gives [16, 6, 6]"),)
    wrong = diagnostic(20, 32, 9, help="h", suggestion="s", path=("model", "Sequential", 0), related=related)
    assert json.loads(render.as_json([wrong])) == [
        {
            "file": "net.yaml",
            "line": 9,
            "column": 20,
            "end_line": 9,
            "end_column": 32,
            "code": "wrong-value",
            "severity": "error",
            "message": "wrong",
            "help": "h",
            "suggestion": "s",
            "path": ["model", "Sequential", 0],
            "related": [
                {
                    "file": "net.yaml",
                    "line": 7,
                    "column": 5,
                    "end_line": 7,
                    "end_column": 9,
                    "message": "gives [16, 6, 6]",
                }
            ],
        }
    ]
    assert json.loads(render.as_json([])) == []
    bare = json.loads(render.as_json([diagnostic(1, 2)]))[0]
    assert (bare["help"], bare["suggestion"], bare["related"]) == (None, None, [])


@pytest.mark.parametrize(
    ("errors", "warnings", "words"),
    [(1, 0, "1 error"), (2, 1, "2 errors, 1 warning"), (0, 2, "2 warnings"), (1000, 0, "1,000 errors")],
)
def test_counts(errors: int, warnings: int, words: str) -> None:
    found = [diagnostic(1, 2)] * errors + [diagnostic(1, 2, severity="warning")] * warnings
    assert render.counts(found) == words
