"""`from` and `output` as the file writes them -> the values that they name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from yamlnet.diagnostics import Mistake, Path, did_you_mean, nearest
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import is_position
from yamlnet.language.nodes import Held, Holder, Layer, Member, Output, Source, Step, Tensors, Wire
from yamlnet.language.plain import kind_of
from yamlnet.language.source import MAX_DEPTH


@dataclass
class Values:
    """The values of a graph, in the order in which they come to be.

    `ran` are the names of the steps, `later` those below. `standing` are nodes that aren't there, with what
    they stand for; `last` is what the next node takes.
    """

    inputs: tuple[str, ...]
    last: Wire
    later: dict[str, None] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    ran: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    standing: dict[str, Wire] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every name that `from` may say."""
        tensors = [name for name, member in self.members.items() if isinstance(member, Tensors)]
        return [*self.inputs, *(step.name for step in self.steps), *self.standing, *self.broken, *tensors]

    def is_broken(self, name: str) -> bool:
        """Whether it names a node that couldn't be read; one with `$` has names that aren't known."""
        written = (name.startswith(broken.partition("$")[0]) for broken in self.broken if "$" in broken)
        return name in self.broken or any(written)

    def add(self, step: Step) -> None:
        """One more step, whose value the next node takes."""
        self.steps.append(step)
        self.ran.add(step.name)
        self.standing.pop(step.name, None)
        self.last = Source(step.name, (), step.path)

    def stand(self, name: str, wire: Wire) -> None:
        """A node that isn't there."""
        self.standing[name] = self.last = wire


class Wiring:
    """Looks names up among a graph's values; `mistakes` collects those that lead nowhere.

    `outer` are the values of the graphs around it, which it can't see.
    """

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        self.outer: list[Values] = []
        self.num_refused = 0

    def refuse(self, code: str, path: Path, message: str, help: str | None = None, **more: Any) -> None:
        self.num_refused += 1
        self.mistakes.append(Mistake(code, path, message, help, **more))

    def wires(
        self, sides: Mapping[str, Any], path: Path, values: Values
    ) -> tuple[tuple[Wire, ...], Mapping[str, Wire]] | None:
        """The positional and keyword inputs that `from` brings."""
        if "from" not in sides:
            return (), {}
        named = self.named(sides["from"], (*path, "from"), values)
        if named is None:
            return None
        if isinstance(named, Mapping):
            return (), named
        return (named,) if isinstance(named, Source | Held) else named, {}

    def output(self, sides: Mapping[str, Any], path: Path, values: Values) -> Output | None:
        """The result of a graph: what `output` names, else its last value."""
        if "output" in sides:
            return self.named(sides["output"], (*path, "output"), values)
        return values.last

    def named(self, given: Any, path: Path, values: Values) -> Output | None:
        """The values that a name, a list or a mapping of names leads to."""
        if isinstance(given, str):
            return self.source(given, path, values)
        if isinstance(given, list) and given:
            found = [self.source(item, (*path, i), values) for i, item in enumerate(given)]
            sources = tuple(source for source in found if source is not None)
            return sources if len(sources) == len(found) else None
        if isinstance(given, dict) and given:
            named = {key: self.source(item, (*path, key), values) for key, item in given.items()}
            complete = {key: source for key, source in named.items() if source is not None}
            return complete if len(complete) == len(named) else None
        if given is not UNKNOWN:
            message = f"`{path[-1]}` is a name, a list or a mapping of names, not {kind_of(given)}"
            self.refuse("wrong-type", path, message)
        return None

    def source(
        self, given: Any, path: Path, values: Values, part: tuple[int, int] | None = None
    ) -> Wire | None:
        """The value that a name leads to; dots go into the value, or to a module's parameter."""
        if given is UNKNOWN:
            return None
        if not isinstance(given, str):
            self.refuse("wrong-type", path, f"a value's name is a text, not {kind_of(given)}")
            return None
        keys = given.split(".")
        if values.is_broken(keys[0]):
            return None
        held = self.held(keys, path, values)
        if held is not None:
            return held
        for taken in range(min(len(keys), MAX_DEPTH), 0, -1):
            name, parts = ".".join(keys[:taken]), tuple(keys[taken:])
            if name in values.broken:
                return None
            if name in values.standing:
                return self.into(values.standing[name], parts, path)
            if name in values.inputs or name in values.ran:
                return Source(name, parts, path)
        self.unknown(given, path, values, part)
        return None

    def into(self, wire: Wire, parts: tuple[str, ...], path: Path) -> Wire:
        """What a node that isn't there stands for, and the way into it."""
        if isinstance(wire, Held):
            return Held((*wire.keys, *parts), path)
        return Source(wire.value, (*wire.parts, *parts), path)

    def held(self, keys: list[str], path: Path, values: Values) -> Held | None:
        """A tensor of the graph, or a parameter of one of its modules."""
        found: Mapping[str, Member] = values.members
        for position, key in enumerate(keys):
            member = found.get(key)
            if isinstance(member, Tensors):
                return Held(tuple(keys), path)
            if isinstance(member, Layer):
                rest = keys[position + 1 :]
                return Held(tuple(keys), path) if rest and not is_position(rest[0]) else None
            if not isinstance(member, Holder):
                return None
            found = member.children
        return None

    def unknown(self, given: str, path: Path, values: Values, part: tuple[int, int] | None) -> None:
        """A name that leads nowhere."""
        first = given.split(".")[0]
        place = next((i for i in range(len(path) - 1, -1, -1) if path[i] in ("from", "expr")), None)
        message = f"there is no value `{given}` "
        message += "before this node" if place is not None else "in this graph"
        help: str | None
        suggestion = None
        if first in values.later:
            message, help = f"`{given}` stands after this node", "a node takes values from above it"
        elif place is not None and first in path[max(place - 2, 0) : place]:
            message, help = f"`{given}` is this node's own value", None
        elif any(first in outer.names for outer in self.outer):
            help = "a container sees its own nodes only; `inputs` and `from` beside it bring others in"
        else:
            help, suggestion = _several(given, path, values.names) or did_you_mean(given, values.names)
            if "." in given and nearest(first, values.names):
                suggestion = f"{nearest(first, values.names)}{given.removeprefix(first)}"
                help = f"did you mean `{suggestion}`?"
        self.refuse("unknown-reference", path, message, help, suggestion=suggestion, part=part)


def _several(given: str, path: Path, names: Collection[str]) -> tuple[str, str] | None:
    """The help and the suggestion for names that lack what tells them apart: `a b`, or the text `a, b`."""
    parts = re.findall(r"[^\s,()]+", given)
    if len(parts) < 2 or not {*parts} <= {*names}:
        return None
    whole = ", ".join(parts) if isinstance(path[-1], int) else f"[{', '.join(parts)}]"
    return f"write `{whole}`", whole
