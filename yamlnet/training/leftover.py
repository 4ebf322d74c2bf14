"""What was found of a network, and the number of samples -> a last batch of one that ends the training."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import ceil, prod

from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, plural
from yamlnet.language.experiment import Experiment
from yamlnet.network.found import Shapes
from yamlnet.network.words import shape

NEAR = 64
"""How far another size of a batch is looked for."""


def judge(
    experiment: Experiment, shapes: Shapes, frozen: Collection[str], facts: Facts | None
) -> Iterator[Mistake]:
    """A batch of one sample where a batch norm takes a vector: torch can't normalise it in training."""
    data, train = experiment.data, experiment.train
    if data is None or facts is None or facts.train is None or _last(facts.train, data.batch_size) != 1:
        return
    num_batches = ceil(facts.train / data.batch_size)
    if train.steps is not None and train.steps * train.accumulate < num_batches:
        return
    for row in shapes.rows:
        value = row.inputs[0] if row.inputs else None
        if not (row.runs and isinstance(row.called, _BatchNorm) and isinstance(value, Tensor)):
            continue
        if shapes.probe.plain(value) and prod(value.shape[2:]) == 1 and not _is_frozen(row.name, frozen):
            last = f"{plural(facts.train, 'sample')} in batches of {data.batch_size:,} leave a last one of 1"
            message = f"{last}, and `{row.type}` normalises over several"
            taken = (row.path, f"takes {shape(value)}")
            other = _other(facts.train, data.batch_size)
            help = None if other is None else f"`batch_size: {other}` leaves {_last(facts.train, other):,}"
            yield Mistake("wrong-value", ("data", "batch_size"), message, help, related=(taken,))
            return


def _last(count: int, size: int) -> int:
    """How many samples the last batch has."""
    return count % size or size


def _other(count: int, size: int) -> int | None:
    """The nearest size that leaves a last batch of more."""
    sizes = (size + sign * step for step in range(1, NEAR) for sign in (-1, 1))
    return next((other for other in sizes if other > 1 and _last(count, other) > 1), None)


def _is_frozen(name: str, frozen: Collection[str]) -> bool:
    """Whether a norm keeps its statistics, being within what is frozen."""
    return any(not place or name == place or name.startswith(f"{place}.") for place in frozen)
