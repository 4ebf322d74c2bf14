"""Factors and their levels in; few rows in which each two levels of different factors meet, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any

Row = dict[str, Any]
Pair = tuple[tuple[str, int], tuple[str, int]]


def pairwise(factors: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Rows of one level for each factor, chosen greedily: of all rows the one with most pairs still unmet."""
    left = set(pairs(factors))
    candidates = [
        dict(zip(factors, levels, strict=True))
        for levels in product(*(range(len(levels)) for levels in factors.values()))
    ]
    rows = []
    while left:
        best = max(candidates, key=lambda row: len(left & met(row)))
        left -= met(best)
        rows.append({name: factors[name][level] for name, level in best.items()})
    return rows


def pairs(factors: Mapping[str, Sequence[Any]]) -> list[Pair]:
    """Every two levels of two factors."""
    return [
        ((a, i), (b, j))
        for a, b in combinations(factors, 2)
        for i, j in product(range(len(factors[a])), range(len(factors[b])))
    ]


def met(row: Mapping[str, int]) -> set[Pair]:
    """The pairs that a row of levels has."""
    return set(combinations(row.items(), 2))
