"""A checked experiment and its empty network -> the mistakes in optimizer, schedule and what steps do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from math import ceil

import torch
from torch import nn

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, Path, YamlnetError, did_you_mean
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, Optimizer
from yamlnet.language.patterns import matches
from yamlnet.network.initialise import Chosen
from yamlnet.training import lengths, optimise, schedule
from yamlnet.training.criteria import Learner
from yamlnet.training.objective import Criteria
from yamlnet.training.plan import plan
from yamlnet.training.resample import drawn

CPU = torch.device("cpu")


def judge(
    experiment: Experiment,
    network: nn.Module,
    losses: Criteria | None,
    chosen: Chosen,
    facts: Facts | None,
) -> Iterator[Mistake]:
    """Tries optimizer and schedule on the network and the weights of losses, and what patterns match.

    Where the losses can't be made, what patterns may match of them isn't known.
    """
    for mistake in _tried(experiment, network, Learner(network, losses or {}), chosen, facts):
        if losses is not None or mistake.code != "no-match" or "`loss" not in mistake.message:
            yield mistake


def _tried(
    experiment: Experiment, network: nn.Module, learner: Learner, chosen: Chosen, facts: Facts | None
) -> Iterator[Mistake]:
    yield from _taken(experiment, learner)
    yield from _patterns(experiment, network, learner)
    yield from _undrawn(experiment, network, chosen)
    section = experiment.optimizer
    if section is None:
        return
    network = learner
    if not any(parameter.requires_grad for parameter in network.parameters()):
        yield _at(section.call, "wrong-value", "the network has no parameters to train")
        return
    unmatched = list(_groups(section, network))
    yield from unmatched
    alone = section if not unmatched else section.model_copy(update={"groups": ()})
    refused = list(_refused(alone, network))
    yield from refused
    if not refused:
        yield from _sparse_clip(experiment, network)
        if experiment.scheduler is not None:
            wrong = list(_scheduler(experiment.scheduler.call, alone, network, experiment, facts))
            yield from wrong or lengths.judge(experiment, facts)


def _groups(section: Optimizer, network: nn.Module) -> Iterator[Mistake]:
    names = _parameters(network)
    for position, group in enumerate(section.groups):
        yield from _unmatched(group.match, ("optimizer", "groups", position, "match"), names, "parameter")


def _taken(experiment: Experiment, learner: Learner) -> Iterator[Mistake]:
    """Weights of a loss whose names the network has too."""
    names = _parameters(learner)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"the network has a `{twice[0]}` too, which is the name of the loss's own"
        yield Mistake("wrong-value", ("loss",), message, "name the network's node otherwise", at="key")


def _patterns(experiment: Experiment, network: nn.Module, learner: Learner) -> Iterator[Mistake]:
    """Patterns of `train` that match nothing."""
    train = experiment.train
    for path, clip in train.clips:
        yield from _unmatched(clip.match or (), (*path, "match"), _parameters(learner), "parameter")
    tensors = [*_parameters(network), *(name for name, _ in network.named_buffers())]
    yield from _unmatched(train.resample, ("train", "resample"), tensors, "parameter or buffer")
    if train.watch is not None:
        modules = [name for name, _ in network.named_modules() if name]
        for key in ("activations", "gradients"):
            yield from _unmatched(getattr(train.watch, key), ("train", "watch", key), modules, "module")


def _unmatched(patterns: Sequence[str], path: Path, names: Sequence[str], what: str) -> Iterator[Mistake]:
    for position, pattern in enumerate(patterns):
        if not any(matches(pattern, name) for name in names):
            near = {name.rsplit(".", end)[0] for name in names for end in (0, 1)}
            help, suggestion = did_you_mean(pattern, near)
            message = f"no {what} matches `{pattern}`"
            yield Mistake("no-match", (*path, position), message, help if suggestion else None)


def _undrawn(experiment: Experiment, network: nn.Module, chosen: Chosen) -> Iterator[Mistake]:
    """Tensors that `resample` matches and no initialiser sets."""
    for position, pattern in enumerate(experiment.train.resample):
        missing = [name for name in drawn(network, [pattern]) if name not in chosen]
        if missing:
            place = ("train", "resample", position)
            message = f"there is no `init` to draw {_listed(missing)} by"
            help = "say one in `init` or beside the node, or write a narrower pattern"
            yield Mistake("wrong-value", place, message, help)


def _refused(section: Optimizer, network: nn.Module) -> Iterator[Mistake]:
    """What the optimizer can't be made with, or can't step."""
    call, trained = section.call, _trained(network)
    flat = [name for name, parameter in trained.items() if parameter.dim() != 2]
    if call.name == "Muon" and flat:
        message = f"`Muon` trains matrices alone, and {_listed(flat)} {_has(flat)} other axes"
        help = "one optimizer trains everything: `bias: false` and `freeze: true` leave parameters out"
        yield _at(call, "wrong-value", message, help)
        return
    try:
        optimise.optimizer(section, network, CPU)
    except YamlnetError as error:
        yield _at(call, "wrong-value", error.message, error.help)
        return
    sparse = optimise.sparse(network)
    for layout, of in (("dense", False), ("sparse", True)):
        names = [name for name, parameter in trained.items() if (parameter in sparse) is of]
        words = _refused_step(section, of) if names else None
        if words is not None:
            message = f"`{call.name}` can't train {_listed(names)}, whose gradients are {layout}"
            help = "`sparse: false` gives an embedding dense ones" if of else "`freeze: true` leaves them out"
            yield _at(call, "wrong-value", message, f"{words}; {help}")
            return


def _refused_step(section: Optimizer, sparse: bool) -> str | None:
    """What an optimizer says to a step on dense or sparse gradients."""
    layer = nn.Embedding(4, 4, sparse=sparse)
    layer(torch.tensor([1, 2])).sum().mul(0).backward()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimise.optimizer(Optimizer(call=section.call), layer, CPU).step(lambda: 0.0)
    except (RuntimeError, ValueError) as error:
        return str(error).strip().split("\n")[0].rstrip(".")
    return None


def _sparse_clip(experiment: Experiment, network: nn.Module) -> Iterator[Mistake]:
    sparse = optimise.sparse(network)
    for path, clip in experiment.train.clips:
        found = [
            name
            for name, parameter in _trained(network).items()
            if parameter in sparse and optimise.is_clipped(clip, [name])
        ]
        if found:
            message = f"sparse gradients can't be clipped: those of {_listed(found)}"
            yield Mistake("wrong-value", path, message, "`match` leaves them out", at="key")


def _scheduler(
    call: Call, section: Optimizer, network: nn.Module, experiment: Experiment, facts: Facts | None
) -> Iterator[Mistake]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = optimise.optimizer(section, network, CPU)
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


def _parameters(network: nn.Module) -> list[str]:
    return [name for name, _ in network.named_parameters(remove_duplicate=False)]


def _trained(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def _listed(names: Sequence[str]) -> str:
    """The first three names, and how many there are beside them."""
    words = ", ".join(f"`{name}`" for name in names[:3])
    return words + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _at(call: Call, code: str, message: str, help: str | None = None) -> Mistake:
    return Mistake(code, call.path, message, help, at=name_place(call.path, call.name))
