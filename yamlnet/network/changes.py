"""A change of a module tree: what comes in where; and the same tree with the change made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from yamlnet.language.nodes import Input, Model, Node
from yamlnet.network.construct import Construction
from yamlnet.network.ties import Tie

Op = Literal["replace", "add", "wrap"]


@dataclass(frozen=True)
class Change:
    """A node that comes into a network under `name`, its sizes known.

    `op` tells how: in the place of `target`; into the chain around `target`, right after it (into an empty
    chain where there is no target); or with `target` into a chain that takes the place of `target`. `inputs`
    names what the node takes.
    """

    op: Op
    target: str
    name: str
    node: Node
    constructions: Mapping[str, Construction]
    inputs: tuple[str, ...] = ("input",)

    def model(self) -> Model:
        """The node as a network by itself."""
        return Model(tuple(Input(n, None, "float32", ()) for n in self.inputs), self.node, self.node.path)

    def moved(self, name: str) -> str | None:
        """What a module's name becomes; None where it is gone."""
        if name != self.target and not name.startswith(f"{self.target}."):
            return name
        if self.op == "wrap":
            return f"{self.target}.0{name[len(self.target) :]}"
        return None if self.op == "replace" else name

    def moved_ties(self, ties: Iterable[Tie]) -> Iterator[Tie]:
        """Ties with what their names become; what is tied to a module that is gone is tied to the new one."""
        for tie in ties:
            own = self.moved(tie.own)
            if own is not None:
                yield replace(tie, own=own, other=self.moved(tie.other) or tie.other)


def is_chain(module: nn.Module) -> bool:
    """Whether a module runs its children one after another, whatever they are."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def apply(network: nn.Module, change: Change, new: nn.Module) -> None:
    """Makes a change of a network; `new` is the module of its node."""
    above, _, key = change.target.rpartition(".") if change.target else change.name.rpartition(".")
    parent = network.get_submodule(above)
    last = change.name.rpartition(".")[2]
    if change.op == "replace":
        parent._modules[key] = new
    elif change.op == "wrap":
        around = nn.Sequential()
        around.add_module("0", network.get_submodule(change.target))
        around.add_module(last, new)
        around.train(network.training)
        parent._modules[key] = around
    else:
        members = list(parent._modules.items())
        position = next((i + 1 for i, (name, _) in enumerate(members) if name == key), 0)
        members.insert(position, (last, new))
        parent._modules.clear()
        parent._modules.update(members)
    _run_by_parts(network, above)


def _run_by_parts(network: nn.Module, name: str) -> None:
    """Keeps transformer layers around a change from the kernels that would run their original parts only."""
    keys = name.split(".") if name else []
    for depth in range(len(keys) + 1):
        module = network.get_submodule(".".join(keys[:depth]))
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False
