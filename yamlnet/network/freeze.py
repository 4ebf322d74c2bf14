"""A network and what is frozen in it -> parameters without gradients, and norms that stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from yamlnet.language.nodes import Node, walk


def frozen(root: Node) -> tuple[str, ...]:
    """The qualified names of what `freeze` stands beside."""
    return tuple(name for name, node in walk(root) if node.beside.freeze)


def freeze(network: nn.Module, names: Iterable[str]) -> None:
    """Takes the gradients from the parameters of these modules, or from these parameters."""
    wanted = tuple(names)
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if any(not frozen or name == frozen or name.startswith(f"{frozen}.") for frozen in wanted):
            parameter.requires_grad_(False)


def train_mode(network: nn.Module, names: Iterable[str]) -> None:
    """Sets training mode, and evaluation mode for the norms of what is frozen: their statistics stay."""
    network.train()
    for name in names:
        module = network.get_submodule(name) if _is_module(network, name) else None
        for part in module.modules() if module is not None else ():
            if "Norm" in type(part).__name__:
                part.eval()


def _is_module(network: nn.Module, name: str) -> bool:
    return name in dict(network.named_modules())
