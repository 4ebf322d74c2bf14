"""The rows of a network -> the bytes that each of them holds for one sample, measured or from its shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.network.found import Shapes
from yamlnet.network.journal import Row
from yamlnet.network.probe import Probe, own_random_state
from yamlnet.network.replay import Cost, costs

MAX_SAMPLE = 2**28
"""Bytes of what a sample's calls give, up to which one is run to measure what is kept."""

LEAF, INNER = 4, 16
"""How many times of what it gives a call keeps at most: one call, and those inside a layer. Generous."""


def given(shapes: Shapes) -> list[int]:
    """The bytes that each row gives for one sample; nothing where it doesn't run."""
    bytes_of = _counter(shapes)
    return [bytes_of(row.output) if row.runs and row.called else 0 for row in shapes.rows]


def passing(shapes: Shapes) -> list[int]:
    """What each row takes or gives for one sample, the larger of both: a forward pass holds it."""
    bytes_of = _counter(shapes)
    taken = [bytes_of([*row.inputs, *row.keywords.values()]) for row in shapes.rows]
    return [max(before, after) if after else 0 for before, after in zip(taken, given(shapes), strict=True)]


def most(shapes: Shapes) -> int:
    """More bytes than the backward pass of one sample keeps, found without running one."""
    with own_random_state():
        return sum(LEAF * count for count in given(shapes)) + sum(
            INNER * _inside(row, shapes.probe) for row in shapes.rows if row.runs and row.called
        )


def measured(shapes: Shapes, network: nn.Module | None, limit: int = MAX_SAMPLE) -> list[Cost]:
    """The cost of each row, from running one sample where all that its rows give is within `limit` bytes.

    Of a larger one half of what each row gives is taken for what it keeps, and the rest isn't known.
    """
    outputs = given(shapes)
    if sum(outputs) > limit:
        return [Cost(kept_bytes=count // 2) for count in outputs]
    return costs(shapes, network)


def _inside(row: Row, probe: Probe) -> int:
    """The bytes that the modules in a layer give, together; an LSTM has its gates inside, and no modules."""
    if not isinstance(row.called, nn.Module):
        return 0
    if isinstance(row.called, nn.RNNBase):
        return row.called.num_layers * sum(_one(leaf, probe) for leaf in _tensors(row.output))
    parts = [part for part in row.called.modules() if part is not row.called]
    found = [0]

    def gives(module: nn.Module, inputs: Any, output: Any) -> None:
        found[0] += sum(_empty(leaf) for leaf in _tensors(output))

    if parts:
        _hooked(parts, gives, lambda: probe.at(0, _called(row), row.inputs, row.keywords))
    return found[0]


def _hooked(parts: Sequence[nn.Module], hook: Callable[..., None], run: Callable[[], object]) -> None:
    hooks = [part.register_forward_hook(hook) for part in parts]
    try:
        run()
    finally:
        for each in hooks:
            each.remove()


def _called(row: Row) -> Callable[..., Any]:
    assert row.called is not None
    return row.called


def _counter(shapes: Shapes) -> Callable[[Any], int]:
    """What counts the bytes of the tensors in a value for one sample, weights left out."""
    weights = {id(tensor) for held in shapes.tensors.values() for tensor in held.values()}

    def count(value: Any) -> int:
        counted = (t for t in _tensors(value) if not isinstance(t, nn.Parameter) and id(t) not in weights)
        return sum(_one(tensor, shapes.probe) for tensor in counted)

    return count


def _one(tensor: Tensor, probe: Probe) -> int:
    """The bytes for one sample; an axis that was expanded takes none."""
    axes = zip(probe.shape(tensor, 1), tensor.stride(), strict=True)
    return prod(count for count, stride in axes if stride) * tensor.element_size()


def _empty(tensor: Tensor) -> int:
    """The bytes for one sample of a tensor whose empty axis is the batch."""
    return prod(size or 1 for size in tensor.shape) * tensor.element_size()


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
