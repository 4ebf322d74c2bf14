"""A Model -> what flows through it: every layer's arguments, and shapes and dtypes as torch judges them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Chain, Function, Graph, Layer, Model, Node, Output, Source, Step, child
from yamlnet.network import words
from yamlnet.network.bind import arrange, options, unfit, with_batch
from yamlnet.network.construct import (
    Construction,
    empty_module,
    target_of,
    weight_bytes,
    with_storage,
)
from yamlnet.network.probe import Probe, own_random_state
from yamlnet.network.sizes import Sizes

Value = Any
"""A tensor with batch 0, a tuple, list or dict of them, or UNKNOWN."""


@dataclass(frozen=True)
class Row:
    """One call as it ran: for the summary, and for whoever asks what a layer takes and gives."""

    name: str
    type: str
    path: tuple[str | int, ...]
    called: Callable[..., Value]
    inputs: tuple[Value, ...]
    keywords: Mapping[str, Value]
    output: Value


@dataclass
class Shapes:
    """What the judge found: each layer's construction and empty module, a row for each call, the output."""

    constructions: dict[str, Construction] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    output: Value = UNKNOWN
    mistakes: list[Mistake] = field(default_factory=list)
    probe: Probe = field(default_factory=Probe)

    @property
    def complete(self) -> bool:
        """Whether everything is known: no error, and no input or size that waits for the data."""
        errors = any(mistake.severity == "error" for mistake in self.mistakes)
        return not errors and all(leaf is not UNKNOWN for leaf in tree_leaves(self.output))


def judge(model: Model) -> Shapes:
    """Runs the network node by node on empty batches; what follows from a mistake is unknown, and silent."""
    judging = _Judge()
    inputs = []
    for given in model.inputs:
        dtype = getattr(torch, given.dtype)
        inputs.append(UNKNOWN if given.shape is None else torch.empty((0, *given.shape), dtype=dtype))
        judging.makers[id(inputs[-1])] = given.path
    with own_random_state():
        judging.found.output = judging.node(model.root, "", inputs, {})
    errors = any(mistake.severity == "error" for mistake in judging.found.mistakes)
    if not errors and all(value is not UNKNOWN for value in inputs):
        judging.uncalled(model.root)
    return judging.found


def takes_before(step: Step, called: Node) -> bool:
    """Whether a step's first input is the value before it: where its sources don't fill it."""
    if step.positional or not step.keywords:
        return not step.positional
    if isinstance(called, Graph):
        first = called.inputs[0]
    elif isinstance(called, Function):
        first = called.call.entry.tensors[0].name
    elif isinstance(called, Layer):
        first = called.call.entry.inputs[0].name
    else:
        first = "input"
    return first not in step.keywords


class _Judge:
    def __init__(self) -> None:
        self.found = Shapes()
        self.probe = self.found.probe
        self.sizes = Sizes(self.probe)
        self.bytes = 0
        self.makers: dict[int, Path] = {}

    def node(
        self,
        node: Node,
        name: str,
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
        place: Path | None = None,
    ) -> Value:
        """The value of a node for its inputs, which `place` names."""
        if isinstance(node, Layer):
            return self.layer(node, name, inputs, keywords)
        if isinstance(node, Function):
            return self.function(node, name, inputs, keywords)
        wrong = _unfitting(node, name, len(inputs), keywords, place or node.path)
        if wrong is not None:
            return self.wrong(wrong)
        if isinstance(node, Chain):
            return self.chain(node, name, [*inputs, *keywords.values()][0])
        return self.graph(node, name, inputs, keywords)

    def add(
        self, code: str, path: tuple[str | int, ...], message: str, help: str | None = None, **more: Any
    ) -> None:
        self.found.mistakes.append(Mistake(code, path, message, help, **more))

    def chain(self, chain: Chain, name: str, value: Value) -> Value:
        for key, below in chain.children.items():
            value = self.node(below, _join(name, key), [value], {})
        return value

    def graph(self, graph: Graph, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
        values: dict[str, Value] = dict(zip(graph.inputs, inputs, strict=False)) | dict(keywords)
        for step in graph.steps:
            values[step.name] = self.step(graph, name, step, values)
        return self.output(graph.output, values)

    def step(self, graph: Graph, name: str, step: Step, values: Mapping[str, Value]) -> Value:
        positional = [self.value(source, values) for source in step.positional]
        keywords = {key: self.value(source, values) for key, source in step.keywords.items()}
        called: Node = step.called if isinstance(step.called, Function) else child(graph, step.called)
        if takes_before(step, called):
            positional = [self.value(step.before, values)]
        key = step.name if isinstance(step.called, Function) else ".".join(step.called)
        place = (*step.path, "from")
        return self.node(called, _join(name, key), positional, keywords, place)

    def value(self, source: Source, values: Mapping[str, Value]) -> Value:
        value = values[source.value]
        for part in source.parts:
            if value is UNKNOWN:
                return UNKNOWN
            key: Any = int(part) if part.lstrip("-").isdigit() and not isinstance(value, dict) else part
            try:
                if isinstance(value, Tensor):
                    raise TypeError
                value = value[key]
            except (KeyError, IndexError, TypeError):
                self.add(
                    "unknown-reference",
                    source.path,
                    f"`{source.value}` gives {words.shape(values[source.value])}: it has no part `{part}`",
                )
                return UNKNOWN
        return value

    def output(self, output: Output, values: Mapping[str, Value]) -> Value:
        if isinstance(output, Source):
            return self.value(output, values)
        if isinstance(output, Mapping):
            return {key: self.value(source, values) for key, source in output.items()}
        return tuple(self.value(source, values) for source in output)

    # -- leaves ---------------------------------------------------------------------------------

    def layer(self, layer: Layer, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
        given = _in_order(layer.call, inputs, keywords)
        if any(value is UNKNOWN for value in given):
            return UNKNOWN
        known = {taken.name for taken in layer.call.entry.inputs}
        for key in keywords:
            if key not in known:
                return self.wrong(words.no_input(layer.call, key))
        wrong = words.before_layer(layer.call, given)
        if wrong is not None:
            return self.wrong(wrong)
        module = self.module(layer, name, given)
        if module is None:
            return UNKNOWN
        return self.called(layer, name, module, inputs, keywords)

    def function(
        self, function: Function, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]
    ) -> Value:
        call = function.call
        given = [*inputs, *keywords.values()]
        if any(value is UNKNOWN for value in (*given, *call.arguments.values())):
            return UNKNOWN
        plain = all(map(self.probe.plain, given))
        wrong = unfit(call, inputs, keywords)
        wrong = wrong or words.before_function(call, given, self.made(given), plain)
        if wrong is not None:
            return self.wrong(wrong)
        called, said = target_of(call.entry.target), options(call)

        def run(*values: Value, **more: Value) -> Value:
            sized = {key: with_batch(value, self.probe.size) for key, value in said.items()}
            positional, named = arrange(call, values, {**more, **sized})
            return called(*positional, **named)

        return self.called(function, name, run, inputs, keywords)

    def called(
        self,
        node: Layer | Function,
        name: str,
        called: Callable[..., Value],
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> Value:
        """Asks torch, and keeps what came out."""
        answer = self.probe.run(called, node.call.name, inputs, keywords)
        if answer.error is not None:
            given = [*inputs, *keywords.values()]
            return self.wrong(words.failure(node.call, given, answer.error, self.made(given)))
        if answer.merges:
            self.found.mistakes.append(words.merges_batch(node.call))
        self.makers[id(answer.value)] = node.path
        row = Row(name, node.call.name, node.path, called, tuple(inputs), keywords, answer.value)
        self.found.rows.append(row)
        return answer.value

    def wrong(self, mistake: Mistake) -> Value:
        if mistake not in self.found.mistakes:
            self.found.mistakes.append(mistake)
        return UNKNOWN

    def made(self, given: Sequence[Value]) -> list[Path | None]:
        """Where the values come from: the nodes that gave them."""
        return [self.makers.get(id(value)) for value in given]

    def module(self, layer: Layer, name: str, given: Sequence[Value]) -> nn.Module | None:
        """The layer's empty module, made at its first call; a later call must find the same sizes."""
        if name in self.found.modules:
            return self.found.modules[name]
        said, wrong = self.sizes.construction(layer, given)
        if wrong is not None:
            self.wrong(wrong)
        return None if said is None else self.construct(layer, name, said)

    def construct(self, layer: Layer, name: str, said: Construction) -> nn.Module | None:
        module, error = empty_module(said)
        if module is None:
            self.wrong(words.refused(layer.call, error, said.arguments))
            return None
        self.bytes += weight_bytes(module)
        wrong = words.too_large(layer.call, self.bytes)
        if wrong is not None:
            self.wrong(wrong)
            return None
        self.found.constructions[name] = said
        self.found.modules[name] = with_storage(module).eval()
        return self.found.modules[name]

    def uncalled(self, node: Node, name: str = "") -> None:
        """Declared layers that nothing calls: fine when their sizes are said."""
        if isinstance(node, Chain | Graph):
            for key, below in node.children.items():
                self.uncalled(below, _join(name, key))
        if not isinstance(node, Layer) or name in self.found.modules:
            return
        parameters = node.call.entry.parameters.values()
        needed = [p.name for p in parameters if p.inferred and p.inferred.only_if_different is None]
        unsaid = " and ".join(f"`{n}`" for n in needed if n not in node.call.arguments)
        if unsaid:
            message = f"`{node.call.name}` needs {unsaid}"
            help = "no step calls it, so that nothing can be inferred"
            self.wrong(words.at_call("missing-parameter", node.call, message, help))
            return
        said, wrong = self.sizes.construction(node, ())
        if wrong is not None:
            self.wrong(wrong)
        elif said is not None:
            self.construct(node, name, said)


def _unfitting(
    node: Chain | Graph, name: str, num_positional: int, keywords: Mapping[str, Value], place: Path
) -> Mistake | None:
    """Another number of inputs than a container takes, or a name that it hasn't."""
    names = node.inputs if isinstance(node, Graph) else ("input",)
    unknown = [key for key in keywords if key not in names]
    if unknown and len(keywords) + num_positional <= len(names):
        message = f"`{_last(name)}` has no input `{unknown[0]}`"
        return Mistake(
            "unknown-reference", (*place, unknown[0]), message, *did_you_mean(unknown[0], names), at="key"
        )
    given = len(keywords) + num_positional
    if given == len(names):
        return None
    takes = "one input" if len(names) == 1 else f"{len(names)} inputs"
    help = "`inputs: [x, skip]` beside a `ModuleDict` names several" if len(names) == 1 else None
    return Mistake("wrong-value", place, f"`{_last(name)}` takes {takes}, and gets {given}", help)


def _in_order(call: Call, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> list[Value]:
    """A layer's inputs in the order of its forward."""
    rank = {given.name: position for position, given in enumerate(call.entry.inputs)}
    return [*inputs, *(keywords[key] for key in sorted(keywords, key=lambda key: rank.get(key, len(rank))))]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1] or "the model"
