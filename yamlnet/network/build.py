"""A Model and what the judge found of it -> a plain `nn.Module` that needs no yamlnet to run.

Chains become `nn.Sequential`, graphs `torch.fx.GraphModule`s whose `forward` is ordinary generated Python.
State-dict keys are the names in the file.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from yamlnet.language.nodes import (
    Chain,
    Function,
    Graph,
    Layer,
    Model,
    Module,
    Node,
    Output,
    Source,
    Step,
    child,
)
from yamlnet.network.bind import arrange, asks_batch, options, with_batch
from yamlnet.network.construct import Construction, construct, target_of
from yamlnet.network.probe import own_random_state
from yamlnet.network.shapes import Shapes, takes_before
from yamlnet.seeds import seed_of


def build(model: Model, shapes: Shapes, seed: int) -> nn.Module:
    """The network with torch's own first weights.

    A layer's weights depend on the seed and on its qualified name alone. Torch's global random state
    and the number of threads are left as they were.
    """
    with own_random_state():
        return _Builder(shapes.constructions, seed).root(model)


class _Builder:
    def __init__(self, constructions: Mapping[str, Construction], seed: int) -> None:
        self.constructions = constructions
        self.seed = seed

    def root(self, model: Model) -> nn.Module:
        names = tuple(given.name for given in model.inputs)
        if isinstance(model.root, Function):
            lines = _Lines(names)
            given = [lines.values[name] for name in names]
            lines.graph.output(lines.function(model.root, given, {}, "0"))
            return _graph_module({}, lines.graph)
        return self.module(model.root, "", names)

    def module(self, node: Module, name: str, inputs: tuple[str, ...] = ("input",)) -> nn.Module:
        if isinstance(node, Layer):
            torch.default_generator.manual_seed(seed_of(self.seed, "weights", name))
            return construct(self.constructions[name])
        if isinstance(node, Graph):
            return self.graph(node, name) if node.runs else self.holder(node, name)
        if any(isinstance(below, Function) for below in node.children.values()):
            return self.chain_graph(node, name, inputs)
        chain = nn.Sequential()
        for key, below in node.children.items():
            assert not isinstance(below, Function)
            chain.add_module(key, self.module(below, _join(name, key)))
        return chain

    def holder(self, graph: Graph, name: str) -> nn.Module:
        return nn.ModuleDict(
            {key: self.module(below, _join(name, key)) for key, below in graph.children.items()}
        )

    def chain_graph(self, chain: Chain, name: str, inputs: tuple[str, ...]) -> nn.Module:
        """A chain that holds functions: a graph with the same keys."""
        lines = _Lines(inputs)
        children = {}
        value = lines.values[inputs[0]]
        for key, below in chain.children.items():
            if isinstance(below, Function):
                value = lines.function(below, [value], {}, key)
            else:
                children[key] = self.module(below, _join(name, key))
                value = lines.graph.create_node("call_module", key, (value,), {}, name=lines.free(key))
        lines.graph.output(value)
        return _graph_module(children, lines.graph)

    def graph(self, graph: Graph, name: str) -> nn.Module:
        children = {key: self.module(below, _join(name, key)) for key, below in graph.children.items()}
        lines = _Lines(graph.inputs)
        for step in graph.steps:
            lines.step(step, graph)
        lines.graph.output(lines.output(graph.output))
        return _graph_module(children, lines.graph)


class _Lines:
    """The lines of a forward: fx nodes named as the file names their values."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.graph = fx.Graph()
        self.values = {name: self.graph.create_node("placeholder", name, name=name) for name in inputs}
        self.batch: fx.Node | None = None
        self.first = self.values[inputs[0]]

    def free(self, name: str) -> str:
        """A name for a line of Python: dots become underscores, a digit doesn't begin it."""
        name = name.replace(".", "_")
        return f"_{name}" if name[:1].isdigit() else name

    def step(self, step: Step, graph: Graph) -> None:
        called: Node = step.called if isinstance(step.called, Function) else child(graph, step.called)
        positional = [self.value(source) for source in step.positional]
        keywords: dict[str, Any] = {key: self.value(source) for key, source in step.keywords.items()}
        if takes_before(step, called):
            positional = [self.value(step.before)]
        if isinstance(called, Chain | Graph):
            names = called.inputs if isinstance(called, Graph) else ("input",)
            positional += [keywords.pop(name) for name in names[len(positional) :]]
        if isinstance(step.called, Function):
            self.values[step.name] = self.function(step.called, positional, keywords, step.name)
        else:
            target = ".".join(step.called)
            self.values[step.name] = self.graph.create_node(
                "call_module", target, tuple(positional), keywords, name=self.free(step.name)
            )

    def value(self, source: Source) -> fx.Node:
        value = self.values[source.value]
        for part in source.parts:
            key: Any = int(part) if part.lstrip("-").isdigit() else part
            value = self.graph.call_function(operator.getitem, (value, key))
        return value

    def function(
        self, function: Function, inputs: list[fx.Node], keywords: Mapping[str, fx.Node], name: str
    ) -> fx.Node:
        call = function.call
        said = {key: self.option(value) for key, value in options(call).items()}
        positional, named = arrange(call, inputs, {**keywords, **said})
        method = call.entry.target.removeprefix("torch.Tensor.")
        if method != call.entry.target:
            return self.graph.create_node("call_method", method, positional, named, name=self.free(name))
        target = target_of(call.entry.target)
        return self.graph.create_node("call_function", target, positional, named, name=self.free(name))

    def option(self, value: Any) -> Any:
        """An option's value, `batch` being the size of the batch."""
        if asks_batch(value) and self.batch is None:
            self.batch = self.graph.call_method("size", (self.first, 0))
        return with_batch(value, self.batch)

    def output(self, output: Output) -> Any:
        if isinstance(output, Source):
            return self.value(output)
        if isinstance(output, Mapping):
            return {key: self.value(source) for key, source in output.items()}
        return tuple(self.value(source) for source in output)


def _graph_module(children: Mapping[str, nn.Module], graph: fx.Graph) -> nn.Module:
    """A module with these children, in order, that runs this graph.

    It is made empty, and filled before its graph is set: GraphModule would copy only what the graph
    calls, in the graph's order, and turn a ModuleDict on the way into a plain Module.
    """
    empty = fx.Graph()
    empty.output(None)
    module = fx.GraphModule(nn.Module(), empty)
    for key, below in children.items():
        module.add_module(key, below)
    module.graph = graph
    return module


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
