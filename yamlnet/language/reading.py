"""What is read of a network so far: mistakes, the calls of blocks, limits; and how to read a node of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.allowed import Allowed, is_foreign
from yamlnet.diagnostics import MAX_MISTAKES, Mistake, Path, nearest
from yamlnet.language.blocks import MAX_LEVELS, Block
from yamlnet.language.calls import Written, split
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import refused
from yamlnet.language.nodes import Expression, Node
from yamlnet.language.places import Place, Read, beside_call
from yamlnet.language.plain import kind_of, show, whole
from yamlnet.language.substitution import Scope
from yamlnet.language.vocabulary import CONTAINERS, FANS, LATER_SIDES, NODE_SIDES, OWN_SIDES, TENSORS
from yamlnet.language.wires import Wiring

MAX_NODES = 100_000

ELSEWHERE: Mapping[str, str] = {
    "repeat": "`repeat` stands beside the nodes of a container",
    "name": "`name` stands in a `forward` list; elsewhere a node's name is its key",
    "if": "`if` stands beside the nodes of a container",
    "from": "`from` stands beside the nodes of a `ModuleDict`",
    "edit": "`edit` stands beside the model's call",
}
"""Keys of nodes, and where they can stand."""


class TooMany(Exception):
    """The network has more nodes than anyone would draw, or more mistakes than anyone would read."""


@dataclass(frozen=True)
class Known:
    """What was read once and stands again: of so many nodes, in so many levels of blocks."""

    read: Read
    num_nodes: int
    num_levels: int


class Reading(ABC):
    """Collects mistakes while it reads; a node that can't be read is None, and what follows stays silent.

    `scope` holds the names that all nodes may use, `root_path` is where the model stands, `inputs` are the
    model's, `allow` tells whose code its dotted paths may name. `unknown` tells that what the network is made
    of depends on what isn't known yet.
    """

    def __init__(
        self,
        scope: Scope,
        blocks: Mapping[str, Block],
        root_path: Path,
        inputs: tuple[str, ...],
        allow: Allowed,
    ) -> None:
        self.scope = scope
        self.blocks = blocks
        self.root_path = root_path
        self.inputs = inputs
        self.allow = allow
        self.mistakes: list[Mistake] = []
        self.wiring = Wiring(self.mistakes)
        self.calls: list[tuple[str, Path]] = []
        self.nodes_left = MAX_NODES
        self.num_endless = 0
        self.deepest = 0
        self.known: dict[Hashable, Known] = {}
        self.unknown = False
        self.called: set[str] = set()
        self.told: set[tuple[Any, ...]] = set()
        self.origins: dict[int, tuple[Any, Path]] = {}

    # -- mistakes -------------------------------------------------------------------------------

    @property
    def num_errors(self) -> int:
        """How many of the mistakes are more than warnings."""
        return sum(mistake.severity == "error" for mistake in self.mistakes)

    def add(
        self, code: str, path: Path, message: str, help: str | None = None, at: str = "value", **more: Any
    ) -> None:
        self.extend([Mistake(code, path, message, help, at="key" if at == "key" else "value", **more)])

    def extend(self, mistakes: Iterable[Mistake]) -> None:
        """Adds mistakes, those of copies once; a key that belongs elsewhere says where."""
        for mistake in mistakes:
            site = self.calls[-1] if self.calls else None
            told = (mistake.code, mistake.path, mistake.message, mistake.part, site)
            if told in self.told:
                continue
            self.told.add(told)
            key = mistake.path[-1] if mistake.path else None
            general = mistake.message.startswith(f"unknown key `{key}`")
            general = general or (mistake.help or "").startswith("indent it")
            if mistake.code == "unknown-key" and key in ELSEWHERE and general:
                message = f"`{key}` can't stand here"
                mistake = replace(mistake, message=message, help=ELSEWHERE[str(key)], suggestion=None)
            if general and mistake.suggestion is None and nearest(str(key), ("repeat",)) not in (None, key):
                mistake = replace(mistake, help="did you mean `repeat`?", suggestion="repeat")
            self.mistakes.append(mistake)
        if len(self.told) > MAX_MISTAKES:
            raise TooMany

    @contextmanager
    def within(self, name: str, path: Path) -> Iterator[None]:
        """Reads the body of a block: what is wrong there is shown with the call, and once for all calls."""
        before = len(self.mistakes)
        seen = {(known.code, known.path, known.message) for known in self.mistakes}
        self.calls.append((name, path))
        self.deepest = max(self.deepest, len(self.calls))
        try:
            yield
        finally:
            self.calls.pop()
        found = {(m.code, m.path, m.message): m for m in reversed(self.mistakes[before:])}
        self.mistakes[before:] = [
            called_from(found[key], name, path) for key in reversed(found) if key not in seen
        ]

    def origin(self, plain: Any, path: Path) -> Any:
        """Remembers where a part of the worked-out document is written."""
        self.origins[id(plain)] = (plain, path)
        return plain

    def once(self, key: Hashable, path: Path, scope: Scope, make: Callable[[], Read]) -> Read:
        """What `make` reads; where the same was read before, and without a mistake, that.

        So blocks that call each other twice end at the limit of nodes at once, and long networks are read
        as quickly as they are written.
        """
        known = self.known.get(key)
        if known is not None and len(self.calls) + known.num_levels <= MAX_LEVELS:
            self.nodes_left -= known.num_nodes
            if self.nodes_left < 0:
                self.too_many(path)
            return self.again_as(known.read)
        before = (len(self.told), len(scope.mistakes), self.unknown)
        left, deepest, self.deepest = self.nodes_left, self.deepest, len(self.calls)
        read = make()
        if (len(self.told), len(scope.mistakes), self.unknown) == before and read.node is not None:
            self.known[key] = Known(read, left - self.nodes_left, self.deepest - len(self.calls))
            read = self.again_as(read)
        self.deepest = max(deepest, self.deepest)
        return read

    def again_as(self, read: Read) -> Read:
        """The same with a text of its own, which what stands around it may still change."""
        if not isinstance(read.plain, dict):
            return read
        plain = dict(read.plain)
        if id(read.plain) in self.origins:
            self.origin(plain, self.origins[id(read.plain)][1])
        return replace(read, plain=plain)

    def too_many(self, path: Path) -> None:
        message = f"the network has more than {MAX_NODES:,} nodes"
        if self.calls:
            message += f", {len(self.calls)} levels deep: {self.chain()}"
        sites = [known for known in dict.fromkeys(reversed(self.calls)) if known[1] != path]
        related = tuple((site, f"calls `{name}`") for name, site in sites[:3])
        self.add("recursion" if self.calls else "too-large", path, message, at="key", related=related)
        raise TooMany

    def chain(self) -> str:
        """The blocks that led here, from the last one's call before on where it calls itself."""
        names = [name for name, _ in self.calls]
        again = names[-2::-1].index(names[-1]) + 2 if names[-1] in names[:-1] else len(names)
        return " calls ".join(f"`{name}`" for name in names[-again:])

    # -- nodes ----------------------------------------------------------------------------------

    def is_call(self, name: str) -> bool:
        """Whether a key can be a node's call."""
        known = name in CONTAINERS or name in self.blocks or name in TENSORS or name == "expr"
        known = known or any(lookup.find(name, kind) for kind in ("module", "function"))
        return known or is_foreign(name, self.allow)

    def split(
        self, value: Any, path: Path, place: Place, sides: Collection[str], what: str
    ) -> Written | None:
        """Tells a node's call from the keys beside it, and works these out."""

        def is_call(name: str) -> bool:
            return name in place.modules or self.is_call(name)

        def offered(name: str) -> Collection[str]:
            return beside_call(name, sides, name != "expr" and lookup.find(name, "function") is None)

        spread = self.spread(value, path, sides)
        if spread is not None:
            self.extend([spread])
            return None
        written, mistakes = split(value, path, tuple(sides), is_call, what, offered)
        key = path[-1] if path else None
        if written is None and isinstance(key, str) and is_call(key) and not isinstance(value, dict):
            item = key if value is None else f"{key}: {show(value)}"
            help = f"keys name the nodes here; in a list it is `- {item}`"
            told = ("dash", path[:-1])
            mistakes = [replace(m, help=m.help or help) for m in mistakes if told not in self.told]
            self.told.add(told)
        self.extend(mistakes)
        if written is None or not written.sides or place.scope.done:
            return written
        worked_out = {
            key: item
            if key in LATER_SIDES
            else place.scope.value(item, (*path, key), FANS if key == "init" else frozenset())
            for key, item in written.sides.items()
        }
        return replace(written, sides=worked_out)

    def spread(self, value: Any, path: Path, sides: Collection[str]) -> Mistake | None:
        """The mistake of `{add, from: a, b}`: a list of values without its brackets."""
        if not isinstance(value, dict) or not self.wiring.outer:
            return None
        given, names = value.get("from", []), self.wiring.outer[-1].names
        others = [key for key in value if key not in sides]
        early = [key for key in takewhile(lambda key: key != "from", value) if key in others]
        call = early[0] if early else next((key for key in others if key not in names), None)
        extra = [key for key in others if key != call]
        bare = [key.strip("() ") for key in extra]
        unsaid = not any(value[key] is not None for key in extra) and {*bare} <= {*names}
        if not extra or not unsaid or not isinstance(given, str | list):
            return None
        first = [given.strip("( ")] if isinstance(given, str) else given
        where = "outside of `from`" if first else f"beside `{call}`"
        message = f"`{extra[0]}` stands {where}"
        several = [*first, *bare]
        help = f"write `from: {whole(several if len(several) > 1 else several[0])}`"
        return Mistake("unknown-key", (*path, extra[0]), message, help, at="key")

    def present(self, sides: Mapping[str, Any], path: Path) -> bool | None:
        """What `if` says; None where it is unknown or wrong."""
        value = sides.get("if", True)
        if value is UNKNOWN:
            self.unknown = True
            return None
        if not isinstance(value, bool):
            message = f"`if` is true or false, not {kind_of(value)}"
            self.add("wrong-type", (*path, "if"), message, "a comparison: `if: $(depth > 0)`")
            return None
        return value

    def own_sides(self, written: Written) -> Mapping[str, Any]:
        """The keys beside a call that any node may have, as they are worked out."""
        return {key: written.sides[key] for key in ("from", "name", *OWN_SIDES) if key in written.sides}

    def name(self, name: str, path: Path) -> None:
        """Refuses a name that a node can't have."""
        why = refused(name)
        if why is not None:
            self.add("wrong-value", path, f"a node can't be named `{name}`", why, at="key")

    def takes_input_only(self, node: Node) -> bool:
        """Whether an expression names nothing but what arrives; a chain has nothing else."""
        if not isinstance(node, Expression):
            return True
        others = [name for name in node.formula.names if name != "input"]
        for name in others:
            message = f"there is no value `{name}` here: what arrives is `input`"
            help = "a `ModuleDict` has names"
            self.add("unknown-reference", node.path, message, help, part=node.part_of(name))
        return not others

    @abstractmethod
    def read(
        self, value: Any, path: Path, place: Place, sides: Collection[str] = NODE_SIDES, what: str = "a node"
    ) -> Read:
        """A node: what it is, or the name of the module that it calls again."""

    @abstractmethod
    def finished(self, read: Read, written: Written, place: Place) -> Read:
        """A node with what stands beside it."""

    @abstractmethod
    def expression(self, written: Written, place: Place) -> Read:
        """`expr`: worked out when the network runs."""

    @abstractmethod
    def call(self, written: Written, place: Place) -> Read:
        """A layer or a function of the catalogue."""


def called_from(mistake: Mistake, name: str, path: Path) -> Mistake:
    """A mistake in a block, with a place where the block is called; the outermost calls are left out."""
    shown = (mistake.path, *(known for known, _ in mistake.related))
    if mistake.path[:1] != ("blocks",) or len(mistake.related) >= 3 or path in shown:
        return mistake
    return replace(mistake, related=(*mistake.related, (path, f"`{name}` is called here")))
