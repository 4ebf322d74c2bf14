"""A layer and what arrives at it -> its empty module, made at its first call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import nn

from yamlnet.language.nodes import Layer, Member, Node, Tensors
from yamlnet.network import failures, memory, words
from yamlnet.network.construct import Construction, empty_module, weight_bytes, with_storage
from yamlnet.network.found import Shapes, Value
from yamlnet.network.sizes import Sizes


def tensor_bytes(node: Tensors) -> int:
    """The memory that a node's parameters or buffers take."""
    return sum(prod(t.shape) * getattr(torch, t.dtype).itemsize for t in node.tensors.values())


class Layers:
    """The modules of a network; `given` are those that are there already, by their names."""

    def __init__(self, found: Shapes, given: Mapping[str, nn.Module]) -> None:
        self.found = found
        self.given = given
        self.sizes = Sizes(found.probe, found.categories)
        self.bytes = 0

    def module(self, layer: Layer, name: str, given: Sequence[Value]) -> nn.Module | None:
        """The layer's empty module, made at its first call; a later call must find the same sizes."""
        if name in self.found.modules:
            return self.found.modules[name]
        said, wrong = self.sizes.construction(layer, given)
        for mistake in wrong:
            self.found.wrong(mistake)
        num_told = len(self.found.mistakes)
        made = None if said is None or (wrong and name in self.given) else self.construct(layer, name, said)
        if wrong:
            del self.found.mistakes[num_told:]  # of a layer that was made for other sizes than it says
        if made is None:
            self.found.failed.add(name)
        return made

    def construct(self, layer: Layer, name: str, said: Construction) -> nn.Module | None:
        module, error = (self.given[name], None) if name in self.given else empty_module(said)
        wrong = words.misfit(layer.call, module, said.arguments) if name in self.given else None
        if wrong is not None:
            self.found.wrong(wrong)
            return None
        if module is None:
            self.found.wrong(failures.refused(layer.call, error, said.arguments))
            return None
        self.bytes += weight_bytes(module)
        if self.bytes > memory.machine():
            self.found.wrong(words.too_large(layer.call, self.bytes, memory.machine()))
            return None
        self.found.constructions[name] = said
        self.found.modules[name] = with_storage(module).eval()
        return self.found.modules[name]

    def declared(self, name: str, node: Node | Member) -> None:
        """Tensors that a graph holds, and a layer that nothing calls: fine when its sizes are said."""
        if isinstance(node, Tensors):
            self.bytes += tensor_bytes(node)
            if self.bytes > memory.machine():
                self.found.wrong(words.too_large(node, self.bytes, memory.machine()))
        if not isinstance(node, Layer) or name in self.found.modules:
            return
        parameters = node.call.entry.parameters.values()
        needed = [p.name for p in parameters if p.inferred and p.inferred.only_if_different is None]
        unsaid = " and ".join(f"`{n}`" for n in needed if n not in node.call.arguments)
        if unsaid:
            message = f"`{node.call.name}` needs {unsaid}"
            help = "no step calls it, so that nothing can be inferred"
            self.found.wrong(words.at_call("missing-parameter", node.call, message, help))
            return
        said, wrong = self.sizes.construction(node, ())
        for mistake in wrong:
            self.found.wrong(mistake)
        if said is not None and not wrong:
            self.construct(node, name, said)
