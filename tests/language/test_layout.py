"""What is laid out reads back as the same data, and looks as if written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from yamlnet.language.layout import WIDTH, flow, lay_out
from yamlnet.language.source import read

TEXTS = [
    "relu",
    "none",
    "null",
    "true",
    "~",
    "1e-3",
    "0x10",
    "",
    " a",
    "a: b",
    "$width",
    "*.bias",
    ">= 1",
    "#",
    "é",
]
VALUES: list[Any] = [
    *(*TEXTS, None, True, 3, -1, 0.5, 1e-08, float("inf")),
    *([], {}, [[1, 2], []], {"a": None}, {"a": None, "b": None}, {"a": [{"b": {}}]}),
    {"Sequential": [{"Linear": 10}, "ReLU", {"relu": None}, {"add": None, "from": ["a", "b"]}]},
    {"wide": {f"parameter_{number}": [number, "text"] for number in range(20)}},
    {"list": [{"call": {f"parameter_{number}": number for number in range(20)}}]},
    {"model": "x", "null": 1, "1": 2, "a b": {"c: d": 3}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_it_reads_back(value: Any) -> None:
    for text in (lay_out({"key": value}), f"key: {flow(value)}\n"):
        document, diagnostics = read(text, "text")
        assert diagnostics == []
        assert document is not None
        assert document.root.plain() == {"key": value}


def test_it_is_laid_out_as_by_hand() -> None:
    network = [
        "Flatten",
        {"Linear": {"out_features": 10, "bias": False}},
        {"relu": None, "from": "x"},
        {"Linear": {f"parameter_{number}": number for number in range(6)}},
    ]
    text = lay_out({"data": {"dataset": "MNIST5k"}, "model": {"input": [3, 8], "Sequential": network}})
    assert text == (
        "data: {dataset: MNIST5k}\n"
        "model:\n"
        "  input: [3, 8]\n"
        "  Sequential:\n"
        "    - Flatten\n"
        "    - Linear: {out_features: 10, bias: false}\n"
        "    - {relu, from: x}\n"
        "    - Linear:\n" + "".join(f"        parameter_{number}: {number}\n" for number in range(6))
    )
    assert max(map(len, text.splitlines())) <= WIDTH
