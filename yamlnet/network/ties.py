"""A network and what `tie` says -> parameters that are the same tensor under several names."""

from __future__ import annotations

from torch import nn

from yamlnet.diagnostics import Mistake, did_you_mean
from yamlnet.language.nodes import Node, walk


def tie(network: nn.Module, root: Node) -> list[Mistake]:
    """Makes each tied parameter the one that it is tied to; what can't be tied is returned, and left."""
    mistakes: list[Mistake] = []
    for name, node in walk(root):
        for parameter, target in node.beside.tie.items():
            wrong = _tied(network, name, parameter, target, (*node.beside.path, "tie", parameter))
            if wrong is not None:
                mistakes.append(wrong)
    return mistakes


def _tied(
    network: nn.Module, name: str, parameter: str, target: str, path: tuple[str | int, ...]
) -> Mistake | None:
    known = dict(network.named_parameters(remove_duplicate=False))
    above = name.rpartition(".")[0]
    own, other = (f"{name}.{parameter}" if name else parameter), (f"{above}.{target}" if above else target)
    if own not in known:
        names = [key.removeprefix(f"{name}.") for key in known if key.startswith(f"{name}.")]
        message = f"there is no parameter `{parameter}` here"
        return Mistake("unknown-reference", path, message, *did_you_mean(parameter, names), at="key")
    if other not in known:
        names = [key.removeprefix(f"{above}.") for key in known if not above or key.startswith(f"{above}.")]
        message = f"there is no parameter `{target}` to tie to"
        return Mistake("unknown-reference", path, message, *did_you_mean(target, names))
    if known[own].shape != known[other].shape:
        message = f"`{parameter}` is {list(known[own].shape)}, and `{target}` is {list(known[other].shape)}"
        help = "a transposed weight is a value: `{linear, from: [x, transposed]}`"
        return Mistake("shape-mismatch", path, message, help)
    holder, _, last = own.rpartition(".")
    network.get_submodule(holder).register_parameter(last, known[other])
    return None
