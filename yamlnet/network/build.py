"""A Model and what makes its layers -> a plain `nn.Module` that needs no yamlnet to run.

Chains become `nn.Sequential`, graphs `torch.fx.GraphModule`s whose `forward` is ordinary generated Python.
State-dict keys are the names in the file.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor as TorchTensor
from torch import fx, nn

from yamlnet.language.names import is_position
from yamlnet.language.nodes import (
    Chain,
    Expression,
    Function,
    Graph,
    Held,
    Holder,
    Layer,
    Member,
    Model,
    Module,
    Node,
    Output,
    Residual,
    Source,
    Step,
    Tensor,
    Tensors,
    Wire,
    below,
    child,
    takes_before,
)
from yamlnet.network.bind import arrange, asks_batch, options, with_batch
from yamlnet.network.construct import Construction, construct, target_of
from yamlnet.network.formula import asks_batch as formula_asks_batch
from yamlnet.network.formula import emit
from yamlnet.network.probe import own_random_state
from yamlnet.seeds import seed_of

Make = Callable[[str], nn.Module]
"""What gives a layer's module for its qualified name."""


def build(
    model: Model,
    constructions: Mapping[str, Construction],
    seed: int,
    name: str = "",
    downloads: bool = True,
) -> nn.Module:
    """The network with torch's own first weights; `name` is that of the place where it stands in another.

    A layer's weights depend on the seed and on its qualified name alone. Torch's global random state
    and the number of threads are left as they were. `downloads` are torchvision's weights.
    """

    def make(inner: str) -> nn.Module:
        whole = ".".join(part for part in (name, inner) if part)
        torch.default_generator.manual_seed(seed_of(seed, "weights", whole))
        return construct(constructions[whole], downloads)

    with own_random_state():
        return assemble(model, make, empty=False)


def assemble(model: Model, make: Make, empty: bool = True) -> nn.Module:
    """The network of the layers that `make` gives; an `empty` one's own tensors take no memory."""
    builder = _Builder(make, empty)
    names = tuple(given.name for given in model.inputs)
    root = model.root
    if isinstance(root, Layer | Chain | Graph | Residual) and not adds_outside(root):
        whole: nn.Module = builder.module(root, "", names)
        return whole
    lines = _Lines(names)
    given = [lines.values[name] for name in names]
    children: dict[str, Any] = {}
    if adds_outside(root) and isinstance(root, Residual) and isinstance(root.body, Module):
        children["0"] = builder.module(root, "")
    lines.graph.output(lines.call(root, "0", given, {}, "0"))
    return _graph_module(children, lines.graph)


class _Builder:
    def __init__(self, make: Make, empty: bool) -> None:
        self.make = make
        self.empty = empty

    def module(self, node: Member, name: str, inputs: tuple[str, ...] = ("input",)) -> Any:
        """A node's module; for tensors the parameter or buffer."""
        if isinstance(node, Layer):
            return self.make(name)
        if isinstance(node, Tensors):
            return held(node, self.empty)
        if isinstance(node, Holder):
            return self.holder(node, name)
        if isinstance(node, Residual):
            return self.residual(node, name, inputs)
        if isinstance(node, Graph):
            return self.graph(node, name)
        if any(not isinstance(inner, Module) or adds_outside(inner) for inner in node.children.values()):
            return self.chain_graph(node, name, inputs)
        chain = nn.Sequential()
        for key, inner in node.children.items():
            assert isinstance(inner, Module)
            chain.add_module(key, self.module(inner, _join(name, key)))
        return chain

    def children(self, node: Node | Member, name: str) -> dict[str, Any]:
        return {
            key: self.module(inner, _join(name, key))
            for key, inner in below(node).items()
            if isinstance(inner, Tensors) or (isinstance(inner, Module) and _holds(inner))
        }

    def holder(self, holder: Holder, name: str) -> nn.Module:
        members = self.children(holder, name)
        module: nn.Module = nn.ModuleDict() if holder.kind == "ModuleDict" else nn.ModuleList()
        for key, member in members.items():
            _add(module, key, member)
        return module

    def residual(self, residual: Residual, name: str, inputs: tuple[str, ...]) -> nn.Module:
        """A body that has children holds them itself, and adds; another leaves both to its parent."""
        body = residual.body
        if not isinstance(body, Chain | Graph):
            inner: nn.Module = self.module(body, name, inputs)  # type: ignore[arg-type]
            return inner
        lines = _Lines(body.inputs if isinstance(body, Graph) else inputs[:1])
        value = lines.chain(body) if isinstance(body, Chain) else lines.run(body)
        lines.graph.output(lines.graph.call_function(operator.add, (lines.first, value)))
        return _graph_module(self.children(body, name), lines.graph)

    def chain_graph(self, chain: Chain, name: str, inputs: tuple[str, ...]) -> nn.Module:
        """A chain that holds functions: a graph with the same keys."""
        lines = _Lines(inputs)
        lines.graph.output(lines.chain(chain))
        return _graph_module(self.children(chain, name), lines.graph)

    def graph(self, graph: Graph, name: str) -> nn.Module:
        lines = _Lines(graph.inputs)
        lines.graph.output(lines.run(graph))
        return _graph_module(self.children(graph, name), lines.graph)


def _holds(node: Node | Member) -> bool:
    """Whether a node is a module, which its container holds: a function isn't, nor what adds its result."""
    return _holds(node.body) if isinstance(node, Residual) else isinstance(node, Module)


def adds_outside(node: Node) -> bool:
    """Whether a residual's sum is its parent's line: what it holds has no children to hold."""
    return isinstance(node, Residual) and not isinstance(node.body, Chain | Graph)


def held(tensors: Tensors, empty: bool = False) -> Any:
    """The parameter, buffer, list or dict that a node holds; an `empty` one takes no memory."""
    filled = {key: _filled(tensor) for key, tensor in tensors.tensors.items()}
    made = filled if empty else {key: tensor.clone() for key, tensor in filled.items()}
    if tensors.kind == "Buffer":
        return made[""]
    parameters = {key: nn.Parameter(value) for key, value in made.items()}
    if tensors.kind == "Parameter":
        return parameters[""]
    if tensors.kind == "ParameterList":
        return nn.ParameterList(parameters.values())
    return nn.ParameterDict(parameters)


def _filled(tensor: Tensor) -> TorchTensor:
    return torch.as_tensor(tensor.fill, dtype=getattr(torch, tensor.dtype)).expand(tensor.shape)


class _Lines:
    """The lines of a forward: fx nodes named as the file names their values."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.graph = fx.Graph()
        self.values: dict[str, Any] = {
            name: self.graph.create_node("placeholder", name, name=name) for name in inputs
        }
        self.size: fx.Node | None = None
        self.first = self.values[inputs[0]]

    def free(self, name: str) -> str:
        """A name for a line of Python: dots become underscores, a digit doesn't begin it."""
        name = name.replace(".", "_")
        return f"_{name}" if name[:1].isdigit() else name

    def chain(self, chain: Chain) -> Any:
        """The value of a chain, its children called one after another."""
        value = self.first
        for key, node in chain.children.items():
            count = len(node.formula.names) if isinstance(node, Expression) else 1
            value = self.call(node, key, [value] * count, {}, key)
        return value

    def run(self, graph: Graph) -> Any:
        """The output of a graph, its steps one after another."""
        for step in graph.steps:
            if step.runs:
                self.step(step, graph)
        return self.output(graph.output, graph)

    def step(self, step: Step, graph: Graph) -> None:
        called: Node = child(graph, step.called) if isinstance(step.called, tuple) else step.called
        positional = [self.value(source, graph) for source in step.positional]
        keywords: dict[str, Any] = {key: self.value(wire, graph) for key, wire in step.keywords.items()}
        if takes_before(step, called):
            positional = [self.value(step.before, graph)]
        if isinstance(called, Chain | Graph | Residual):
            names = called.inputs if isinstance(called, Graph) else ("input",)
            positional += [keywords.pop(name) for name in names[len(positional) :]]
        target = ".".join(step.called) if isinstance(step.called, tuple) else step.name
        self.values[step.name] = self.call(called, target, positional, keywords, step.name)

    def call(self, node: Node, target: str, inputs: list[Any], keywords: Mapping[str, Any], name: str) -> Any:
        """One node's value; a module is called by its path."""
        if isinstance(node, Function):
            return self.function(node, inputs, keywords, name)
        if isinstance(node, Expression):
            values = dict(zip(node.formula.names, inputs, strict=True))
            return emit(node.formula, self.graph, values, self.batch(formula_asks_batch(node.formula)))
        if isinstance(node, Residual) and adds_outside(node):
            count = len(node.body.formula.names) if isinstance(node.body, Expression) else 1
            value = self.call(node.body, target, inputs * count, keywords, f"{name}_body")
            return self.sum(inputs[0], value, name)
        return self.graph.create_node(
            "call_module", target, tuple(inputs), dict(keywords), name=self.free(name)
        )

    def sum(self, first: Any, second: Any, name: str) -> fx.Node:
        return self.graph.create_node("call_function", operator.add, (first, second), name=self.free(name))

    def value(self, wire: Wire, graph: Graph) -> Any:
        if isinstance(wire, Held):
            return self.tensor(wire, graph)
        value = self.values[wire.value]
        for part in wire.parts:
            key: Any = int(part) if is_position(part) else part
            value = self.graph.call_function(operator.getitem, (value, key))
        return value

    def tensor(self, wire: Held, graph: Graph) -> Any:
        """A tensor that the graph holds; of a list or dict of them, all."""
        member: Node | Member = graph
        for key in wire.keys:
            if isinstance(member, Layer | Tensors):
                break
            member = below(member)[key]
        else:
            assert isinstance(member, Tensors)
            if member.kind in ("ParameterList", "ParameterDict"):
                found = {key: self.get(f"{wire}.{key}") for key in member.tensors}
                return found if member.kind == "ParameterDict" else tuple(found.values())
        return self.get(str(wire))

    def get(self, target: str) -> fx.Node:
        return self.graph.create_node("get_attr", target, name=self.free(target))

    def function(
        self, function: Function, inputs: list[Any], keywords: Mapping[str, Any], name: str
    ) -> fx.Node:
        call = function.call
        said = {key: with_batch(value, self.batch(asks_batch(value))) for key, value in options(call).items()}
        positional, named = arrange(call, inputs, {**keywords, **said})
        method = call.entry.target.removeprefix("torch.Tensor.")
        if method != call.entry.target:
            return self.graph.create_node("call_method", method, positional, named, name=self.free(name))
        target = target_of(call.entry.target)
        return self.graph.create_node("call_function", target, positional, named, name=self.free(name))

    def batch(self, asked: bool) -> Any:
        """The size of the batch, where it is asked for."""
        if asked and self.size is None:
            self.size = self.graph.call_method("size", (self.first, 0))
        return self.size

    def output(self, output: Output, graph: Graph) -> Any:
        if isinstance(output, Source | Held):
            return self.value(output, graph)
        if isinstance(output, Mapping):
            return {key: self.value(source, graph) for key, source in output.items()}
        return tuple(self.value(source, graph) for source in output)


class _Traced(_Lines):
    """Lines that are told apart by the node of the file that each is written for."""

    def __init__(self, inputs: Sequence[str]) -> None:
        super().__init__(inputs)
        self.origins: dict[str, tuple[str, Node]] = {}

    def call(self, node: Node, target: str, inputs: list[Any], keywords: Mapping[str, Any], name: str) -> Any:
        known = len(self.graph.nodes)
        value = super().call(node, target, inputs, keywords, name)
        for line in islice(self.graph.nodes, known, None):
            self.origins.setdefault(line.name, (name, node))
        return value


def origins(
    node: Chain | Graph | Function | Expression | Residual, inputs: Sequence[str]
) -> dict[str, tuple[str, Node]]:
    """For each line of the graph that is built of a container: the node it is for, and the step's name."""
    body = node.body if isinstance(node, Residual) and isinstance(node.body, Chain | Graph) else node
    lines = _Traced(body.inputs if isinstance(body, Graph) else inputs)
    if isinstance(body, Chain):
        lines.chain(body)
    elif isinstance(body, Graph):
        lines.run(body)
    else:
        lines.call(body, "0", [lines.values[name] for name in inputs], {}, "0")
    return lines.origins


def _graph_module(children: Mapping[str, Any], graph: fx.Graph) -> nn.Module:
    """A module with these children, in order, that runs this graph.

    It is made empty, and filled before its graph is set: GraphModule would copy only what the graph
    calls, in the graph's order, and turn a ModuleDict on the way into a plain Module.
    """
    empty = fx.Graph()
    empty.output(None)
    module = fx.GraphModule(nn.Module(), empty)
    for key, member in children.items():
        _add(module, key, member)
    module.graph = graph
    return module


def _add(module: nn.Module, key: str, member: Any) -> None:
    if isinstance(member, nn.Parameter):
        module.register_parameter(key, member)
    elif isinstance(member, TorchTensor):
        module.register_buffer(key, member)
    else:
        module.add_module(key, member)


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
