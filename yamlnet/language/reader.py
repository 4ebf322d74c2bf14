"""A node as the file writes it -> the node of the network: names looked up, blocks expanded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.allowed import Allowed, is_foreign
from yamlnet.catalog.entry import Call, Entry
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language import beside, blocks, chains, containers, tensors
from yamlnet.language.blocks import MAX_LEVELS, Block
from yamlnet.language.calls import Written, check_arguments, kind_of, resolve, split
from yamlnet.language.expressions import UNKNOWN, Wrong
from yamlnet.language.formula import parse
from yamlnet.language.names import refused
from yamlnet.language.nodes import NOTHING, Expression, Function, Layer, Node
from yamlnet.language.places import (
    BLOCK_SIDES,
    CONTAINERS,
    LATER_SIDES,
    NODE_SIDES,
    OWN_SIDES,
    Place,
    Read,
)
from yamlnet.language.substitution import Scope
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
    """The network has more nodes than anyone would draw."""


class Reader:
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
            self.mistakes.append(mistake)

    @contextmanager
    def within(self, name: str, path: Path) -> Iterator[None]:
        """Reads the body of a block: what is wrong there is shown with the call, and once for all calls."""
        before = len(self.mistakes)
        seen = {(known.code, known.path, known.message) for known in self.mistakes}
        self.calls.append((name, path))
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
        known = name in CONTAINERS or name in self.blocks or name in tensors.KINDS or name == "expr"
        known = known or any(lookup.find(name, kind) for kind in ("module", "function"))
        return known or is_foreign(name, self.allow)

    def split(
        self, value: Any, path: Path, place: Place, sides: Collection[str], what: str
    ) -> Written | None:
        """Tells a node's call from the keys beside it, and works these out."""
        written, mistakes = split(
            value, path, tuple(sides), lambda name: name in place.modules or self.is_call(name), what
        )
        self.extend(mistakes)
        if written is None or not written.sides or place.scope.done:
            return written
        worked_out = {
            key: item if key in LATER_SIDES else place.scope.value(item, (*path, key))
            for key, item in written.sides.items()
        }
        return replace(written, sides=worked_out)

    def read(
        self, value: Any, path: Path, place: Place, sides: Collection[str] = NODE_SIDES, what: str = "a node"
    ) -> Read:
        """A node: what it is, or the name of the module that it calls again."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            self.too_many(path)
        if isinstance(value, str) and "$" in value:
            value = place.scope.value(value, path)
            place = replace(place, scope=replace(place.scope, done=True))
        if value is UNKNOWN:
            self.unknown = True
        if isinstance(value, list):
            return chains.chain(self, value, path, place)
        before = len(self.mistakes)
        written = self.split(value, path, place, sides, what)
        if written is None or any(m.suggestion == "forward" for m in self.mistakes[before:]):
            return Read(None)
        if written.name in place.broken:
            return Read(None, written.sides)
        present = self.present(written.sides, path)
        if present is None:
            return Read(None, written.sides)
        if not present and (written.name in place.modules or self.is_call(written.name)):
            plain = {
                "Identity": None,
                **{k: written.sides[k] for k in ("from", "name") if k in written.sides},
            }
            return Read(None, written.sides, {**plain, "if": False}, absent=True)
        if written.name in place.modules:
            return self.again(written)
        return self.node(written, place)

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

    def again(self, written: Written) -> Read:
        """A module of the scope, called once more."""
        if written.argument is not None:
            message = f"`{written.name}` is the module above, called again without arguments"
            self.add("wrong-value", written.path, message)
        beside.refuse(self, written, OWN_SIDES, "stands where the module is declared")
        beside.refuse_others(self, written)
        return Read(written.name, written.sides, {written.name: None, **self.own_sides(written)})

    def node(self, written: Written, place: Place) -> Read:
        """A call of no module above: a block, a container, a layer, a function, an expression."""
        if self.is_call(written.name):
            beside.refuse_others(self, written)
        if written.name in self.blocks:
            return self.block(written, self.blocks[written.name], place)
        if written.name in containers.READERS:
            return self.finished(containers.READERS[written.name](self, written, place), written, place)
        if written.name == "expr":
            return self.expression(written, place)
        if written.name in tensors.KINDS:
            beside.refuse(self, written, ("weights",), "stands beside a module only")
            return self.finished(tensors.tensors(self, written, place), written, place)
        return self.call(written, place)

    def finished(self, read: Read, written: Written, place: Place) -> Read:
        """The node with what stands beside it."""
        said = beside.beside(self, written, place)
        plain = None if read.plain is None else {**read.plain, **self.own_sides(written)}
        self.origin(plain, written.beside)
        if read.node is None or isinstance(read.node, str) or said is None:
            return Read(None, written.sides, plain)
        if said.weights is not None:
            plain = self.origin({**(plain or {}), "weights": said.weights}, written.beside)
        if said != NOTHING:
            node = replace(read.node, beside=beside.joined(read.node.beside, said))
            return Read(node, written.sides, plain)
        return Read(read.node, written.sides, plain)

    def own_sides(self, written: Written) -> Mapping[str, Any]:
        """The keys beside a call that any node may have, as they are worked out."""
        return {key: written.sides[key] for key in ("from", "name", *OWN_SIDES) if key in written.sides}

    def block(self, written: Written, block: Block, place: Place) -> Read:
        """The body of a block, with the call's arguments for its parameters."""
        if len(self.calls) >= MAX_LEVELS:
            return self.endless(written)
        argument = place.scope.value(written.argument, written.path)
        call, mistakes = check_arguments(replace(written, argument=argument), block.entry)
        self.extend(mistakes)
        if call is None:
            return Read(None, written.sides)
        self.called.add(written.name)
        inner = block.scope(call, self.scope)
        before = len(self.mistakes)
        with self.within(written.name, written.path):
            read = self.read(block.body, block.path, Place(inner), BLOCK_SIDES, f"the block `{written.name}`")
            self.extend(inner.mistakes)
            self.mistakes[before:] = blocks.at_call(self.mistakes[before:], block, call)
        if read.node is not None and not isinstance(read.node, str):
            read = replace(read, node=replace(read.node, caller=written.path, block=written.name))
        if isinstance(read.plain, list):
            read = replace(read, plain={"Sequential": read.plain})
        return self.finished(read, written, place)

    def uncalled(self) -> None:
        """Reads the blocks that nothing calls, their parameters unknown: for the mistakes in them."""
        for name in sorted(self.blocks.keys() - self.called):
            block = self.blocks[name]
            scope = self.scope.with_names(dict.fromkeys(block.entry.parameters, UNKNOWN))
            self.read(block.body, block.path, Place(scope), BLOCK_SIDES, f"the block `{name}`")

    def endless(self, written: Written) -> Read:
        self.calls.append((written.name, written.path))
        message = f"blocks call each other more than {MAX_LEVELS} levels deep: {self.chain()}"
        self.calls.pop()
        sites = dict.fromkeys(reversed(self.calls))
        related = tuple((path, f"calls `{name}`") for name, path in sites if path != written.path)
        help = "`if` ends it, such as `if: $(depth > 0)` beside the call"
        self.add("recursion", written.path, message, help, at=written.at, related=related[:3])
        return Read(None, written.sides)

    # -- leaves ---------------------------------------------------------------------------------

    def expression(self, written: Written, place: Place) -> Read:
        """`expr`: worked out when the network runs."""
        beside.refuse(self, written, OWN_SIDES, "stands beside a module only")
        text = place.scope.value(written.argument, written.path)
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = str(text)
        if text is not UNKNOWN and not isinstance(text, str):
            self.add("wrong-type", written.path, f"`expr` is a text, not {kind_of(text)}", 'expr: "a + b"')
        if not isinstance(text, str):
            return Read(None, written.sides)
        literal = text == written.argument
        try:
            formula = parse(text)
        except Wrong as wrong:
            part = (wrong.start, wrong.end) if literal else None
            self.add("expression", written.path, str(wrong), wrong.help, part=part)
            return Read(None, written.sides)
        node = Expression(path=written.path, formula=formula, literal=literal)
        plain = self.origin({"expr": text, **self.own_sides(written)}, written.beside)
        return Read(node, written.sides, plain)

    def call(self, written: Written, place: Place) -> Read:
        """A layer or a function of the catalogue."""
        entry = lookup.find(written.name, "module")
        if entry is None and written.name in place.later:
            message = f"`{written.name}` stands after this node"
            self.add("unknown-reference", written.path, message, at=written.at)
            return Read(None, written.sides)
        argument = written.argument
        if entry is not None or lookup.find(written.name, "function") is not None:
            argument = place.scope.value(argument, written.path, late_names(entry))
        also = (*place.modules, *CONTAINERS, *self.blocks, *tensors.KINDS, "expr")
        call, mistakes = resolve(
            replace(written, argument=argument), ("module", "function"), also, self.allow
        )
        self.extend(mistakes)
        if call is None:
            return Read(None, written.sides)
        plain = {call.name: call.with_defaults() or None}
        if call.entry.kind == "function":
            beside.refuse(self, written, OWN_SIDES, "stands beside a module only")
            plain = self.origin({**plain, **self.own_sides(written)}, written.beside)
            return Read(Function(path=written.beside, call=call), written.sides, plain)
        complete = self.with_modules(call)
        layer = None if complete is None else Layer(path=written.beside, call=complete)
        return self.finished(Read(layer, written.sides, plain), written, place)

    def with_modules(self, call: Call) -> Call | None:
        """The call with a Layer for each argument that is a module."""
        found: dict[str, Layer] = {}
        for name, value in call.arguments.items():
            if value is None or "module" not in call.entry.parameters[name].type:
                continue
            path = call.argument_path(name)
            if isinstance(value, list) or (isinstance(value, dict) and value.keys() & set(CONTAINERS)):
                self.add("wrong-value", path, f"`{name}` of `{call.name}` is one layer, not a container")
                return None
            written, mistakes = split(value, path, (), self.is_call, f"`{name}`")
            self.extend(mistakes)
            if written is None:
                return None
            inner, mistakes = resolve(written, ("module",), allow=self.allow)
            self.extend(mistakes)
            inner = None if inner is None else self.with_modules(inner)
            if inner is None:
                return None
            found[name] = Layer(path=written.beside, call=inner)
        return replace(call, arguments={**call.arguments, **found})

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


def late_names(entry: Entry | None) -> frozenset[str]:
    """The sizes that are inferred for a call."""
    if entry is None:
        return frozenset()
    return frozenset(name for name, parameter in entry.parameters.items() if parameter.inferred)


def called_from(mistake: Mistake, name: str, path: Path) -> Mistake:
    """A mistake in a block, with a place where the block is called; the outermost calls are left out."""
    shown = (mistake.path, *(known for known, _ in mistake.related))
    if mistake.path[:1] != ("blocks",) or len(mistake.related) >= 3 or path in shown:
        return mistake
    return replace(mistake, related=(*mistake.related, (path, f"`{name}` is called here")))
