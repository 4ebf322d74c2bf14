"""A node as the file writes it -> the node of the network: names looked up, blocks expanded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call, Entry
from yamlnet.diagnostics import MAX_MISTAKES, Path
from yamlnet.language import beside, blocks, chains, containers, tensors
from yamlnet.language.blocks import MAX_LEVELS, Block
from yamlnet.language.calls import Written, check_arguments, resolve, split
from yamlnet.language.expressions import UNKNOWN, Wrong
from yamlnet.language.formula import parse
from yamlnet.language.nodes import NOTHING, Expression, Function, Layer
from yamlnet.language.places import Place, Read
from yamlnet.language.plain import kind_of
from yamlnet.language.reading import Reading, TooMany
from yamlnet.language.vocabulary import BLOCK_SIDES, CONTAINERS, NODE_SIDES, OWN_SIDES, TENSORS


class Reader(Reading):
    """Reads each node by its call; every container reads its own by this."""

    def read(
        self, value: Any, path: Path, place: Place, sides: Collection[str] = NODE_SIDES, what: str = "a node"
    ) -> Read:
        """A node: what it is, or the name of the module that it calls again."""
        self.nodes_left -= 1
        if self.nodes_left < 0:
            self.too_many(path)
        if self.wiring.num_refused > MAX_MISTAKES:
            raise TooMany
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
        if written.name in TENSORS:
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

        def body() -> Read:
            read = self.read(block.body, block.path, Place(inner), BLOCK_SIDES, f"the block `{written.name}`")
            self.extend(inner.mistakes)
            self.mistakes[before:] = blocks.at_call(self.mistakes[before:], block, call)
            return read

        try:
            with self.within(written.name, written.path):
                key = (written.name, repr(sorted(call.arguments.items())))
                read = self.once(key, written.path, inner, body)
        except RecursionError:
            if self.calls:
                raise
            message = f"`{written.name}` is nested too deep to be read"
            self.add("recursion", written.path, message, "`if` ends a block that calls itself", at=written.at)
            return Read(None, written.sides)
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
        if self.num_endless > MAX_LEVELS:
            raise TooMany
        self.num_endless += 1
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
        known = entry is not None or lookup.find(written.name, "function") is not None
        if known:
            argument = place.scope.value(argument, written.path, late_names(entry))
        also = () if known else (*place.modules, *CONTAINERS, *self.blocks, *TENSORS, "expr")
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


def late_names(entry: Entry | None) -> frozenset[str]:
    """The sizes that are inferred for a call."""
    if entry is None:
        return frozenset()
    return frozenset(name for name, parameter in entry.parameters.items() if parameter.inferred)
