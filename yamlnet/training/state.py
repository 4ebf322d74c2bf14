"""A training under way in; the tensors and numbers that its next step depends on, and back, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.diagnostics import YamlnetError
from yamlnet.training import randomness
from yamlnet.training.checkpoint import EMA
from yamlnet.training.loop import Loop

Tensors = dict[str, Tensor]
Numbers = dict[str, Any]


def capture(
    model: nn.Module, loop: Loop, scheduler: LRScheduler | None, device: torch.device
) -> tuple[Tensors, Numbers]:
    """What torch's objects hold: tensors, the very ones, and what JSON can hold."""
    tensors, numbers = _optimizer_state(model, loop.optimizer)
    tensors |= {f"random.{name}": state for name, state in randomness.capture(device).items()}
    tensors |= _losses(loop) | {f"sums.{name}": t for name, t in loop.sums.meter.state().items()}
    if loop.average is not None:
        tensors |= {EMA + name: tensor for name, tensor in loop.average.tensors.items()}
        numbers["num_averaged"] = loop.average.num_averaged
    if scheduler is not None:
        numbers["scheduler"] = _without_counters(scheduler.state_dict())
    if loop.scaler is not None:
        numbers["scaler"] = loop.scaler.state_dict()
    return tensors, numbers


def restore(
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Any],
    model: nn.Module,
    loop: Loop,
    scheduler: LRScheduler | None,
    device: torch.device,
) -> None:
    """Puts a captured state into freshly made objects of the same training."""
    try:
        _restore_optimizer(tensors, numbers, model, loop.optimizer)
        if scheduler is not None:
            scheduler.load_state_dict(numbers["scheduler"])
        if loop.scaler is not None:
            loop.scaler.load_state_dict(numbers["scaler"])
        own = _losses(loop)
        loop.sums.meter.restore(_under("sums.", tensors))
        if loop.average is not None:
            own |= {EMA + name: tensor for name, tensor in loop.average.tensors.items()}
            loop.average.num_averaged = numbers["num_averaged"]
        for name, tensor in own.items():
            tensor.copy_(tensors[name])
    except (KeyError, ValueError, RuntimeError) as error:
        raise YamlnetError(f"the checkpoint is of another training: {error}") from error
    randomness.restore(device, _under("random.", tensors))


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
) -> None:
    fresh = optimizer.state_dict()
    names = {parameter: name for name, parameter in model.named_parameters()}
    ordered = [names[parameter] for group in optimizer.param_groups for parameter in group["params"]]
    saved: dict[str, Numbers] = {
        name: dict(scalars) for name, scalars in numbers["optimizer"]["scalars"].items()
    }
    for name, tensor in _under("optimizer.", tensors).items():
        parameter, _, key = name.rpartition(".")
        is_list = name in numbers["optimizer"]["lists"]
        # cloned: a row of a larger tensor is aligned otherwise, and its dot products have other bits
        saved.setdefault(parameter, {})[key] = [row.clone() for row in tensor] if is_list else tensor
    state = {index: saved[name] for index, name in enumerate(ordered) if name in saved}
    groups = [
        {**group, **{key: _like(group.get(key), value) for key, value in old.items()}}
        for group, old in zip(fresh["param_groups"], numbers["optimizer"]["groups"], strict=True)
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    # torch warns of a schedule that advances before any step; here the steps were another process's
    optimizer._opt_called = True  # type: ignore[attr-defined]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors whose names begin with the prefix, by the rest."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _like(fresh: Any, value: Any) -> Any:
    """A value from JSON as the fresh one is: `betas` is a tuple."""
    return tuple(value) if isinstance(fresh, tuple) else value


def _without_counters(state: Any) -> Any:
    """A scheduler's state without the milestones of `MultiStepLR`, which the file says and JSON can't."""
    if isinstance(state, dict):
        return {key: _without_counters(v) for key, v in state.items() if not isinstance(v, Counter)}
    return [_without_counters(v) for v in state] if isinstance(state, list) else state
