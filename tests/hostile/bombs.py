"""Texts that are small and would be large, or are deep, once they were read as YAML; what is told of each."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hostile.texts import Case, doubled, many

FINE = "model: {input: [4], Linear: 2}\n"
SIZE, SYNTAX, VALUE = {"too-large"}, {"yaml-syntax"}, {"wrong-value"}

BOMBS: Mapping[str, Case] = {
    "laughs in lists": (doubled("a0: &a0 [x]\n", "a{i}: &a{i} [*a{b}, *a{b}, *a{b}]\n", 40) + FINE, SIZE),
    "laughs in mappings": (
        doubled("a0: &a0 {x: 1}\n", "a{i}: &a{i} {{l: *a{b}, r: *a{b}}}\n", 60) + FINE,
        SIZE,
    ),
    "laughs in a key": (doubled("a0: &a0 [x]\n", "a{i}: &a{i} [*a{b}, *a{b}]\n", 60) + "? *a59\n: 1\n", SIZE),
    "laughs in the model": (doubled("a0: &a0 [ReLU]\n", "a{i}: &a{i} [*a{b}, *a{b}]\n", 60), SIZE),
    "laughs in vars": (
        "vars:\n" + doubled("  a0: &a0 [x]\n", "  a{i}: &a{i} [*a{b}, *a{b}]\n", 60) + FINE,
        SIZE,
    ),
    "laughs of scalars": ("a: &a " + "x" * 10_000 + "\nb: [" + "*a, " * 50_000 + "]\n" + FINE, {"too-large"}),
    "laughs in one line": ("{a: &a [x], b: &b [" + "*a, " * 9 + "], c: [" + "*b, " * 99_999 + "]}", SIZE),
    "an alias in itself": ("a: &a [*a]\n" + FINE, {"recursion"}),
    "an alias in its key": ("? &a {b: *a}\n: 1\n" + FINE, SYNTAX),
    "an alias of nothing": ("a: *nothing\n" + FINE, SYNTAX),
    "anchors": (many("a{i}: &a{i} x\n", 40_000) + FINE, {"unknown-key", "too-large"}),
    "an anchor's long name": ("a: &" + "a" * 900_000 + " x\n" + FINE, {"unknown-key"}),
    "merge keys of merge keys": (
        doubled("a0: &a0 {x: 1}\n", "a{i}: &a{i} {{<<: [*a{b}, *a{b}]}}\n", 60),
        SYNTAX,
    ),
    "a merge key of itself": ("a: &a {<<: *a}\n" + FINE, SYNTAX),
    "a merge key of a list": ("a: {<<: [" + "{x: 1}, " * 20_000 + "]}\n" + FINE, SYNTAX),
    "keys that are lists": ("? " + "[" * 50_000 + "\n: 1\n", SYNTAX),
    "keys in keys": ("? " * 50_000 + "a\n", SYNTAX),
    "keys that are mappings": ("? {a: 1}\n: 1\n" + FINE, SYNTAX),
    "unclosed brackets": ("a: " + "[" * 500_000, SIZE),
    "unclosed braces": ("a: " + "{" * 500_000, SYNTAX),
    "brackets by turns": ("a: " + "[{b: " * 40_000, SIZE),
    "mappings in a line": ("{a: " * 65 + "1" + "}" * 65, SIZE),
    "lists in a line": ("[" * 65 + "]" * 65, SIZE),
    "dashes in a line": ("a:\n" + " " * 2 + "- " * 66 + "x\n", SIZE),
    "indentation": ("".join(" " * i + "- a:\n" for i in range(0, 400, 2)), SIZE),
    "closing brackets": ("a: " + "]" * 500_000, SYNTAX),
    "an unclosed quote": ('name: "' + "a" * 1_000_000, SYNTAX),
    "an unclosed single quote": ("name: '" + "a\n" * 400_000, SYNTAX),
    "escapes": ('name: "' + "\\x41" * 250_000 + '"\n' + FINE, VALUE),
    "a text in lines": ("name: |\n" + "  a\n" * 200_000 + FINE, VALUE),
    "a folded text": ("name: >\n" + "  a\n\n" * 150_000 + FINE, VALUE),
    "a plain text in lines": ("name: a\n" + "  a\n" * 200_000 + FINE, VALUE),
    "a comment": ("#" + "x" * 2_000_000 + "\n" + FINE, SIZE),
    "comments": ("# x\n" * 300_000 + FINE, SIZE),
    "blank lines": ("\n" * 2_000_000 + FINE, SIZE),
    "documents": (FINE + "---\na: 1\n" * 50_000, SYNTAX),
    "ends of documents": ("...\n" * 200_000, SYNTAX),
    "directives": ("%TAG !e! tag:example.com,2000:\n" * 20_000 + "---\n" + FINE, SYNTAX),
    "a version": ("%YAML 9.9\n---\n" + FINE, SYNTAX),
    "a tag of Python": ("name: !!python/object/apply:os.system ['touch ran']\n" + FINE, SYNTAX),
    "a tag of bytes": ("name: !!binary " + "QUFB" * 200_000 + "\n" + FINE, SYNTAX),
    "a tag of pairs": ("name: !!omap [" + "{a: 1}, " * 40_000 + "]\n" + FINE, SYNTAX),
    "tags": ("name: [" + "!!str a, " * 60_000 + "]\n" + FINE, SYNTAX),
    "one value in a long list": ("a: [" + "1, " * 200_000 + "]\n" + FINE, SIZE),
    "one key after another": ("{" + many("k{i}: 1, ", 60_000) + "}\n", SIZE),
    "a number in base 60": (FINE + "seed: " + "59:" * 20_000 + "59\n", {"wrong-type"}),
    "a number of underscores": (FINE + "seed: 1" + "_" * 500_000 + "1\n", {"wrong-type"}),
    "a point of many digits": (FINE + "seed: 0." + "9" * 500_000 + "\n", SIZE),
    "an exponent": (FINE + "seed: 1e" + "9" * 300 + "\n", VALUE),
    "tabs": ("\t" * 500_000 + FINE, SYNTAX),
    "carriage returns": ("name: a" + "\r" * 1_200_000 + FINE, SIZE),
    "nulls": (b"\x00" * 1_000_000, SYNTAX),
    "half a character": (b"name: \xed\xa0\x80\n" + FINE.encode(), SYNTAX),
}
"""What is told without torch."""
