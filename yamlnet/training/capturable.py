"""A task and its loop in; why its steps aren't captured as CUDA graphs, or None, out.

A fixed rule: nothing is timed, and nothing is tried. It decides how learning rates are computed with, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import fx, nn

from yamlnet.data.batches import Batches
from yamlnet.training import schedule
from yamlnet.training.loop import Loop
from yamlnet.training.metrics import Sums
from yamlnet.training.setup import Task

OPTIMIZERS = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""Those with kernels for all parameters together, which keep what they count on the device."""

PACKAGES = ("torch", "torchvision", "yamlnet", "_operator", "builtins", "math")
"""What is theirs keeps nothing from step to step but tensors."""


def obstacle(task: Task, loop: Loop) -> str | None:
    """The first of what speaks against it."""
    return next(_obstacles(task, loop), None)


def _obstacles(task: Task, loop: Loop) -> Iterator[str]:
    train, section = task.experiment.train, task.experiment.scheduler
    if loop.processes.count > 1:
        yield "several processes train together"
    if train.compile is True:
        yield "`train.compile` is true"
    if loop.scaler is not None:
        yield "`train.precision: fp16` looks at the gradients of every step"
    if loop.skips:
        yield "`train.non_finite: skip` looks at the loss of every step"
    if loop.accumulate > 1:
        yield "`train.accumulate` puts several batches into a step"
    if loop.watcher is not None:
        yield "`train.watch` looks into steps"
    if loop.resample is not None:
        yield "`train.resample` changes weights between steps"
    if type(loop.optimizer) not in OPTIMIZERS or not loop.optimizer.defaults.get("fused"):
        yield f"`{type(loop.optimizer).__name__}` doesn't step by a fused kernel"
    if section is not None and schedule.moves_momentum(section.call):
        yield f"`{section.call.name}` changes the momentum too (`cycle_momentum: false` leaves it)"
    if any(isinstance(module, nn.RNNBase) and module.dropout for module in task.learner.modules()):
        yield "cuDNN draws a recurrent layer's `dropout` from a state of its own"
    if task.experiment.data is not None and task.experiment.data.draw:
        yield "`data.draw` draws samples beside each"
    if not (isinstance(task.sources.train, Batches) and task.sources.train.is_resident):
        yield "the data aren't held on the device"
    for name, counted in loop.sums.meter.accumulators.items():
        if not isinstance(counted, Sums):
            yield f"the metric `{name}` is more than sums"
    yield from (f"`{name}` isn't PyTorch's" for name in _foreign(task))


def _foreign(task: Task) -> Iterator[str]:
    """The names of what may keep something from step to step that isn't a tensor."""
    for module in task.learner.modules():
        if not _is_known(type(module).__module__):
            yield type(module).__name__
        if isinstance(module, fx.GraphModule):
            called = [node.target for node in module.graph.nodes if node.op == "call_function"]
            yield from (one.__name__ for one in called if not _is_known(one.__module__ or "torch"))
    loss = task.experiment.loss
    calls = [term.call for term in loss.terms.values()] if loss else []
    yield from (call.name for call in calls if call is not None and not _is_known(call.entry.target))


def _is_known(path: str) -> bool:
    return path.partition(".")[0] in PACKAGES
