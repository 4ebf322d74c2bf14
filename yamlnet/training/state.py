"""A training under way in; the tensors and numbers that its next step depends on, and back, out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.diagnostics import YamlnetError
from yamlnet.training import randomness, schedule
from yamlnet.training.checkpoint import EMA
from yamlnet.training.criteria import Learner
from yamlnet.training.fitting import check_alike, check_equal, check_slot, sizes
from yamlnet.training.loop import Loop

MAX_PROCESSES = 2**16

Tensors = dict[str, Tensor]
Numbers = dict[str, Any]


def capture(
    model: Learner, loop: Loop, scheduler: LRScheduler | None, device: torch.device
) -> tuple[Tensors, Numbers]:
    """What torch's objects hold: tensors, the very ones, and what JSON can hold."""
    tensors, numbers = _optimizer_state(model, loop.optimizer)
    tensors |= model.loss_state()
    own = {f"random.{name}": state for name, state in randomness.capture(device).items()}
    own |= _losses(loop) | {f"sums.{name}": t for name, t in loop.sums.meter.state().items()}
    for rank, held in enumerate(loop.processes.gathered(own)):
        tensors |= {f"{_process(rank)}{name}": tensor for name, tensor in held.items()}
    numbers["processes"] = loop.processes.count
    if loop.average is not None:
        tensors |= {EMA + name: tensor for name, tensor in loop.average.tensors.items()}
        numbers["num_averaged"] = loop.average.num_averaged
    if scheduler is not None:
        numbers["scheduler"] = schedule.state(scheduler)
    if loop.scaler is not None:
        numbers["scaler"] = loop.scaler.state_dict()
    return tensors, numbers


def restore(
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Any],
    model: Learner,
    loop: Loop,
    scheduler: LRScheduler | None,
    device: torch.device,
    changed: Collection[str] = (),
    begins_epoch: bool = False,
) -> None:
    """Puts a captured state into freshly made objects of the same training.

    `changed` are the keys of the file that are others now; where they say something else than the state,
    they win. Where an epoch begins there are no sums to put back.

    Raises:
        YamlnetError: the state isn't that of these objects.
    """
    try:
        _copy(model.loss_state(), tensors)
        old = schedule.resume(scheduler, loop.optimizer, numbers.get("scheduler"), changed)
        _restore_optimizer(tensors, numbers["optimizer"], model, loop.optimizer, old)
        if loop.scaler is not None and not ("scaler" not in numbers and "train.precision" in changed):
            check_alike(loop.scaler.state_dict(), numbers["scaler"], "scaler")
            loop.scaler.load_state_dict(numbers["scaler"])
        if not (begins_epoch and changed):
            _restore_sums(loop, tensors, numbers.get("processes", 1))
        if loop.average is not None and not ("num_averaged" not in numbers and "train.ema" in changed):
            _copy({EMA + name: tensor for name, tensor in loop.average.tensors.items()}, tensors)
            loop.average.num_averaged = int(numbers["num_averaged"])
        random = _under(f"{_process(loop.processes.rank)}random.", tensors)
        if random or loop.processes.first:
            randomness.restore(device, random)
    except (KeyError, ValueError, RuntimeError, TypeError, AttributeError, IndexError) as error:
        words = f"it has no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise YamlnetError(f"the checkpoint is of another training: {words}") from error


def restore_losses(model: Learner, saved: Mapping[str, Tensor]) -> None:
    """Puts the weights back that the losses have themselves.

    Raises:
        YamlnetError: they are those of other losses.
    """
    try:
        _copy(model.loss_state(), saved)
    except (KeyError, ValueError) as error:
        words = f"it has no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise YamlnetError(f"the checkpoint is of another loss: {words}") from error


def _copy(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    for name, tensor in own.items():
        tensor.copy_(check_equal(tensor, saved[name], name))


def _process(rank: int) -> str:
    """What the names of a process's own tensors begin with."""
    return f"process.{rank}." if rank else ""


def _restore_sums(loop: Loop, tensors: Mapping[str, Tensor], count: int) -> None:
    """Each process's own sums; where as many aren't there any more, the first one's are all of them."""
    loop.sums.reset()  # what steps that are taken back gave isn't counted
    own, processes = _losses(loop), loop.processes
    if type(count) is not int or not 1 <= count <= MAX_PROCESSES:
        raise ValueError(f"`processes` is {count!s:.20}")
    if count == processes.count:
        held = _under(_process(processes.rank), tensors)
        _copy(own, held)
        loop.sums.meter.restore(_under("sums.", held))
        return
    every = [_under(_process(rank), tensors) for rank in range(count)]
    if processes.first:
        for name, tensor in own.items():
            for held in every:
                tensor += check_equal(tensor, held[name], name).to(tensor.device)
        loop.sums.meter.merge([_under("sums.", held) for held in every])


def _losses(loop: Loop) -> Tensors:
    """The running sums of the losses in the epoch under way."""
    pairs = zip(loop.objective.terms, loop.sums.totals, strict=True)
    return {f"sums.loss.{term.name}" if term.name else "sums.loss": total for term, total in pairs}


def _optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Tensors, Numbers]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    tensors: Tensors = {}
    scalars: Numbers = {}
    lists: list[str] = []
    for parameter, state in cast(Mapping[nn.Parameter, Numbers], optimizer.state).items():
        for key, value in state.items():
            name = f"{names[parameter]}.{key}"
            if isinstance(value, Tensor):
                tensors[f"optimizer.{name}"] = value
            elif isinstance(value, list) and all(isinstance(item, Tensor) for item in value):
                lists.append(name)
                tensors[f"optimizer.{name}"] = torch.stack(value) if value else torch.empty(0)
            elif not isinstance(value, list):  # a list with gaps is scratch of `LBFGS`
                scalars.setdefault(names[parameter], {})[key] = value
    groups = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    return tensors, {"optimizer": {"groups": groups, "scalars": scalars, "lists": lists}}


def _restore_optimizer(
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    with_groups: bool,
) -> None:
    """Puts back what the optimizer holds of each parameter, and its settings where they are the old ones."""
    parameters = dict(model.named_parameters())
    names = {parameter: name for name, parameter in parameters.items()}
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    num_trained = sizes(trained)
    saved: dict[str, Numbers] = {name: dict(scalars) for name, scalars in numbers["scalars"].items()}
    for name, tensor in _under("optimizer.", tensors).items():
        parameter, _, key = name.rpartition(".")
        check_slot(name, tensor, parameters[parameter], num_trained)
        is_list = name in numbers["lists"]
        # cloned: a row of a larger tensor is aligned otherwise, and its dot products have other bits
        saved.setdefault(parameter, {})[key] = [row.clone() for row in tensor] if is_list else tensor
    state = {index: saved[names[p]] for index, p in enumerate(trained) if names[p] in saved}
    groups = optimizer.state_dict()["param_groups"]
    if len(groups) != len(numbers["groups"]):
        raise ValueError(f"it has {len(numbers['groups'])} groups of parameters, and there are {len(groups)}")
    if with_groups:
        for group, old in zip(groups, numbers["groups"], strict=True):
            check_alike({k: v for k, v in group.items() if k != "params"}, old, "optimizer.groups")
            group |= {key: _like(group[key], value) for key, value in old.items()}
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    # torch warns of a schedule that advances before any step; here the steps were another process's
    optimizer._opt_called = True  # type: ignore[attr-defined]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors whose names begin with the prefix, by the rest."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _like(fresh: Any, value: Any) -> Any:
    """A value from JSON as the fresh one is: `betas` is a tuple."""
    return tuple(value) if isinstance(fresh, tuple) else value
