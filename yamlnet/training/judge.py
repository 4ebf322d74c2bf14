"""A checked experiment and its network -> the mistakes in loss, metrics, optimizer and schedule.

Each is made and tried, as the network is: what torch would refuse in the first step is refused before the
data is read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from math import ceil

import torch
from torch import nn

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, YamlnetError, did_you_mean
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, Optimizer
from yamlnet.language.patterns import matches
from yamlnet.network.shapes import Shapes
from yamlnet.training import optimise, schedule
from yamlnet.training.compared import compared
from yamlnet.training.plan import plan

CPU = torch.device("cpu")


def judge(experiment: Experiment, shapes: Shapes, network: nn.Module, facts: Facts | None) -> list[Mistake]:
    """Tries loss, metrics, optimizer and schedule on what was found of the network."""
    mistakes = list(_optimizer(experiment, network, facts))
    if facts is None or not shapes.complete:
        return mistakes
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        mistakes += compared(experiment, shapes, facts)
    return mistakes


def _optimizer(experiment: Experiment, root: nn.Module, facts: Facts | None) -> Iterator[Mistake]:
    section = experiment.optimizer
    if section is None:
        return
    names = [name for name, _ in root.named_parameters()]
    if not any(parameter.requires_grad for parameter in root.parameters()):
        yield _at(section.call, "wrong-value", "the network has no parameters to train")
        return
    unmatched = False
    for position, group in enumerate(section.groups):
        for number, pattern in enumerate(group.match):
            if not any(matches(pattern, name) for name in names):
                unmatched = True
                place = ("optimizer", "groups", position, "match", number)
                help, suggestion = did_you_mean(
                    pattern, {name.rsplit(".", end)[0] for name in names for end in (0, 1)}
                )
                yield Mistake(
                    "no-match", place, f"no parameter matches `{pattern}`", help if suggestion else None
                )
    if unmatched:
        return
    try:
        made = optimise.optimizer(section, root, CPU)
    except YamlnetError as error:
        yield _at(section.call, "wrong-value", error.message, error.help)
        return
    refused = _refused_step(section)
    if refused is not None:
        yield _at(section.call, "wrong-value", f"`{section.call.name}` can't train this network: {refused}")
        return
    if experiment.scheduler is not None:
        yield from _scheduler(experiment.scheduler.call, made, experiment, facts)


def _refused_step(section: Optimizer) -> str | None:
    """What an optimizer says to a step on dense gradients: `SparseAdam` takes none."""
    layer = nn.Linear(4, 4, bias=False)
    layer.weight.grad = torch.zeros_like(layer.weight)
    try:
        optimise.optimizer(Optimizer(call=section.call), layer, CPU).step()
    except (RuntimeError, ValueError) as error:
        return str(error).strip().split("\n")[0].rstrip(".")
    return None


def _scheduler(
    call: Call, made: torch.optim.Optimizer, experiment: Experiment, facts: Facts | None
) -> Iterator[Mistake]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule.scheduler(call, made, _num_advances(experiment, facts))
    except YamlnetError as error:
        yield _at(call, "wrong-value", error.message, error.help)


def _num_advances(experiment: Experiment, facts: Facts | None) -> int:
    """How often the schedule is advanced; some number where the data isn't known."""
    train, data = experiment.train, experiment.data
    if facts is None or facts.train is None or data is None:
        return max(train.epochs or 0, 2)
    lengths = plan(train, ceil(facts.train / data.batch_size))
    by_step = experiment.scheduler is not None and experiment.scheduler.every == "step"
    return lengths.num_steps if by_step else lengths.num_epochs


def _at(call: Call, code: str, message: str, help: str | None = None) -> Mistake:
    return Mistake(code, call.path, message, help, at=name_place(call.path, call.name))
