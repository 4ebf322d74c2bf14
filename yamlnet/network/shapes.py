"""A Model -> what flows through it: every layer's arguments, and shapes and dtypes as torch judges them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language import nodes
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import is_position
from yamlnet.language.nodes import (
    Chain,
    Expression,
    Function,
    Graph,
    Held,
    Holder,
    Layer,
    Model,
    Node,
    Output,
    Residual,
    Source,
    Step,
    Wire,
    child,
    takes_before,
    walk,
)
from yamlnet.language.reading import called_from
from yamlnet.network import failures, words
from yamlnet.network.bind import arrange, options, unfit, with_batch
from yamlnet.network.construct import target_of
from yamlnet.network.formula import compute
from yamlnet.network.found import Shapes, Value
from yamlnet.network.held import HeldTensors
from yamlnet.network.layers import Layers
from yamlnet.network.mending import mended, rows_by_value
from yamlnet.network.mixing import mixes
from yamlnet.network.probe import BATCH, SECOND, Probe, own_random_state
from yamlnet.network.silent import silent
from yamlnet.network.stretching import OUTER, PAIRED, in_formula, stretches


def judge(model: Model, made: Mapping[str, nn.Module] | None = None) -> Shapes:
    """Runs the network node by node on empty batches; what follows from a mistake is unknown, and silent.

    `made` are modules that are there already, by the names of their layers.
    """
    judging = _Judge(made or {})
    inputs = empty_inputs(model)
    for value, given in zip(inputs, model.inputs, strict=True):
        if given.num_categories is not None and value is not UNKNOWN:
            judging.found.categories[id(value)] = given.num_categories
    judging.found.makers = {id(value): given.path for value, given in zip(inputs, model.inputs, strict=True)}
    judging.declared = set() if model.from_data else {given.path for given in model.inputs}
    with own_random_state():
        judging.found.output = judging.node(model.root, "", inputs, {})
        if judging.found.complete:
            for name, node in walk(model.root):
                judging.layers.declared(name, node)
    return judging.found


def judge_part(
    node: Node, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value], place: Path, probe: Probe
) -> Shapes:
    """Runs a node that comes into a network: what arrives are values that `probe` knows."""
    judging = _Judge({}, probe)
    with own_random_state():
        judging.found.output = judging.node(node, name, inputs, keywords, place)
    if not judging.found.mistakes:
        for inner, part in walk(node, name):
            judging.layers.declared(inner, part)
    return judging.found


def empty_inputs(model: Model) -> list[Value]:
    """A batch of nothing for each input, UNKNOWN where the data says its shape."""
    return [
        UNKNOWN if given.shape is None else torch.empty((0, *given.shape), dtype=getattr(torch, given.dtype))
        for given in model.inputs
    ]


HELD = "held tensors"
"""Where a graph's values keep the graph and its name: no value has a name with a space."""


class _Judge:
    def __init__(self, made: Mapping[str, nn.Module], probe: Probe | None = None) -> None:
        self.found = Shapes(probe=probe or Probe())
        self.probe = self.found.probe
        self.layers = Layers(self.found, made)
        self.held = HeldTensors(self.found)
        self.journal = self.found.journal
        self.declared: set[Path] = set()
        self.fitted: set[str] = set()

    def node(
        self,
        node: Node,
        name: str,
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
        place: Path | None = None,
    ) -> Value:
        """The value of a node for its inputs, which `place` names."""
        with self.within(node):
            if isinstance(node, Layer | Function | Expression):
                return self.leaf(node, name, inputs, keywords)
            return self.whole(node, name, inputs, keywords, place or node.path)

    def leaf(
        self,
        node: Layer | Function | Expression,
        name: str,
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> Value:
        num_rows = len(self.journal.rows)
        if isinstance(node, Layer):
            value = self.layer(node, name, inputs, keywords)
        elif isinstance(node, Function):
            value = self.function(node, name, inputs, keywords)
        else:
            value = self.expression(node, name, inputs)
        if self.journal.shows(self.found.num_errors):
            word = "expr" if isinstance(node, Expression) else node.call.name
            del self.journal.rows[num_rows:]  # of a layer that was made for what arrives
            self.journal.row(name, word, node, None, inputs, keywords)
        return value

    def whole(
        self,
        node: Chain | Graph | Residual | Holder,
        name: str,
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
        place: Path,
    ) -> Value:
        wrong = words.unfitting(node, name, len(inputs), keywords, place)
        with self.journal.whole(name, node, inputs, keywords) as ended:
            if wrong is not None:
                value = self.wrong(wrong)
            elif isinstance(node, Graph):
                value = self.graph(node, name, inputs, keywords)
            else:
                value = [*inputs, *keywords.values()][0]
                if isinstance(node, Chain):
                    value = self.chain(node, name, value)
                else:
                    value = self.sum(node, name, value)
            ended(value, self.found.num_errors)
        return value

    @contextmanager
    def within(self, node: Node) -> Iterator[None]:
        """What is wrong in a block's body is shown with the call, and once for all calls."""
        if node.caller is None:
            yield
            return
        before = len(self.found.mistakes)
        seen = {(known.code, known.path, known.message) for known in self.found.mistakes}
        yield
        found = self.found.mistakes
        new = [m for m in found[before:] if (m.code, m.path, m.message) not in seen]
        word = node.block or str(node.caller[-1])
        found[before:] = [called_from(mistake, word, node.caller) for mistake in new]
        self.journal.shows(self.found.num_errors)

    def add(
        self, code: str, path: tuple[str | int, ...], message: str, help: str | None = None, **more: Any
    ) -> None:
        self.found.mistakes.append(Mistake(code, path, message, help, **more))

    def chain(self, chain: Chain, name: str, value: Value) -> Value:
        for key, inner in chain.children.items():
            count = len(inner.formula.names) if isinstance(inner, Expression) else 1
            value = self.node(inner, _join(name, key), [value] * count, {})
        return value

    def sum(self, residual: Residual | Holder, name: str, value: Value) -> Value:
        """What arrives, plus what the body gives."""
        assert isinstance(residual, Residual)
        count = len(residual.body.formula.names) if isinstance(residual.body, Expression) else 1
        result = self.node(residual.body, name, [value] * count, {})
        if value is UNKNOWN or result is UNKNOWN:
            return UNKNOWN
        help = mended(result, value, rows_by_value(self.journal.rows))
        wrong = words.unequal(residual, value, result, self.probe, help)
        if wrong is not None:
            return self.wrong(wrong)
        return self.called(residual, "Residual", name, operator.add, [value, result], {})

    def graph(self, graph: Graph, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
        values: dict[str, Value] = dict(zip(graph.inputs, inputs, strict=False)) | dict(keywords)
        values[HELD] = graph, name
        for step in graph.steps:
            with self.journal.branch(step.runs):
                values[step.name] = self.step(graph, name, step, values)
        return self.output(graph.output, values)

    def step(self, graph: Graph, name: str, step: Step, values: Mapping[str, Value]) -> Value:
        positional = [self.value(source, values) for source in step.positional]
        keywords = {key: self.value(source, values) for key, source in step.keywords.items()}
        called: Node = child(graph, step.called) if isinstance(step.called, tuple) else step.called
        if takes_before(step, called):
            positional = [self.value(step.before, values)]
        key = ".".join(step.called) if isinstance(step.called, tuple) else step.name
        whole, place = _join(name, key), (*step.path, "from")
        before = len(self.found.mistakes)
        result = self.node(called, whole, positional, keywords, place)
        new = self.found.mistakes[before:]
        if whole in self.fitted and isinstance(step.called, tuple):
            self.found.mistakes[before:] = [words.called_again(m, key, called.path, step.path) for m in new]
        elif result is not UNKNOWN:
            self.fitted.add(whole)
        return result

    def value(self, wire: Wire, values: Mapping[str, Value]) -> Value:
        if isinstance(wire, Held):
            return self.held.value(wire, *values[HELD])
        value = values[wire.value]
        for part in wire.parts:
            if value is UNKNOWN:
                return UNKNOWN
            key: Any = int(part) if is_position(part) and not isinstance(value, dict) else part
            try:
                if isinstance(value, Tensor):
                    raise TypeError
                value = value[key]
            except (KeyError, IndexError, TypeError):
                whole = values[wire.value]
                inner = nodes.below(values[HELD][0]).get(wire.value)
                help = words.NOT_OUTSIDE if inner is not None and part in nodes.below(inner) else None
                self.add("unknown-reference", wire.path, words.no_part(wire, whole, part), help)
                return UNKNOWN
        return value

    def output(self, output: Output, values: Mapping[str, Value]) -> Value:
        if isinstance(output, Source | Held):
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
            if self.found.makers.get(id(given[0])) in self.declared:
                wrong = words.with_batch_said(wrong, layer.call, given[0])
            return self.wrong(words.with_sources(wrong, self.made(given), given))
        before = len(self.found.mistakes)
        module = self.layers.module(layer, name, given)
        new = self.found.mistakes[before:]
        new = [m for m in new if words.OF_BATCH not in m.message or not self.found.blame_merging(m)]
        self.found.mistakes[before:] = [words.with_sources(m, self.made(given), given) for m in new]
        if module is None:
            return UNKNOWN
        return self.called(layer, layer.call.name, name, module, inputs, keywords)

    def function(
        self, function: Function, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]
    ) -> Value:
        given = [*inputs, *keywords.values()]
        sizes, wrong = self.layers.sizes.inferred(function.call, given)
        if UNKNOWN not in given and wrong is not None:
            return self.wrong(wrong)
        call = function.call
        if sizes:
            call = replace(call, arguments={**call.arguments, **sizes})
            self.found.filled[id(function)] = call
        if any(value is UNKNOWN for value in (*given, *call.arguments.values())):
            return UNKNOWN
        plain = all(map(self.probe.plain, given))
        wrong = unfit(call, inputs, keywords)
        wrong = wrong or words.before_function(call, given, self.made(given), plain)
        if wrong is not None:
            return self.wrong(self.helped(wrong, given))
        called, said = target_of(call.entry.target), options(call)

        def run(*values: Value, **more: Value) -> Value:
            sized = {key: with_batch(value, self.probe.size) for key, value in said.items()}
            positional, named = arrange(call, values, {**more, **sized})
            return called(*positional, **named)

        value = self.called(function, call.name, name, run, inputs, keywords)
        if value is not UNKNOWN and call.name in PAIRED and len(given) == 2:
            self.paired(call, given)
        self.compared(function, value, run, inputs, keywords)
        return value

    def expression(self, node: Expression, name: str, inputs: Sequence[Value]) -> Value:
        """An `expr`: its names stand for the inputs, in order."""
        if any(value is UNKNOWN for value in inputs):
            return UNKNOWN

        def run(*values: Value) -> Value:
            return compute(node.formula, dict(zip(node.formula.names, values, strict=True)), self.probe.size)

        value = self.called(node, "expr", name, run, inputs, {})
        if value is not UNKNOWN:
            self.stretched(node, inputs)
        self.compared(node, value, run, inputs, {})
        return value

    def compared(
        self,
        node: Function | Expression,
        value: Value,
        run: Callable[..., Value],
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> None:
        """Warns of samples that are computed from each other, where no other warning says so."""
        warned = any(mistake.path[: len(node.path)] == node.path for mistake in self.found.mistakes)
        if value is not UNKNOWN and not warned and mixes(run, self.probe, inputs, keywords, value):
            self.wrong(words.of_other_samples(node))

    def paired(self, call: Call, given: Sequence[Value]) -> None:
        """Warns of a function that sets the batch of one tensor against an axis of one of another."""
        first, second = given
        if not (isinstance(first, Tensor) and isinstance(second, Tensor)):
            return
        sizes = [(self.probe.shape(first, n), self.probe.shape(second, n), n) for n in (BATCH, SECOND)]
        wide = rows_by_value(self.journal.rows)(first if first.dim() > second.dim() else second)
        if all(stretches(*each) for each in sizes) and (wide is None or wide.type not in OUTER):
            shapes = (words.shape(first), words.shape(second))
            name = None if wide is None else wide.name.rpartition(".")[2]
            self.wrong(words.stretched(call, call.path, shapes, name))

    def stretched(self, node: Expression, inputs: Sequence[Value]) -> None:
        """Warns of an operation in an expression that does so."""

        def values(size: int) -> Mapping[str, Value]:
            return dict(zip(node.formula.names, self.probe.batch(size, inputs, {})[0], strict=True))

        if not all(map(self.probe.plain, inputs)) or not self.probe.affordable(inputs):
            return
        found = in_formula(node.formula, values)
        if found is not None:
            part = (found.start, found.end) if node.literal else None
            self.wrong(words.stretched(None, node.path, found.shapes, found.wide, part))

    def called(
        self,
        node: Layer | Function | Expression | Residual,
        word: str,
        name: str,
        called: Callable[..., Value],
        inputs: Sequence[Value],
        keywords: Mapping[str, Value],
    ) -> Value:
        """Asks torch, and keeps what came out."""
        answer = self.probe.run(called, word, inputs, keywords)
        if answer.error is not None:
            given = [*inputs, *keywords.values()]
            text = self.probe.complaint(called, inputs, keywords, answer.error)
            wrong = failures.failure(node, given, answer.error, text, self.made(given))
            if isinstance(node, Expression) and not keywords:
                wrong = self.helped(wrong, given, lambda value: self.runs(called, word, [value, value]))
            return self.wrong(wrong)
        if answer.merges:
            self.wrong(words.merges_batch(node))
        if isinstance(node, Layer | Function) and inputs and self.probe.plain(inputs[0]):
            unmeant = silent(node.call, inputs[0])
            if unmeant is not None:
                self.wrong(unmeant)
        self.found.makers[id(answer.value)] = node.path
        self.journal.row(name, word, node, called, inputs, keywords, answer.value)
        return answer.value

    def wrong(self, mistake: Mistake) -> Value:
        return self.found.wrong(mistake)

    def runs(self, called: Callable[..., Value], word: str, inputs: Sequence[Value]) -> bool:
        """Whether torch takes these values."""
        return self.probe.run(called, word, inputs, {}).error is None

    def helped(
        self, wrong: Mistake, given: Sequence[Value], would_do: Callable[[Value], bool] = lambda value: True
    ) -> Mistake:
        """A mistake about two values, with what would make their shapes equal where nothing else helps."""
        if wrong.help is not None or wrong.code != "shape-mismatch" or len(given) != 2:
            return wrong
        first, second = given
        help = mended(first, second, rows_by_value(self.journal.rows), would_do)
        return replace(wrong, help=help)

    def made(self, given: Sequence[Value]) -> list[Path | None]:
        """Where the values come from: the nodes that gave them."""
        return [self.found.makers.get(id(value)) for value in given]


def _in_order(call: Call, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> list[Value]:
    """A layer's inputs in the order of its forward."""
    rank = {given.name: position for position, given in enumerate(call.entry.inputs)}
    return [*inputs, *(keywords[key] for key in sorted(keywords, key=lambda key: rank.get(key, len(rank))))]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
