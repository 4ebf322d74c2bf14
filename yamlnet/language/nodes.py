"""The network as the file draws it: a tree of layers, chains and graphs, names and wires resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Path


@dataclass(frozen=True)
class Input:
    """An input of the model: its shape without the batch and its dtype, None while the data is unknown."""

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    path: Path


@dataclass(frozen=True)
class Layer:
    """One module of `torch.nn`."""

    call: Call
    path: Path


@dataclass(frozen=True)
class Function:
    """One function of the catalogue; its tensors come from the step's sources."""

    call: Call
    path: Path


@dataclass(frozen=True)
class Chain:
    """`Sequential`: children run one after another; keys are positions or names."""

    children: Mapping[str, Node]
    path: Path


@dataclass(frozen=True)
class Graph:
    """`ModuleDict`: what it declares, and the steps that run.

    `runs` is false for one that only holds modules, whose parts another graph's `forward` calls.
    """

    inputs: tuple[str, ...]
    children: Mapping[str, Module]
    steps: tuple[Step, ...]
    output: Output
    path: Path
    runs: bool = True


Module = Layer | Chain | Graph
Node = Module | Function


@dataclass(frozen=True)
class Source:
    """A value of the scope, and the way into it: `lstm.1.0` is `lstm` with the parts 1 and 0."""

    value: str
    parts: tuple[str, ...]
    path: Path

    def __str__(self) -> str:
        return ".".join((self.value, *self.parts))


Output = Source | tuple[Source, ...] | Mapping[str, Source]


@dataclass(frozen=True)
class Step:
    """One line of a graph: what is called, and what it takes.

    `called` is the path of a child module (its keys from this graph down), or a function. `before` is
    the value that a call takes where neither `positional` nor `keywords` fill its first input.
    """

    name: str
    called: tuple[str, ...] | Function
    before: Source
    positional: tuple[Source, ...]
    keywords: Mapping[str, Source]
    path: Path

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every value that the file names for this step; the one before where it names none."""
        named = (*self.positional, *self.keywords.values())
        return named or (self.before,)


@dataclass(frozen=True)
class Model:
    """The root of the network and its inputs; `from_data` where their shapes are the data's."""

    inputs: tuple[Input, ...]
    root: Node
    path: Path
    from_data: bool = field(default=False)


def child(module: Module, keys: tuple[str, ...]) -> Module:
    """The module below `module` that the keys lead to."""
    for key in keys:
        assert isinstance(module, Chain | Graph)
        found = module.children[key]
        assert not isinstance(found, Function)
        module = found
    return module


def layers(node: Node, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer with its qualified name, in the order of the file."""
    if isinstance(node, Layer):
        yield prefix, node
    elif isinstance(node, Chain | Graph):
        for key, below in node.children.items():
            yield from layers(below, f"{prefix}.{key}" if prefix else key)
