"""A Model -> what flows through it: every layer's arguments, and shapes and dtypes as torch judges them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.expressions import UNKNOWN
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
    Tensors,
    Wire,
    below,
    child,
    takes_before,
    walk,
)
from yamlnet.language.reading import called_from
from yamlnet.network import words
from yamlnet.network.bind import arrange, options, unfit, with_batch
from yamlnet.network.construct import (
    Construction,
    empty_module,
    target_of,
    weight_bytes,
    with_storage,
)
from yamlnet.network.formula import compute
from yamlnet.network.journal import Journal, Row
from yamlnet.network.probe import Probe, own_random_state
from yamlnet.network.sizes import Sizes

Value = Any
"""A tensor with batch 0, a tuple, list or dict of them, or UNKNOWN."""


@dataclass
class Shapes:
    """What the judge found: each layer's construction and empty module, a row for each call, the output."""

    constructions: dict[str, Construction] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    output: Value = UNKNOWN
    mistakes: list[Mistake] = field(default_factory=list)
    probe: Probe = field(default_factory=Probe)

    @property
    def rows(self) -> list[Row]:
        """The calls in running order."""
        return self.journal.rows

    @property
    def num_errors(self) -> int:
        """How many of the mistakes are more than warnings."""
        return sum(mistake.severity == "error" for mistake in self.mistakes)

    @property
    def complete(self) -> bool:
        """Whether everything is known: no error, and no input or size that waits for the data."""
        return not self.num_errors and all(leaf is not UNKNOWN for leaf in tree_leaves(self.output))


def judge(model: Model, made: Mapping[str, nn.Module] | None = None) -> Shapes:
    """Runs the network node by node on empty batches; what follows from a mistake is unknown, and silent.

    `made` are modules that are there already, by the names of their layers.
    """
    judging = _Judge(made or {})
    inputs = empty_inputs(model)
    judging.makers = {id(value): given.path for value, given in zip(inputs, model.inputs, strict=True)}
    with own_random_state():
        judging.found.output = judging.node(model.root, "", inputs, {})
        if judging.found.complete:
            for name, node in walk(model.root):
                judging.uncalled(name, node)
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
            judging.uncalled(inner, part)
    return judging.found


def empty_inputs(model: Model) -> list[Value]:
    """A batch of nothing for each input, UNKNOWN where the data says its shape."""
    return [
        UNKNOWN if given.shape is None else torch.empty((0, *given.shape), dtype=getattr(torch, given.dtype))
        for given in model.inputs
    ]


HELD = "held tensors"
"""Where a graph's values keep the graph: no value has a name with a space."""


@dataclass(frozen=True)
class _Held:
    """A graph whose tensors are named, and its qualified name."""

    graph: Graph
    name: str


class _Judge:
    def __init__(self, made: Mapping[str, nn.Module], probe: Probe | None = None) -> None:
        self.found = Shapes(probe=probe or Probe())
        self.given = made
        self.probe = self.found.probe
        self.sizes = Sizes(self.probe)
        self.bytes = 0
        self.makers: dict[int, Path] = {}
        self.failed: set[str] = set()
        self.journal = self.found.journal

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
        if isinstance(node, Layer):
            value = self.layer(node, name, inputs, keywords)
        elif isinstance(node, Function):
            value = self.function(node, name, inputs, keywords)
        else:
            value = self.expression(node, name, inputs)
        if self.journal.shows(self.found.num_errors):
            word = "expr" if isinstance(node, Expression) else node.call.name
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
        wrong = words.unequal(residual, value, result, self.probe)
        if wrong is not None:
            return self.wrong(wrong)
        return self.called(residual, "Residual", name, operator.add, [value, result], {})

    def graph(self, graph: Graph, name: str, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
        values: dict[str, Value] = dict(zip(graph.inputs, inputs, strict=False)) | dict(keywords)
        values[HELD] = _Held(graph, name)
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
        place = (*step.path, "from")
        return self.node(called, _join(name, key), positional, keywords, place)

    def value(self, wire: Wire, values: Mapping[str, Value]) -> Value:
        if isinstance(wire, Held):
            return self.tensor(wire, values[HELD])
        value = values[wire.value]
        for part in wire.parts:
            if value is UNKNOWN:
                return UNKNOWN
            key: Any = int(part) if part.lstrip("-").isdigit() and not isinstance(value, dict) else part
            try:
                if isinstance(value, Tensor):
                    raise TypeError
                value = value[key]
            except (KeyError, IndexError, TypeError):
                self.add("unknown-reference", wire.path, words.no_part(wire, values[wire.value], part))
                return UNKNOWN
        return value

    def tensor(self, wire: Held, holder: _Held) -> Value:
        """A tensor that a graph holds, or a module of it."""
        member: Node | Tensors = holder.graph
        for position, key in enumerate(wire.keys):
            if isinstance(member, Tensors):
                return self.among(
                    member, wire, wire.keys[position:], _join(holder.name, ".".join(wire.keys[:position]))
                )
            if isinstance(member, Layer):
                name = _join(holder.name, ".".join(wire.keys[:position]))
                return self.parameter(member, name, wire, ".".join(wire.keys[position:]))
            if key not in below(member):
                self.add("unknown-reference", wire.path, f"there is no `{wire}`")
                return UNKNOWN
            member = below(member)[key]
        assert isinstance(member, Tensors)
        return self.among(member, wire, (), _join(holder.name, str(wire)))

    def among(self, held: Tensors, wire: Held, keys: tuple[str, ...], name: str) -> Value:
        """A parameter or buffer; one of a list or dict of them, or all."""
        found = self.found.tensors.get(name)
        if found is None:
            found = {
                key: torch.zeros(tensor.shape, dtype=getattr(torch, tensor.dtype))
                for key, tensor in held.tensors.items()
            }
            self.found.tensors[name] = found
            for tensor in found.values():
                self.makers[id(tensor)] = held.path
        if held.kind in ("Parameter", "Buffer"):
            if not keys:
                return found[""]
        elif not keys:
            return dict(found) if held.kind == "ParameterDict" else tuple(found.values())
        elif len(keys) == 1 and keys[0] in found:
            return found[keys[0]]
        message = f"`{name}` is a `{held.kind}`: it has no `{'.'.join(keys)}`"
        self.add("unknown-reference", wire.path, message, did_you_mean(keys[-1], filter(None, found))[0])
        return UNKNOWN

    def parameter(self, layer: Layer, name: str, wire: Held, attribute: str) -> Value:
        """A parameter or buffer of a layer."""
        module = self.found.modules.get(name)
        if module is None:
            if name not in self.failed:
                message = f"`{wire}` isn't made yet: nothing before has called `{layer.call.name}`"
                self.add("unknown-reference", wire.path, message)
            return UNKNOWN
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        if attribute not in tensors:
            message = f"`{layer.call.name}` has no parameter `{attribute}`"
            self.add("unknown-reference", wire.path, message, did_you_mean(attribute, tensors)[0])
            return UNKNOWN
        self.makers[id(tensors[attribute])] = layer.path
        return tensors[attribute]

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
            return self.wrong(wrong)
        module = self.module(layer, name, given)
        if module is None:
            return UNKNOWN
        return self.called(layer, layer.call.name, name, module, inputs, keywords)

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

        return self.called(function, call.name, name, run, inputs, keywords)

    def expression(self, node: Expression, name: str, inputs: Sequence[Value]) -> Value:
        """An `expr`: its names stand for the inputs, in order."""
        if any(value is UNKNOWN for value in inputs):
            return UNKNOWN

        def run(*values: Value) -> Value:
            return compute(node.formula, dict(zip(node.formula.names, values, strict=True)), self.probe.size)

        return self.called(node, "expr", name, run, inputs, {})

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
            return self.wrong(words.failure(node, given, answer.error, self.made(given)))
        if answer.merges:
            self.wrong(words.merges_batch(node))
        self.makers[id(answer.value)] = node.path
        self.journal.row(name, word, node, called, inputs, keywords, answer.value)
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
        for mistake in wrong:
            self.wrong(mistake)
        made = None if said is None else self.construct(layer, name, said)
        if made is None:
            self.failed.add(name)
        return made

    def construct(self, layer: Layer, name: str, said: Construction) -> nn.Module | None:
        module, error = (self.given[name], None) if name in self.given else empty_module(said)
        wrong = words.misfit(layer.call, module, said.arguments) if name in self.given else None
        if wrong is not None:
            self.wrong(wrong)
            return None
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

    def uncalled(self, name: str, node: Node | Tensors) -> None:
        """A declared layer that nothing calls: fine when its sizes are said."""
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
        for mistake in wrong:
            self.wrong(mistake)
        if said is not None:
            self.construct(node, name, said)


def _in_order(call: Call, inputs: Sequence[Value], keywords: Mapping[str, Value]) -> list[Value]:
    """A layer's inputs in the order of its forward."""
    rank = {given.name: position for position, given in enumerate(call.entry.inputs)}
    return [*inputs, *(keywords[key] for key in sorted(keywords, key=lambda key: rank.get(key, len(rank))))]


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
