"""A wire to a tensor that a graph or a layer holds -> the tensor, as the judge of shapes has it."""

from __future__ import annotations

import torch

from yamlnet.diagnostics import Mistake, did_you_mean
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Graph, Held, Layer, Node, Tensors, below
from yamlnet.network import memory
from yamlnet.network.found import Shapes, Value
from yamlnet.network.layers import tensor_bytes
from yamlnet.network.words import too_large


class HeldTensors:
    """Parameters and buffers, made when they are first named: zeros that take no memory."""

    def __init__(self, found: Shapes) -> None:
        self.found = found

    def value(self, wire: Held, graph: Graph, within: str) -> Value:
        """The value that a wire names; `within` is the qualified name of the graph."""
        member: Node | Tensors = graph
        for position, key in enumerate(wire.keys):
            if isinstance(member, Tensors):
                return self.among(
                    member, wire, wire.keys[position:], _join(within, ".".join(wire.keys[:position]))
                )
            if isinstance(member, Layer):
                name = _join(within, ".".join(wire.keys[:position]))
                return self.parameter(member, name, wire, ".".join(wire.keys[position:]))
            if key not in below(member):
                self.found.wrong(Mistake("unknown-reference", wire.path, f"there is no `{wire}`"))
                return UNKNOWN
            member = below(member)[key]
        assert isinstance(member, Tensors)
        return self.among(member, wire, (), _join(within, str(wire)))

    def among(self, held: Tensors, wire: Held, keys: tuple[str, ...], name: str) -> Value:
        """A parameter or buffer; one of a list or dict of them, or all."""
        found = self.found.tensors.get(name)
        if found is None and tensor_bytes(held) > memory.machine():
            self.found.wrong(too_large(held, tensor_bytes(held), memory.machine()))
            return UNKNOWN
        if found is None:
            found = {
                key: torch.zeros((), dtype=getattr(torch, tensor.dtype)).expand(tensor.shape)
                for key, tensor in held.tensors.items()
            }
            self.found.tensors[name] = found
            for tensor in found.values():
                self.found.makers[id(tensor)] = held.path
        if held.kind in ("Parameter", "Buffer"):
            if not keys:
                return found[""]
        elif not keys:
            return dict(found) if held.kind == "ParameterDict" else tuple(found.values())
        elif len(keys) == 1 and keys[0] in found:
            return found[keys[0]]
        message = f"`{name}` is a `{held.kind}`: it has no `{'.'.join(keys)}`"
        self.found.wrong(
            Mistake("unknown-reference", wire.path, message, did_you_mean(keys[-1], filter(None, found))[0])
        )
        return UNKNOWN

    def parameter(self, layer: Layer, name: str, wire: Held, attribute: str) -> Value:
        """A parameter or buffer of a layer."""
        module = self.found.modules.get(name)
        if module is None:
            if name not in self.found.failed:
                message = f"`{wire}` isn't made yet: nothing before has called `{layer.call.name}`"
                self.found.wrong(Mistake("unknown-reference", wire.path, message))
            return UNKNOWN
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        if attribute not in tensors:
            message = f"`{layer.call.name}` has no parameter `{attribute}`"
            path = str(wire).removesuffix(attribute)
            help, suggestion = did_you_mean(str(wire), [path + name for name in tensors])
            self.found.wrong(Mistake("unknown-reference", wire.path, message, help, suggestion))
            return UNKNOWN
        self.found.makers[id(tensors[attribute])] = layer.path
        return tensors[attribute]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
