"""The network as the file draws it: a tree of layers, chains and graphs, names and wires resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Path
from yamlnet.language.terms import Formula, Name, subterms
from yamlnet.language.vocabulary import Verb


@dataclass(frozen=True)
class Input:
    """An input of the model: its shape without the batch and its dtype, None while the data is unknown.

    `num_categories` is None where its values are no categories, UNKNOWN until the data is read.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: str
    path: Path
    num_categories: Any = None


@dataclass(frozen=True)
class Weights:
    """A file of weights to start a module from, as the file names it.

    `rename` leads from patterns of the names in the file of weights to the module's own; `strict` tells that
    all names and shapes must fit. `path` leads to what is written.
    """

    file: str
    path: Path
    strict: bool = True
    rename: Mapping[str, str] = field(default_factory=dict)
    file_path: Path = ()

    def written(self, file: str) -> str | dict[str, Any]:
        """What says the same of this file."""
        if self.strict and not self.rename:
            return file
        return {"file": file, "strict": self.strict, "rename": dict(self.rename)}


@dataclass(frozen=True)
class Beside:
    """What the keys beside a node's call say of its parameters.

    `tie` leads from a parameter of the node to the one that it is, named from the container so many `levels`
    around the node.
    """

    freeze: bool = False
    init: Mapping[str, tuple[Call, ...]] = field(default_factory=dict)
    tie: Mapping[str, str] = field(default_factory=dict)
    levels: int = 1
    weights: Weights | None = None
    path: Path = ()


NOTHING = Beside()


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A node: where it stands, what stands beside it; of a block's body the block and where it was called."""

    path: Path
    beside: Beside = NOTHING
    caller: Path | None = None
    block: str | None = None


@dataclass(frozen=True, kw_only=True)
class Layer(Placed):
    """One module of the catalogue."""

    call: Call


@dataclass(frozen=True, kw_only=True)
class Function(Placed):
    """One function of the catalogue; its tensors come from the step's sources."""

    call: Call


@dataclass(frozen=True, kw_only=True)
class Expression(Placed):
    """An `expr`: its names come from the step's sources, in their order.

    `literal` tells that the file's text is the formula's: a part of one is the same part of the other.
    """

    formula: Formula
    literal: bool = True

    def part_of(self, name: str) -> tuple[int, int] | None:
        """Where the text names a value first."""
        terms = (term for term in subterms(self.formula.tree) if isinstance(term, Name))
        found = next((term for term in terms if term.name == name), None)
        return (found.start, found.end) if found is not None and self.literal else None


@dataclass(frozen=True)
class Tensor:
    """A tensor that a graph holds: its shape, its element type, and what fills it at first."""

    shape: tuple[int, ...]
    dtype: str
    fill: Any = 0


@dataclass(frozen=True, kw_only=True)
class Tensors(Placed):
    """`Parameter` or `Buffer`: one, under an empty key; `ParameterList` or `ParameterDict`: several."""

    kind: Literal["Parameter", "Buffer", "ParameterList", "ParameterDict"]
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Chain(Placed):
    """`Sequential`: children run one after another; keys are positions or names.

    Made from a repeated node, its word is `repeat`.
    """

    children: Mapping[str, Node]
    word: str = "Sequential"


@dataclass(frozen=True, kw_only=True)
class Residual(Placed):
    """What arrives, plus the body's result; it adds no level of keys."""

    body: Node


@dataclass(frozen=True, kw_only=True)
class Graph(Placed):
    """What a graph declares, and the steps that run.

    Written as a `ModuleDict`, or made from a `Parallel`, a `Select` or repeated nodes.
    """

    inputs: tuple[str, ...]
    children: Mapping[str, Member]
    steps: tuple[Step, ...]
    output: Output
    word: str = "ModuleDict"


@dataclass(frozen=True, kw_only=True)
class Holder(Placed):
    """A `ModuleDict` or `ModuleList` that only declares modules, which a `forward` around it calls."""

    kind: Literal["ModuleDict", "ModuleList"]
    children: Mapping[str, Member]


Module = Layer | Chain | Residual | Graph | Holder
Node = Module | Function | Expression
Member = Module | Tensors


@dataclass(frozen=True)
class Source:
    """A value of the scope, and the way into it: `lstm.1.0` is `lstm` with the parts 1 and 0."""

    value: str
    parts: tuple[str, ...]
    path: Path

    def __str__(self) -> str:
        return ".".join((self.value, *self.parts))


@dataclass(frozen=True)
class Held:
    """A tensor that the graph or a module of it holds: the keys that lead there from the graph down."""

    keys: tuple[str, ...]
    path: Path

    def __str__(self) -> str:
        return ".".join(self.keys)


Wire = Source | Held
Output = Wire | tuple[Wire, ...] | Mapping[str, Wire]


def outputs(output: Output) -> tuple[Wire, ...]:
    """The values that a result is made of."""
    if isinstance(output, Source | Held):
        return (output,)
    return tuple(output.values()) if isinstance(output, Mapping) else output


@dataclass(frozen=True)
class Step:
    """One line of a graph: what is called, and what it takes.

    `called` is the path of a child module (its keys from this graph down), or a function. `before` is
    the value that a call takes where neither `positional` nor `keywords` fill its first input. A step that
    doesn't run (an unchosen branch) only says what its module would take.
    """

    name: str
    called: tuple[str, ...] | Function | Expression | Residual
    before: Wire
    positional: tuple[Wire, ...]
    keywords: Mapping[str, Wire]
    path: Path
    runs: bool = True

    @property
    def sources(self) -> tuple[Wire, ...]:
        """Every value that the file names for this step; the one before where it names none."""
        named = (*self.positional, *self.keywords.values())
        return named if named or isinstance(self.called, Expression) else (self.before,)


@dataclass(frozen=True)
class Edit:
    """A change of a network that is there: what is done, where, and the node that comes in, if one does.

    `target` is a module's qualified name (for `insert` that of `after`), a pattern of classes for
    `after_every`, one of names for `freeze`. `name` is the qualified name of what `insert` brings in, `at`
    where the target is written, if not under the verb.
    """

    verb: Verb
    target: str
    path: Path
    node: Node | None = None
    name: str = ""
    at: Path = ()

    @property
    def place(self) -> Path:
        """Where the target is written."""
        return self.at or (*self.path, "after" if self.verb == "insert" else self.verb)


@dataclass(frozen=True)
class Model:
    """The root of the network and its inputs; `from_data` where their shapes are the data's.

    `plain` is the section with every expression, block and repetition worked out.
    """

    inputs: tuple[Input, ...]
    root: Node
    path: Path
    from_data: bool = False
    plain: Any = None
    edits: tuple[Edit, ...] = ()


def child(node: Node | Member, keys: tuple[str, ...]) -> Module:
    """The module below `node` that the keys lead to."""
    for key in keys:
        node = below(node)[key]
    assert isinstance(node, Layer | Chain | Residual | Graph | Holder)
    return node


def below(node: Node | Member) -> Mapping[str, Node | Member]:
    """What a node holds, by key: nothing for a leaf."""
    if isinstance(node, Residual):
        return below(node.body)
    return node.children if isinstance(node, Chain | Graph | Holder) else {}


def walk(node: Node | Member, prefix: str = "") -> Iterator[tuple[str, Node | Member]]:
    """Every node with its qualified name, in the order of the file, containers before what they hold.

    A `Residual` and its body have the same name.
    """
    yield prefix, node
    if isinstance(node, Residual):
        yield from walk(node.body, prefix)
        return
    for key, inner in below(node).items():
        yield from walk(inner, f"{prefix}.{key}" if prefix else key)


def first_input(node: Node) -> str:
    """The name of what a node takes first."""
    if isinstance(node, Graph):
        return node.inputs[0]
    if isinstance(node, Function):
        return node.call.entry.tensors[0].name if node.call.entry.tensors else "input"
    return node.call.entry.inputs[0].name if isinstance(node, Layer) and node.call.entry.inputs else "input"


def takes_before(step: Step, called: Node) -> bool:
    """Whether a step's first input is the value before it: where its sources don't fill it."""
    if isinstance(called, Expression):
        return False
    if step.positional or not step.keywords:
        return not step.positional
    return first_input(called) not in step.keywords
