"""A network and what is frozen in it -> parameters without gradients, and norms that stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from yamlnet.language.nodes import Member, Node


def frozen(nodes: Iterable[tuple[str, Node | Member]]) -> tuple[str, ...]:
    """The qualified names of what `freeze` stands beside."""
    return tuple(name for name, node in nodes if node.beside.freeze)


def freeze(network: nn.Module, names: Iterable[str]) -> None:
    """Takes the gradients from the parameters of these modules, or from these parameters."""
    wanted = tuple(names)
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if any(not frozen or name == frozen or name.startswith(f"{frozen}.") for frozen in wanted):
            parameter.requires_grad_(False)


def train_mode(network: nn.Module, names: Iterable[str]) -> None:
    """Sets training mode, and evaluation mode for the norms of what is frozen: their statistics stay."""
    network.train()
    modules = dict(network.named_modules(remove_duplicate=False))
    for name in names:
        for part in modules[name].modules() if name in modules else ():
            if "Norm" in type(part).__name__:
                part.eval()
