"""What was found of a network -> warnings of images whose axes are taken for others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.nodes import Function, Layer, Model
from yamlnet.network.found import Shapes
from yamlnet.network.journal import Row
from yamlnet.network.mending import Asked, rows_by_value
from yamlnet.network.words import at_call, shape, sources

IMAGE = 4
"""The axes of a batch of images."""

COLOURS = (1, 3)
"""The channels of a picture, grey or coloured."""


def unflattened(shapes: Shapes, model: Model) -> Iterator[Mistake]:
    """A warning for each `Linear` to which an image comes as convolutions and pools leave it.

    After a `permute` or another change of the axes the last one holds features, and nothing is said.
    """
    asked = rows_by_value(shapes.rows)
    pictures = {given.path for given in model.inputs if given.shape and _is_picture(given.shape)}
    for row in shapes.rows:
        value = row.inputs[0] if row.type == "Linear" and row.runs and row.inputs else None
        if not isinstance(value, Tensor) or value.dim() != IMAGE or not isinstance(row.node, Layer):
            continue
        source, first = _source(value, asked)
        if _is_spatial(source) or (source is None and shapes.makers.get(id(first)) in pictures):
            yield _warning(row.node.call, value, shapes.makers.get(id(value)))


def channels_last(shapes: Shapes, model: Model) -> Iterator[Mistake]:
    """A warning where a declared square picture has its channels last, and a layer of images takes it so."""
    for given in model.inputs if not model.from_data else ():
        taken = [row for row in shapes.rows if _is_spatial(row) and row.runs and row.inputs]
        paths = [shapes.makers.get(id(row.inputs[0])) for row in taken]
        if given.path in paths and _has_channels_last(given.shape or ()):
            height, width, channels = given.shape or ()
            message = f"`{given.name}` is read as {height} channels of {width} x {channels}"
            meant = str([channels, height, width])
            help = f"`{meant}` has the channels first, as PyTorch takes them"
            yield Mistake("shape-mismatch", given.path, message, help, severity="warning", at="key")


def _has_channels_last(sizes: tuple[int, ...]) -> bool:
    return len(sizes) == IMAGE - 1 and sizes[0] == sizes[1] > max(COLOURS) and sizes[2] in COLOURS


def _warning(call: Call, value: Tensor, made: Path | None) -> Mistake:
    message = f"`Linear` takes the last axis of {shape(value)} alone, which is the image's width"
    help = "`Flatten` before it makes the image a vector"
    related = sources([made], [value])
    return at_call("shape-mismatch", call, message, help, severity="warning", related=related)


def _is_picture(sizes: tuple[int, ...]) -> bool:
    return len(sizes) == IMAGE - 1 and sizes[0] in COLOURS


def _source(value: Any, asked: Asked) -> tuple[Row | None, Any]:
    """The last call that did more than work on each number, and what it gave; none at an input."""
    row = asked(value)
    while row is not None and row.type in EACH and row.inputs:
        value = row.inputs[0]
        row = asked(value)
    return row, value


def _is_spatial(row: Row | None) -> bool:
    """Whether it is a layer or function of images, of which the last axis is the width."""
    return row is not None and isinstance(row.node, Layer | Function) and row.node.call.entry.axes == (IMAGE,)


EACH = frozenset(
    """
    ReLU LeakyReLU ELU SELU CELU GELU SiLU Mish Sigmoid Tanh Hardtanh Hardswish Hardsigmoid Softplus PReLU
    ReLU6 Dropout Dropout2d Identity relu leaky_relu gelu silu sigmoid tanh dropout
    """.split()
)
"""Calls that work on each number by itself."""
