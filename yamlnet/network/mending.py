"""Two values whose shapes differ, and the calls that gave them -> what to write so that they fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.language.nodes import Layer
from yamlnet.network.journal import Row
from yamlnet.network.words import shape

Asked = Callable[[Any], Row | None]
"""Gives the row of a value."""


def rows_by_value(rows: Iterable[Row]) -> Asked:
    """Finds the row that gave a value."""
    known = {id(row.output): row for row in rows}
    return lambda value: known.get(id(value))


def mended(
    first: Any, second: Any, asked: Asked, would_do: Callable[[Any], bool] = lambda value: True
) -> str | None:
    """A padding or a width of one of the two, with which its shape would be the other's.

    `would_do` tells whether two values of that shape fit.
    """
    if not (isinstance(first, Tensor) and isinstance(second, Tensor)) or first.dim() != second.dim():
        return None
    for value, other in ((first, second), (second, first)):
        row = _layer(value, asked)
        said = None if row is None else _said(row, list(value.shape[1:]), list(other.shape[1:]))
        if row is not None and said is not None and would_do(other):
            key = row.name.rpartition(".")[2]
            name = key if key and not key.isdecimal() else row.type
            return f"`{said}` in `{name}` would give {shape(other)}"
    return None


def _layer(value: Any, asked: Asked) -> Row | None:
    """The convolution or `Linear` that a value comes from, through what keeps its shape."""
    row = asked(value)
    while row is not None and not re.fullmatch(r"Linear|Conv[123]d", row.type):
        before = row.inputs[0] if row.inputs else None
        if not isinstance(before, Tensor) or before.shape != row.output.shape:
            return None
        row = asked(before)
    return row


def _said(row: Row, has: list[int], wanted: list[int]) -> str | None:
    """The argument with which a layer would give the wanted shape."""
    assert isinstance(row.node, Layer)
    call = row.node.call
    if row.type == "Linear":
        return f"out_features: {wanted[-1]}" if has[:-1] == wanted[:-1] else None
    if has[1:] == wanted[1:]:
        return f"out_channels: {wanted[0]}"
    if has[0] == wanted[0]:
        return _padding(call, row.inputs[0].shape[2:], wanted[1:])
    return None


def _padding(call: Call, arrive: Sequence[int], wanted: Sequence[int]) -> str | None:
    """The padding after which so many numbers remain along each axis."""
    said = call.with_defaults()
    numbers = [said[name] for name in ("kernel_size", "stride", "dilation")]
    if not all(isinstance(number, int) for number in numbers):
        return None
    kernel, stride, dilation = numbers
    reach = dilation * (kernel - 1)
    for padding in range(reach + 1):
        if all((a + 2 * padding - reach - 1) // stride + 1 == w for a, w in zip(arrive, wanted, strict=True)):
            return f"padding: {padding}"
    return None
