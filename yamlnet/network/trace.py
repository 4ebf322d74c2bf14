"""A module that runs -> a tree of the calls of its submodules: sizes, operations, what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.network.meter import Meter

Sizes = tuple[int | str, ...]
"""A tensor's shape without the batch; where the batch isn't the first axis, `batch` stands in its place."""


@dataclass
class Call:
    """A submodule as it ran on one sample, by its qualified name; `children` ran within it."""

    name: str
    module: nn.Module
    inputs: tuple[Sizes, ...]
    outputs: tuple[Sizes, ...] = ()
    flops: int = 0
    kept_bytes: int = 0
    children: list[Call] = field(default_factory=list)


@contextmanager
def traced(module: nn.Module, meter: Meter) -> Iterator[list[Call]]:
    """Notes the calls of all submodules that run within; the module itself is the first."""
    calls: list[Call] = []
    running: list[Call] = []
    names = {id(inner): name for name, inner in module.named_modules()}

    def begins(inner: nn.Module, inputs: Any, keywords: Mapping[str, Any]) -> None:
        call = Call(names[id(inner)], inner, sizes((inputs, keywords)))
        call.flops, call.kept_bytes = -meter.flops, -meter.kept_bytes
        (running[-1].children if running else calls).append(call)
        running.append(call)

    def ends(inner: nn.Module, inputs: Any, output: Any) -> None:
        call = running.pop()
        call.outputs = sizes(output)
        call.flops += meter.flops
        call.kept_bytes += meter.kept_bytes

    hooks = []
    for inner in module.modules():
        hooks.append(inner.register_forward_pre_hook(begins, with_kwargs=True))
        hooks.append(inner.register_forward_hook(ends))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def sizes(value: Any) -> tuple[Sizes, ...]:
    """The sizes of each tensor in what a batch of one gave."""
    return tuple(
        tuple(leaf.shape[1:] if leaf.dim() and leaf.shape[0] == 1 else leaf.shape)
        for leaf in tree_leaves(value)
        if isinstance(leaf, Tensor)
    )
