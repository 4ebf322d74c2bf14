"""The rows of a network and what they cost -> a tree of its containers, layers, functions and values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.diagnostics import Path
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import (
    Chain,
    Function,
    Graph,
    Holder,
    Layer,
    Member,
    Node,
    Residual,
    Tensors,
    below,
    walk,
)
from yamlnet.network import memory, words
from yamlnet.network.activations import measured
from yamlnet.network.found import Shapes
from yamlnet.network.journal import Row, Whole
from yamlnet.network.probe import BATCH, SECOND, Probe
from yamlnet.network.replay import Cost
from yamlnet.network.trace import Call, Sizes


@dataclass
class Item:
    """A line of the summary and what is in it.

    `parameters` are those of its module; `count` tells which of them are counted here. An item is `inner`
    where it is a module inside a layer, of which the file says nothing.
    """

    name: str
    type: str
    path: Path | None
    inputs: tuple[Sizes, ...] = ()
    outputs: tuple[Sizes, ...] = ()
    output: str = ""
    flops: int = 0
    kept_bytes: int = 0
    parameters: tuple[nn.Parameter, ...] = ()
    module: nn.Module | None = None
    children: list[Item] = field(default_factory=list)
    inner: bool = False
    failed: bool = False
    note: str | None = None
    counted: list[nn.Parameter] = field(default_factory=list)

    @property
    def num_parameters(self) -> int:
        """How many numbers the parameters counted here hold."""
        return sum(parameter.numel() for parameter in self.counted)

    @property
    def num_trainable(self) -> int:
        """How many of them take a gradient."""
        return sum(parameter.numel() for parameter in self.counted if parameter.requires_grad)

    @property
    def stops(self) -> bool:
        """Whether a mistake is in it."""
        return self.failed or any(child.stops for child in self.children)


def outline(shapes: Shapes, network: nn.Module | None) -> Item | None:
    """The tree of a network; with a mistake, up to the node that has it. None where nothing ran."""
    items = _Outline(shapes, network).within(None)
    if not items:
        return None
    root = items[0]
    _cut(root)
    _count(root, set(), set())
    return root


def of_call(call: Call, prefix: str = "", path: Path | None = None) -> Item:
    """The tree of a module that was traced."""
    name = f"{prefix}.{call.name}" if prefix and call.name else prefix or call.name
    return Item(
        name,
        type(call.module).__name__,
        path,
        call.inputs,
        call.outputs,
        ", ".join(str(list(one)) for one in call.outputs),
        call.flops,
        call.kept_bytes,
        tuple(call.module.parameters()),
        call.module,
        [of_call(inner, prefix, path) for inner in call.children],
        inner=True,
    )


class _Outline:
    def __init__(self, shapes: Shapes, network: nn.Module | None) -> None:
        self.shapes = shapes
        self.journal = shapes.journal
        self.known = dict(network.named_parameters(remove_duplicate=False)) if network is not None else {}
        self.costs = measured(shapes, network, memory.machine() // 4)
        self.called = {row.name for row in self.journal.rows} | {whole.name for whole in self.journal.wholes}
        self.begun: set[str] = set()
        self.entries: dict[int | None, list[tuple[tuple[int, int, int], Row | Whole]]] = {}
        for position, row in enumerate(self.journal.rows):
            self.entries.setdefault(row.inside, []).append(((position, 1, position), row))
        for position, whole in enumerate(self.journal.wholes):
            self.entries.setdefault(whole.inside, []).append(((whole.first, 0, position), whole))

    def within(self, whole: int | None) -> list[Item]:
        """The items right in a container, in running order."""
        entries = sorted(self.entries.get(whole, []), key=lambda entry: entry[0])
        return [
            self.row(entry, self.costs[position]) if isinstance(entry, Row) else self.whole(entry, position)
            for (_, _, position), entry in entries
        ]

    def row(self, row: Row, cost: Cost) -> Item:
        module = row.called if isinstance(row.called, nn.Module) else None
        path = row.node.caller or row.path
        if not row.name and isinstance(row.node, Layer | Function):
            path = row.node.call.path
        return Item(
            row.name,
            row.type,
            path,
            _inputs(row, self.shapes.probe),
            _sizes(row.output, self.shapes.probe),
            _output(row.output),
            cost.flops,
            cost.kept_bytes,
            tuple(module.parameters()) if module is not None else (),
            module,
            [of_call(call, row.name, path) for call in cost.inner],
            failed=row.called is None,
            note=None if row.runs else "not chosen",
        )

    def whole(self, whole: Whole, position: int) -> Item:
        children = self.within(position)
        failed = whole.failed
        if isinstance(whole.node, Residual):
            children = [child for child in children if child.type != "Residual" or child.children]
            if children and children[0].name == whole.name and children[0].children:
                failed = failed or children[0].failed
                children = children[0].children
        elif whole.name not in self.begun:
            children = [*self.declared(whole.node, whole.name, children), *children]
        self.begun.add(whole.name)
        return Item(
            whole.name,
            _word(whole.node, children),
            whole.node.caller or whole.node.path,
            _inputs(whole, self.shapes.probe),
            _sizes(whole.output, self.shapes.probe),
            _output(whole.output),
            sum(child.flops for child in children),
            sum(child.kept_bytes for child in children),
            children=children,
            failed=failed,
            note=None if whole.runs else "not chosen",
        )

    def declared(self, node: Node | Member, name: str, children: Sequence[Item]) -> Iterator[Item]:
        """What a graph holds beside what it runs: its tensors, and modules that nothing calls."""
        for key, member in below(node).items():
            full = f"{name}.{key}" if name else key
            if isinstance(member, Tensors):
                yield self.tensors(member, full)
            elif isinstance(member, Holder):
                yield from self.declared(member, full, children)
            elif full not in self.called and self.shapes.complete:
                yield self.uncalled(member, full)

    def tensors(self, node: Tensors, name: str) -> Item:
        names = [f"{name}.{key}" if key else name for key in node.tensors]
        shapes = tuple(tensor.shape for tensor in node.tensors.values())
        text = ", ".join(str(list(shape)) for shape in shapes)
        text = text if node.kind in ("Parameter", "Buffer") else f"({text})"
        parameters = tuple(self.known[each] for each in names if each in self.known)
        return Item(name, node.kind, node.path, (), shapes, text, parameters=parameters)

    def uncalled(self, node: Node | Member, name: str) -> Item:
        modules = [self.shapes.modules[full] for full, _ in walk(node, name) if full in self.shapes.modules]
        parameters = tuple(parameter for module in modules for parameter in module.parameters())
        word = node.call.name if isinstance(node, Layer) else _word(node, ())
        path = node.caller or node.path
        return Item(name, word, path, parameters=parameters, note="not called")


def _word(node: Node | Member, children: Sequence[Item]) -> str:
    """What the file writes for a container."""
    if node.block is not None:
        return node.block
    if isinstance(node, Residual):
        return f"Residual {node.body.block}" if node.body.block else "Residual"
    if isinstance(node, Chain | Graph):
        if node.word == "repeat":
            return f"{len(children)} x {children[0].type}" if children else "repeat"
        return node.word
    return type(node).__name__


def _inputs(entry: Row | Whole, probe: Probe) -> tuple[Sizes, ...]:
    return _sizes((entry.inputs, dict(entry.keywords)), probe)


def _sizes(value: Any, probe: Probe) -> tuple[Sizes, ...]:
    return tuple(_axes(leaf, probe) for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _axes(tensor: Tensor, probe: Probe) -> Sizes:
    """A tensor's sizes without the batch; where that isn't the first axis, it is named."""
    pairs = list(zip(probe.shape(tensor, SECOND), probe.shape(tensor, BATCH), strict=True))
    if pairs and pairs[0] == (SECOND, BATCH):
        pairs = pairs[1:]
    return tuple(_axis(second, first) for second, first in pairs)


def _axis(second: int, first: int) -> int | str:
    if second == first:
        return first
    times = (first - second) // (BATCH - SECOND)
    return "batch" if times == 1 else f"{times} batch"


def _output(value: Any) -> str:
    return "" if value is UNKNOWN else words.shape(value)


def _cut(item: Item) -> bool:
    """Takes off what comes after a mistake; whether there is one."""
    for position, child in enumerate(item.children):
        if _cut(child):
            del item.children[position + 1 :]
            return True
    return item.failed


def _count(item: Item, seen: set[int], called: set[Any]) -> None:
    """Counts each parameter where it comes first, and notes what comes again."""
    identity = id(item.module) if item.module is not None else (item.name, item.type)
    again = identity in called
    called.add(identity)
    known = any(id(parameter) in seen for parameter in item.parameters)
    for child in item.children:
        _count(child, seen, called)
        item.counted += child.counted
    item.counted += _new(item.parameters, seen)
    if item.note is None and again and _any_parameter(item):
        item.note = "shared"
    elif item.note is None and known:
        item.note = "tied"


def _new(parameters: Iterable[nn.Parameter], seen: set[int]) -> Iterator[nn.Parameter]:
    for parameter in parameters:
        if id(parameter) not in seen:
            seen.add(id(parameter))
            yield parameter


def _any_parameter(item: Item) -> bool:
    return bool(item.parameters) or any(_any_parameter(child) for child in item.children)
