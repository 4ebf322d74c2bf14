"""`from` and `output` as the file writes them -> the values that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.calls import kind_of
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Output, Source, Step


@dataclass
class Values:
    """The values of a graph, in the order in which they come to be."""

    inputs: tuple[str, ...]
    later: list[str]
    steps: list[Step] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        return [*self.inputs, *(step.name for step in self.steps), *self.broken]


class Wiring:
    """Looks names up among a graph's values; `mistakes` collects those that lead nowhere.

    `outer` are the values of the graphs around it, which it can't see.
    """

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        self.outer: list[Values] = []

    def refuse(self, code: str, path: Path, message: str, help: str | None = None) -> None:
        self.mistakes.append(Mistake(code, path, message, help))

    def wires(
        self, sides: Mapping[str, Any], path: Path, values: Values
    ) -> tuple[tuple[Source, ...], Mapping[str, Source]] | None:
        """The positional and keyword inputs that `from` brings."""
        if "from" not in sides:
            return (), {}
        named = self.named(sides["from"], (*path, "from"), values)
        if named is None:
            return None
        if isinstance(named, Mapping):
            return (), named
        return (named,) if isinstance(named, Source) else named, {}

    def output(self, sides: Mapping[str, Any], path: Path, values: Values) -> Output | None:
        """The result of a graph: what `output` names, else its last step."""
        if "output" in sides:
            return self.named(sides["output"], (*path, "output"), values)
        return Source(values.steps[-1].name, (), values.steps[-1].path) if values.steps else None

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

    def source(self, given: Any, path: Path, values: Values) -> Source | None:
        """The value that a name leads to; after the name, dots go into the value."""
        if given is UNKNOWN:
            return None
        if not isinstance(given, str):
            self.refuse("wrong-type", path, f"a value's name is a text, not {kind_of(given)}")
            return None
        keys = given.split(".")
        known = set(values.names)
        for taken in range(len(keys), 0, -1):
            name = ".".join(keys[:taken])
            if name in known:
                return None if name in values.broken else Source(name, tuple(keys[taken:]), path)
        if keys[0] in values.later:
            help = "a node takes values from above it"
            self.refuse("unknown-reference", path, f"`{given}` stands after this node", help)
            return None
        before = "from" in path[-2:]
        message = f"there is no value `{given}` " + ("before this node" if before else "in this graph")
        if before and keys[0] in path[-3:-1]:
            self.refuse("unknown-reference", path, f"`{given}` is this node's own value")
        elif any(keys[0] in values.names for values in self.outer):
            help = "a container sees its own nodes only; `inputs` and `from` beside it bring others in"
            self.refuse("unknown-reference", path, message, help)
        else:
            self.mistakes.append(Mistake("unknown-reference", path, message, *did_you_mean(given, known)))
        return None
