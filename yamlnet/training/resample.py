"""Patterns and the file's initialisers in; what draws the matching tensors anew before each step out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from yamlnet.catalog.entry import Call
from yamlnet.language.patterns import matches
from yamlnet.network.initialise import Draw, draws
from yamlnet.seeds import seed_of


def drawn(model: nn.Module, patterns: Sequence[str]) -> dict[str, Tensor]:
    """The parameters and buffers that match, by their first name."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        name: tensor for name, tensor in named.items() if any(matches(pattern, name) for pattern in patterns)
    }


def resampler(
    model: nn.Module, patterns: Sequence[str], chosen: Mapping[str, Sequence[Call]], seed: int
) -> Callable[[int], None] | None:
    """What draws for a step, on the tensors' own device; None where nothing is to be drawn.

    The numbers depend on the seed, the step and the tensor's name alone.
    """
    tensors = drawn(model, patterns)
    shapes = {name: p.shape for name, p in model.named_parameters()}
    steps: list[tuple[str, Tensor, list[Draw]]] = [
        (name, tensor, draws(chosen[name], name, {name: tensor.shape, **shapes}))
        for name, tensor in tensors.items()
    ]
    if not steps:
        return None

    def draw(step: int) -> None:
        with torch.no_grad():
            for name, tensor, calls in steps:
                generator = torch.Generator(tensor.device).manual_seed(seed_of(seed, "resample", name, step))
                for call in calls:
                    call(tensor, generator)

    return draw
