"""Init rules and a network -> the parameters that each rule sets, and those parameters set."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake
from yamlnet.language.experiment import InitRule
from yamlnet.language.patterns import matches
from yamlnet.network.construct import arguments, target_of
from yamlnet.network.probe import own_random_state
from yamlnet.seeds import seed_of

Chosen = dict[str, tuple[Call, ...]]
"""The initialisers of each parameter, by its qualified name."""


def choose(rules: Sequence[InitRule], layers: Mapping[str, nn.Module]) -> tuple[Chosen, list[Mistake]]:
    """Which rule sets which parameter: rules apply in order and the later wins.

    `layers` are the network's leaves by qualified name (they may be empty ones). A rule, or a parameter
    in it, that matches nothing is a mistake.
    """
    chosen: Chosen = {}
    mistakes: list[Mistake] = []
    for rule in rules:
        selected = [(name, module) for name, module in _modules(layers) if _selects(rule, name, module)]
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
                types = sorted({type(module).__name__ for _, module in selected})
                message = f"no `{pattern}` in " + ", ".join(f"`{name}`" for name in types)
                help = "parameters are " + ", ".join(
                    sorted({f"`{p}`" for _, m in selected for p in m._parameters})
                )
                mistakes.append(Mistake("no-match", (*rule.path, pattern), message, help, at="key"))
    return chosen, mistakes


def _modules(layers: Mapping[str, nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    for prefix, layer in layers.items():
        for name, module in layer.named_modules(prefix=prefix):
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
    parameters = dict(network.named_parameters())
    with own_random_state(), torch.no_grad():
        for name, calls in chosen.items():
            if name not in parameters:
                continue
            generator = torch.Generator().manual_seed(seed_of(seed, "init", name))
            for call in calls:
                wrong = _apply(call, parameters[name], generator, name)
                if wrong is not None:
                    mistakes.append(wrong)
                    break
    return mistakes


def _apply(call: Call, parameter: Tensor, generator: torch.Generator, name: str) -> Mistake | None:
    if call.name == "add_noise":
        noise = torch.empty_like(parameter).normal_(0, 1, generator=generator)
        parameter.add_(noise, alpha=call.arguments["std"])
        return None
    options: dict[str, Any] = arguments(call)
    if isinstance(options.get("gain"), str):
        options["gain"] = nn.init.calculate_gain(options["gain"])
    function = target_of(call.entry.target)
    if "generator" in inspect.signature(function).parameters:
        options["generator"] = generator
    try:
        function(parameter, **options)
    except (ValueError, RuntimeError) as error:
        words = str(error).split("\n")[0]
        message = f"`{call.name}` can't set `{name}` of {list(parameter.shape)}: {words}"
        return Mistake("wrong-value", call.path, message)
    return None


def trial(chosen: Chosen, layers: Mapping[str, nn.Module]) -> list[Mistake]:
    """What `initialise` would refuse, tried on tensors cut to size 3 in every axis but the first."""
    mistakes: list[Mistake] = []
    shapes = {name: p.shape for prefix, m in layers.items() for name, p in m.named_parameters(prefix=prefix)}
    seen: set[tuple[int, tuple[int, ...]]] = set()
    for name, calls in chosen.items():
        if name not in shapes:
            continue
        cut = (*shapes[name][:1], *(min(size, 3) for size in shapes[name][1:]))
        if (id(calls), cut) in seen:
            continue
        seen.add((id(calls), cut))
        small = torch.zeros(cut)
        for call in calls:
            wrong = _apply(call, small, torch.Generator(), name)
            if wrong is not None:
                if wrong.path not in {mistake.path for mistake in mistakes}:
                    mistakes.append(wrong)
                break
    return mistakes
