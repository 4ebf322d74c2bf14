"""An experiment and its empty network -> the memory that a training step takes, and a mistake if too much."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import torch
from torch import Tensor, nn

from yamlnet.diagnostics import Mistake, Path, YamlnetError, plural
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, Optimizer
from yamlnet.language.nodes import Function, Layer, Member, Node, Tensors, walk
from yamlnet.network import activations, memory
from yamlnet.network.footprint import Footprint, Step, footprint
from yamlnet.network.found import Shapes
from yamlnet.network.layers import tensor_bytes
from yamlnet.network.memory import size
from yamlnet.training import device as devices
from yamlnet.training import optimise

SMALL = 2**29
"""Bytes that any device has: for less it isn't asked, which on a GPU takes a second."""


def num_slots(section: Optimizer) -> int:
    """Numbers kept for one trained number: 2 for Adam, 1 for SGD with momentum; found by one small step."""
    layer = nn.Linear(8, 8, bias=False)
    try:
        made = optimise.optimizer(Optimizer(call=section.call), layer, torch.device("cpu"))
    except YamlnetError:
        return 0
    if isinstance(made, torch.optim.LBFGS):  # the directions and gradients of so many steps, and two more
        return 2 * int(made.defaults["history_size"]) + 2
    dense = torch.ones(8, 8)
    for gradient in (dense, dense.to_sparse()):  # some optimizers take sparse ones alone
        layer.weight.grad = gradient
        with suppress(RuntimeError, ValueError):
            made.step()
            break
    kept = [value for value in made.state[layer.weight].values() if isinstance(value, Tensor)]
    return round(sum(value.numel() for value in kept) / layer.weight.numel())


def estimate(experiment: Experiment, network: nn.Module, activation_bytes: int) -> Footprint | None:
    """What a training step takes at least, where the file has an optimizer and data; None where it hasn't.

    `activation_bytes` are those kept of one sample in float32, as `Summary.activation_bytes` has them.
    """
    section, data, train = experiment.optimizer, experiment.data, experiment.train
    if section is None or data is None:
        return None
    half = train.precision in devices.DTYPES
    step = Step(section.call.name, num_slots(section), data.batch_size, train.ema is not None, half)
    return footprint(network, activation_bytes, step, optimise.sparse(network))


def judge(
    experiment: Experiment, shapes: Shapes, network: nn.Module, num_samples: int | None = None
) -> list[Mistake]:
    """One mistake where the device that is here can't hold the weights, a sample or the step.

    Nothing is allocated, and a sample is run only where the step may be too large for it. A smaller batch is
    offered, of no more than `num_samples`.
    """
    root, passing = experiment.model.root, activations.passing(shapes)
    most = estimate(experiment, network, activations.most(shapes))
    weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
    batch_size = 1 if most is None else most.step.batch_size
    forward = weights + batch_size * max(passing, default=0)
    if max(forward, 0 if most is None else most.total) <= SMALL < memory.machine():
        return []
    found = devices.memory(experiment.train.device if most is not None else "cpu")
    if found is None:
        return []
    limit, where = found
    if most is not None and most.total > limit:
        kept = [cost.kept_bytes for cost in activations.measured(shapes, network)]
        step = estimate(experiment, network, sum(kept))
        assert step is not None
        if step.total > limit:
            fits = step.batch_size_within(limit, num_samples)
            return [_step(step, limit, where, _largest(root, shapes, kept, step), fits)]
    if forward > limit:
        return [
            _forward(forward, batch_size, limit, where, _largest(root, shapes, passing, None, batch_size))
        ]
    return []


def _samples(step: Footprint) -> str:
    return f"a step on {plural(step.step.batch_size, 'sample')}"


def _parts(step: Footprint) -> str:
    return " + ".join(f"{name} {size(count)}" for name, count in step.parts.items() if count)


def _step(step: Footprint, limit: int, where: str, largest: tuple[Node | Member, int], fits: int) -> Mistake:
    """A step that doesn't fit: a smaller batch would do, or a smaller network."""
    message = f"{_samples(step)} takes {size(step.total)}, and {where} has {size(limit)} of memory"
    parts = _parts(step)
    node, count = largest
    if fits:
        related = ((_place(node)[0], f"takes {size(count)} of it"),)
        path: Path = ("data", "batch_size")
        help = f"{parts}; `batch_size: {fits}` would fit"
        return Mistake("too-large", path, message, help, str(fits), related=related)
    path, at = _place(node)
    help = f"{parts}; {size(count)} of it for this"
    return Mistake("too-large", path, message, help, at=at)


def _forward(
    total: int, batch_size: int, limit: int, where: str, largest: tuple[Node | Member, int]
) -> Mistake:
    samples = "one sample" if batch_size == 1 else f"{batch_size:,} samples"
    path, at = _place(largest[0])
    message = f"the network takes {size(total)} for {samples}, and {where} has {size(limit)} of memory"
    return Mistake(
        "too-large", path, message, f"{size(largest[1])} of it for what this takes and gives", at=at
    )


def _largest(
    root: Node, shapes: Shapes, per_sample: Sequence[int], step: Footprint | None, batch_size: int = 1
) -> tuple[Node | Member, int]:
    """The node that takes most, with its weights and what belongs to them, and how much."""
    times = 1
    if step is not None:
        times = 2 + step.step.num_slots + step.step.averaged
        batch_size = step.step.batch_size
        per_sample = [count // 2 for count in per_sample] if step.step.half else per_sample
    counts: dict[int, tuple[int, Node | Member]] = {}
    for row, count in zip(shapes.rows, per_sample, strict=True):
        weights = _held(row.called) if isinstance(row.called, nn.Module) else 0
        before = counts.get(id(row.called), (times * weights, row.node))[0]
        counts[id(row.called)] = before + batch_size * count, row.node
    held = [member for _, member in walk(root) if isinstance(member, Tensors)]
    counts |= {-n: (times * tensor_bytes(member), member) for n, member in enumerate(held, 1)}
    count, node = max(counts.values(), key=lambda pair: pair[0])
    return node, count


def _held(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def _place(node: Node | Member) -> tuple[Path, Literal["key", "value"]]:
    if isinstance(node, Layer | Function):
        return node.call.path, name_place(node.call.path, node.call.name)
    return node.path, "value"
