"""Type expressions: what they accept, how they read, and what PyTorch gets."""

from __future__ import annotations

from typing import Any

import pytest

from yamlnet.catalog.types import accepts, choices, describe, to_python

INT_PAIR = "int | tuple[int, int]"
REDUCTION = "'none' | 'mean' | 'sum'"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("int", 3),
        ("int", 1e3),
        ("float", 1),
        ("float", float("inf")),
        ("bool", False),
        ("str", "3"),
        ("any", {"a": [None]}),
        ("int | none", None),
        (INT_PAIR, [3, 3]),
        ("tuple[int | none, ...]", [None, 7, 7]),
        ("list[int]", []),
        (REDUCTION, "sum"),
        ("dtype", "bfloat16"),
        ("tensor", 0.5),
        ("tensor", [[1, 2], [3, 4.5]]),
        ("module", {"Linear": 3}),
        ("module", ["ReLU"]),
        ("function", "pairwise_distance"),
        ("type | none", "BatchNorm2d"),
        ("list[scheduler]", [{"StepLR": 3}, "PolynomialLR"]),
        ("tuple[int | 'batch', ...]", ["batch", -1]),
    ],
)
def test_accepts(expression: str, value: object) -> None:
    assert accepts(expression, value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("int", True),
        ("int", "3"),
        ("int", 2.5),
        ("int", float("inf")),
        ("int", None),
        ("float", "0.1"),
        ("float", False),
        ("bool", 1),
        ("bool", "no"),
        ("str", 3),
        (INT_PAIR, [3, 3, 3]),
        (INT_PAIR, [3, "3"]),
        (INT_PAIR, []),
        ("tuple[int]", [1, 2]),
        (REDUCTION, "men"),
        (REDUCTION, None),
        ("dtype", "float"),
        ("tensor", [[1, 2], [3]]),
        ("tensor", "1"),
        ("tensor", [True]),
        ("module", 3),
        ("function", "x + y"),
        ("type", {"BatchNorm2d": 3}),
        ("list[scheduler]", [3]),
    ],
)
def test_refuses(expression: str, value: object) -> None:
    assert not accepts(expression, value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("int", "an integer"),
        ("bool", "true or false"),
        (INT_PAIR, "an integer or a list of 2 integers"),
        ("tuple[int, ...]", "a list of integers"),
        ("tuple[int]", "a list of 1 integer"),
        (REDUCTION, "one of `none`, `mean`, `sum`"),
        ("'strong_wolfe' | none", "one of `strong_wolfe`, `null`"),
        ("int | tuple[int] | 'same' | 'valid'", "an integer, a list of 1 integer, `same` or `valid`"),
        ("float | none", "a number or `null`"),
        ("tuple[int | none, int | none]", "a list of 2 values (each an integer or `null`)"),
        ("tuple[float | none, float]", "a list of 2 values (a number or `null`, a number)"),
        ("list[scheduler]", "a list of schedulers"),
    ],
)
def test_describes(expression: str, words: str) -> None:
    assert describe(expression) == words


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("int", 1e3, 1000),
        ("float", 1, 1),
        (INT_PAIR, [3, 3.0], (3, 3)),
        ("list[int]", [1, 2.0], [1, 2]),
        ("tuple[float | none, float]", [None, 1e-3], (None, 1e-3)),
        ("tensor", [1, 2.5], [1, 2.5]),
        (REDUCTION, "mean", "mean"),
    ],
)
def test_to_python(expression: str, value: Any, expected: Any) -> None:
    converted = to_python(expression, value)
    assert repr(converted) == repr(expected)


def test_choices() -> None:
    assert choices("int | tuple[int] | 'same' | 'valid'") == ("same", "valid")
    assert choices("int") == ()


@pytest.mark.parametrize("expression", ["integer", "int or str", "dict[str, int]", "tuple[integer]"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises((ValueError, SyntaxError), match=r"type expression|invalid syntax"):
        accepts(expression, 1)
