"""A network and what `tie` says -> parameters that are the same tensor under several names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.nodes import Node, walk


@dataclass(frozen=True)
class Tie:
    """The qualified names of a parameter and of the one that it is.

    `target` is the other's name as it is said, `path` leads there.
    """

    own: str
    other: str
    target: str
    path: Path


def ties(root: Node, name: str = "") -> tuple[Tie, ...]:
    """What the nodes of a tree say; `name` is that of its root, whose ties are named from around it."""
    return tuple(
        Tie(_join(inner, parameter), _join(around, target), target, path)
        for inner, node in walk(root, name)
        for around in [".".join(inner.split(".")[: -node.beside.levels])]
        for parameter, target in node.beside.tie.items()
        for path in [(*node.beside.path, "tie", parameter)]
    )


def tie(network: nn.Module, said: Iterable[Tie]) -> list[Mistake]:
    """Makes each tied parameter the one that it is tied to; what can't be tied is returned, and left."""
    found = [wrong for one in said if (wrong := _tied(network, one)) is not None]
    return [
        wrong for position, wrong in enumerate(found) if wrong.path not in {w.path for w in found[:position]}
    ]


def _tied(network: nn.Module, said: Tie) -> Mistake | None:
    known = dict(network.named_parameters(remove_duplicate=False))
    holder, _, parameter = said.own.rpartition(".")
    if said.own not in known:
        names = [key.removeprefix(f"{holder}.") for key in known if key.startswith(f"{holder}.")]
        message = f"there is no parameter `{parameter}` here"
        return Mistake("unknown-reference", said.path, message, *did_you_mean(parameter, names), at="key")
    if said.other not in known:
        around = said.other.removesuffix(said.target)
        names = [key.removeprefix(around) for key in known if key.startswith(around)]
        message = f"there is no parameter `{said.target}` to tie to"
        return Mistake("unknown-reference", said.path, message, *did_you_mean(said.target, names))
    if said.own == said.other:
        return Mistake("wrong-value", said.path, f"`{parameter}` can't be tied to itself")
    if known[said.own].shape != known[said.other].shape:
        shapes = list(known[said.own].shape), list(known[said.other].shape)
        message = f"`{parameter}` is {shapes[0]}, and `{said.target}` is {shapes[1]}"
        help = "a transposed weight is a value: `{linear, from: [x, transposed]}`"
        return Mistake("shape-mismatch", said.path, message, help)
    network.get_submodule(holder).register_parameter(parameter, known[said.other])
    return None


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
