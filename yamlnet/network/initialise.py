"""Init rules and a network -> the parameters that each rule sets, and those parameters set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.calls import settled
from yamlnet.language.experiment import InitRule
from yamlnet.language.nodes import Layer, Member, Node, Tensors
from yamlnet.language.patterns import matches
from yamlnet.network.construct import arguments, target_of
from yamlnet.network.probe import own_random_state
from yamlnet.seeds import seed_of

Chosen = dict[str, tuple[Call, ...]]
"""The initialisers of each parameter, by its qualified name."""

Draw = Callable[[Tensor, torch.Generator], object]
"""Sets a tensor in place, drawing from the generator."""


def choose(
    rules: Sequence[InitRule], network: nn.Module, nodes: Iterable[tuple[str, Node | Member]] = ()
) -> tuple[Chosen, list[Mistake]]:
    """Which initialisers set which parameter: rules apply in order, the later wins, a node's own over all.

    `network` may be an empty one, `nodes` are those of the file by name.
    A rule, or a parameter in it, that matches nothing is a mistake.
    """
    chosen: Chosen = {}
    mistakes: list[Mistake] = []
    for rule in rules:
        selected = [(name, module) for name, module in _modules(network) if _selects(rule, name, module)]
        if not selected:
            mistakes.append(_no_module(rule))
            continue
        for pattern, calls in rule.parameters.items():
            found = False
            for name, module in selected:
                for parameter, value in module._parameters.items():
                    if fnmatchcase(parameter, pattern):
                        found = True
                        if value is not None:
                            chosen[f"{name}.{parameter}" if name else parameter] = calls
            if not found:
                mistakes.append(_no_parameter((*rule.path, pattern), pattern, [m for _, m in selected]))
    for name, node in nodes:
        for pattern, calls in node.beside.init.items():
            found_names, wrong = _own(network, name, node, pattern)
            chosen |= dict.fromkeys(found_names, calls)
            mistakes += wrong
    return chosen, mistakes


def _no_parameter(path: Path, pattern: str, modules: Sequence[nn.Module]) -> Mistake:
    types = sorted({type(module).__name__ for module in modules})
    message = f"no `{pattern}` in " + ", ".join(f"`{name}`" for name in types)
    known = sorted({name for module in modules for name, _ in module.named_parameters()})
    near, suggestion = did_you_mean(pattern, known)
    help = "parameters are " + ", ".join(f"`{name}`" for name in known) if known else None
    return Mistake("no-match", path, message, near if suggestion else help, suggestion, at="key")


def _own(network: nn.Module, name: str, node: Node | Member, pattern: str) -> tuple[list[str], list[Mistake]]:
    """The parameters that an initialiser beside a node is for; unnamed the weight, or the value itself."""
    path = (*node.beside.path, "init")
    if isinstance(node, Tensors) and node.kind in ("Parameter", "Buffer") and not pattern:
        return [name], []
    if not isinstance(node, Layer | Tensors):
        help = "the section `init` has rules by name"
        return [], [Mistake("no-match", path, "there are no parameters of its own here", help, at="key")]
    if isinstance(node, Tensors) and node.kind in ("Parameter", "Buffer"):
        message = f"a {node.kind.lower()} has no `{pattern}`"
        return [], [Mistake("no-match", (*path, pattern), message, at="key")]
    module = network.get_submodule(name)
    wanted = pattern or ("*" if isinstance(node, Tensors) else "weight")
    found = [known for known, _ in module.named_parameters() if fnmatchcase(known, wanted)]
    if not found:
        return [], [_no_parameter((*path, pattern) if pattern else path, wanted, [module])]
    return [f"{name}.{known}" if name else known for known in found], []


def _modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_modules():
        if module._parameters:
            yield name, module


def _selects(rule: InitRule, name: str, module: nn.Module) -> bool:
    bases = {base.__name__ for base in type(module).__mro__}
    of_type = not rule.type or any(wanted in bases for wanted in rule.type)
    return of_type and (not rule.name or any(matches(pattern, name) for pattern in rule.name))


def _no_module(rule: InitRule) -> Mistake:
    key = "type" if rule.type else "name"
    words = [f"type `{'` or `'.join(rule.type)}`"] if rule.type else []
    words += [f"name `{'` or `'.join(rule.name)}`"] if rule.name else []
    message = "no module with parameters has " + " and ".join(words)
    if not words:
        return Mistake("no-match", rule.path, "the network has no parameters")
    return Mistake("no-match", (*rule.path, key), message)


def initialise(network: nn.Module, chosen: Chosen, seed: int) -> list[Mistake]:
    """Runs each parameter's initialisers, drawing from a generator of its own.

    The bits depend on the seed and the parameter's name, on nothing else in the file.
    """
    mistakes: list[Mistake] = []
    parameters: dict[str, Tensor] = {
        **dict(network.named_buffers()),
        **dict(network.named_parameters(remove_duplicate=False)),
    }
    with own_random_state(), torch.no_grad():
        for name, calls in chosen.items():
            if name not in parameters:
                continue
            generator = torch.Generator().manual_seed(seed_of(seed, "init", name))
            fans = _fans(name, {key: value.shape for key, value in parameters.items()})
            for call in calls:
                wrong = _apply(call, parameters[name], generator, name, fans)
                if wrong is not None:
                    mistakes.append(wrong)
                    break
    return mistakes


def _fans(name: str, shapes: Mapping[str, torch.Size]) -> dict[str, int]:
    """`fan_in` and `fan_out` of a parameter; a vector's are those of the weight that it belongs to.

    As in torch.nn.init: the sizes of axes 1 and 0, each times what the further axes hold together.
    """
    shape = shapes[name]
    if len(shape) < 2:
        above, _, last = name.rpartition(".")
        weight = last.replace("bias", "weight") if "bias" in last else "weight"
        shape = shapes.get(f"{above}.{weight}" if above else weight, shape)
    if len(shape) < 2:
        return {}
    field = shape[2:].numel()
    return {"fan_in": shape[1] * field, "fan_out": shape[0] * field}


def _apply(
    call: Call, parameter: Tensor, generator: torch.Generator, name: str, fans: Mapping[str, int]
) -> Mistake | None:
    call, wrong = settled(call, fans)
    if wrong and not fans and "`fan_" in wrong[0].message:
        message = f"`{name}` of {list(parameter.shape)} has no `fan_in` and `fan_out`"
        return replace(
            wrong[0], message=message, help="weights of two or more axes have them, and their biases"
        )
    if wrong:
        return wrong[0]
    try:
        _draw(call)(parameter, generator)
    except (ValueError, RuntimeError) as error:
        words = str(error).split("\n")[0]
        message = f"`{call.name}` can't set `{name}` of {list(parameter.shape)}: {words}"
        return Mistake("wrong-value", call.path, message)
    return None


def _draw(call: Call) -> Draw:
    """What sets a tensor as the initialiser says."""
    options: dict[str, Any] = arguments(call)
    if call.name == "add_noise":
        return partial(_add_noise, std=options["std"])
    if isinstance(options.get("gain"), str):
        options["gain"] = nn.init.calculate_gain(options["gain"])
    function = target_of(call.entry.target)
    if "generator" in inspect.signature(function).parameters:
        return lambda tensor, generator: function(tensor, **options, generator=generator)
    return lambda tensor, generator: function(tensor, **options)


def _add_noise(tensor: Tensor, generator: torch.Generator, std: float) -> None:
    tensor.add_(torch.empty_like(tensor).normal_(0, 1, generator=generator), alpha=std)


def draws(calls: Sequence[Call], name: str, shapes: Mapping[str, torch.Size]) -> list[Draw]:
    """A tensor's initialisers, made ready to run again and again; `shapes` has the tensor's own."""
    return [_draw(settled(call, _fans(name, shapes))[0]) for call in calls]


def trial(chosen: Chosen, network: nn.Module) -> list[Mistake]:
    """What `initialise` would refuse, tried on tensors cut to size 3 in every axis but the first.

    That keeps its size, of which groups are shares, up to 65,536.
    """
    mistakes: list[Mistake] = []
    named = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    shapes = {name: tensor.shape for name, tensor in named.items()}
    seen: set[tuple[int, tuple[int, ...]]] = set()
    for name, calls in chosen.items():
        if name not in shapes:
            continue
        first, rest = shapes[name][:1], shapes[name][1:]
        cut = (*(min(size, 2**16) for size in first), *(min(size, 3) for size in rest))
        if (id(calls), cut) in seen:
            continue
        seen.add((id(calls), cut))
        small = torch.zeros(cut, dtype=named[name].dtype)
        for call in calls:
            wrong = _apply(call, small, torch.Generator(), name, _fans(name, shapes))
            if wrong is not None:
                if wrong.path not in {mistake.path for mistake in mistakes}:
                    mistakes.append(wrong)
                break
    return mistakes
