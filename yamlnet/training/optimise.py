"""The optimizer section and a model in; a torch optimizer over its parameter groups, and clipping, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog.types import to_python
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Clip, Group, Optimizer
from yamlnet.language.patterns import matches
from yamlnet.network.construct import arguments
from yamlnet.training.calls import construct
from yamlnet.training.eager import eager

FUSED: Mapping[str, tuple[str, ...]] = {
    "Adagrad": ("cpu",),
    "Adam": ("cpu", "cuda", "mps"),
    "AdamW": ("cpu", "cuda", "mps"),
    "SGD": ("cpu", "cuda", "mps"),
}
"""The optimizers that step all parameters in one kernel, and on which devices."""


def optimizer(section: Optimizer, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
    """The optimizer of the file over the parameters that take a gradient, grouped as the file says.

    `fused=True` is chosen by a fixed rule where it exists, unless the file says how to step.
    """
    call = section.call
    groups = parameter_groups(section.groups, model, call.entry.parameters)
    given = arguments(call) | ways(section, model, device)[0]
    return eager(lambda: construct(call, groups, arguments=given))


def ways(section: Optimizer, model: nn.Module, device: torch.device) -> list[dict[str, bool]]:
    """How the parameters can be stepped beside what the file says, as arguments; the first is the rule.

    All in one kernel, in a kernel for each operation, or one by one.
    """
    call = section.call
    if _says_how(arguments(call)):
        return [{}]
    takes, dense = call.entry.parameters, _is_dense(model)
    fused = call.name in FUSED and device.type in FUSED[call.name] and dense
    first: dict[str, bool] = {"fused": True} if fused else {}
    if "foreach" not in takes or not dense:
        return [first]
    others = [{"fused": False, "foreach": True}, {"fused": False, "foreach": False}]
    return [first, *others] if fused else [{}, {"foreach": True}]


def way(optimizer: torch.optim.Optimizer) -> dict[str, bool]:
    """Whether an optimizer steps in one kernel; where it doesn't, whether in one for each operation."""
    fused = {"fused": bool(optimizer.defaults.get("fused"))}
    return fused | ({"foreach": True} if optimizer.defaults.get("foreach") else {})


def stepped(section: Optimizer, way: Mapping[str, bool]) -> Optimizer:
    """The section with how the parameters are stepped said in it."""
    call = replace(section.call, arguments={**section.call.arguments, **way})
    return section.model_copy(update={"call": call})


def parameter_groups(
    groups: Sequence[Group], model: nn.Module, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """torch's parameter groups: trainable parameters with the same set of matching groups stand together.

    Those that nothing matches come first, then the others in the order of the file's groups; within a
    group parameters keep the model's order. `parameters` are the optimizer's, by name.
    """
    named = _names(model)
    for pattern in (pattern for group in groups for pattern in group.match):
        if not any(matches(pattern, name) for names in named.values() for name in names):
            raise YamlnetError(f"no parameter matches `{pattern}`", exit_code=1)
    members: dict[tuple[int, ...], list[nn.Parameter]] = {}
    for parameter, names in named.items():
        if parameter.requires_grad:
            matching = tuple(i for i, group in enumerate(groups) if _matches_any(group.match, names))
            members.setdefault(matching, []).append(parameter)
    if not members:
        raise YamlnetError("the model has no parameter to train", exit_code=1)
    return [
        {"params": members[matching], **_options([groups[i] for i in matching], parameters)}
        for matching in sorted(members)
    ]


def trained(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """The parameters of all groups."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def clipper(
    clips: Sequence[Clip], model: nn.Module, optimizer: torch.optim.Optimizer
) -> Callable[[], object] | None:
    """What clips the gradients of the optimizer's parameters in place, None where nothing does.

    Each way of clipping is for the parameters that match it, one after another; a norm is that of all their
    gradients together.
    """
    names, parameters = _names(model), trained(optimizer)
    steps = [_clipping(clip, [p for p in parameters if is_clipped(clip, names[p])]) for clip in clips]
    if len(steps) < 2:
        return steps[0] if steps else None
    return lambda: [step() for step in steps]


def is_clipped(clip: Clip, names: Sequence[str]) -> bool:
    """Whether a parameter with these names is clipped so."""
    return clip.match is None or _matches_any(clip.match, names)


def _clipping(clip: Clip, parameters: Sequence[nn.Parameter]) -> Callable[[], object]:
    if clip.norm is not None:
        return partial(nn.utils.clip_grad_norm_, parameters, clip.norm)
    assert clip.value is not None
    return partial(nn.utils.clip_grad_value_, parameters, clip.value)


def _names(model: nn.Module) -> dict[nn.Parameter, list[str]]:
    """Every parameter once, in the model's order, with all the names that a tie gives it."""
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    return names


def _matches_any(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def _options(groups: Sequence[Group], parameters: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for group in groups for key, value in group.options.items()}
    return {key: to_python(parameters[key].type, value) for key, value in merged.items()}


def _says_how(given: Mapping[str, Any]) -> bool:
    return (
        given.get("fused") is not None
        or given.get("foreach") is not None
        or bool(given.get("capturable") or given.get("differentiable"))
    )


def _is_dense(model: nn.Module) -> bool:
    """Whether all gradients are dense and real, which the fused kernels need."""
    return not sparse(model) and all(p.is_floating_point() for p in model.parameters() if p.requires_grad)


def sparse(model: nn.Module) -> set[Tensor]:
    """The parameters whose gradients are sparse: what an embedding with `sparse: true` looks up."""
    return {
        module.weight
        for module in model.modules()
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse
    }
