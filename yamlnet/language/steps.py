"""A step and what stands beside it -> one line of a graph, its wires led to the values that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlnet.diagnostics import Path
from yamlnet.language.nodes import (
    Expression,
    Function,
    Member,
    Module,
    Node,
    Residual,
    Step,
    Wire,
    below,
    first_input,
)
from yamlnet.language.places import Entry
from yamlnet.language.reading import Reading
from yamlnet.language.terms import Name, subterms
from yamlnet.language.wires import Values


def chained(sides: Mapping[str, Any], entry: Entry, values: Values, node: Any) -> Mapping[str, Any]:
    """What a later copy of a node takes: the copy before for the first input, and the others as they are."""
    given = sides.get("from")
    if not entry.copy or given is None:
        return sides
    last = str(values.last)
    if isinstance(given, dict):
        first = first_input(node) if isinstance(node, Module | Function) else None
        return {**sides, "from": {key: last if key == first else name for key, name in given.items()}}
    return {**sides, "from": last if isinstance(given, str) else [last, *given[1:]]}


def stand(reader: Reading, entry: Entry, values: Values, sides: Mapping[str, Any]) -> None:
    """A node that isn't there stands for its first input."""
    wires = reader.wiring.wires(sides, entry.path, values)
    if wires is None:
        values.broken.add(entry.key)
        return
    first = next(iter((*wires[0], *wires[1].values())), values.last)
    values.stand(entry.key, first)


def step(
    reader: Reading,
    values: Values,
    name: str,
    called: tuple[str, ...] | Function | Expression | Residual,
    sides: Mapping[str, Any],
    path: Path,
    copy: int = 0,
) -> None:
    """One line of a graph, its wires led to the values that they name.

    A later `copy` of an expression takes the value of the copy before for what it names first.
    """
    if isinstance(called, Expression):
        sources = expression_sources(reader, called, values, sides, path)
        if sources is None:
            values.broken.add(name)
        else:
            chained = (values.last, *sources[1:]) if copy and sources else sources
            values.add(Step(name, called, values.last, chained, {}, path))
        return
    wires = reader.wiring.wires(sides, path, values)
    if wires is None:
        values.broken.add(name)
        return
    values.add(Step(name, called, values.last, *wires, path))


def chained_text(called: Expression, last: Wire) -> str:
    """The text of a later copy of an expression, which names the copy before first."""
    text = called.formula.text
    named = [t for t in subterms(called.formula.tree) if isinstance(t, Name)]
    for term in sorted(named, key=lambda term: term.start, reverse=True):
        if term.name == called.formula.names[0]:
            text = f"{text[: term.start]}{last}{text[term.end :]}"
    return text


def expression_sources(
    reader: Reading, called: Expression, values: Values, sides: Mapping[str, Any], path: Path
) -> tuple[Wire, ...] | None:
    """The values that an expression names."""
    if "from" in sides:
        help = "an expression names what it takes"
        reader.add("unknown-key", (*path, "from"), "`expr` has no `from`", help, at="key")
        return None
    found = [
        reader.wiring.source(name, called.path, values, called.part_of(name)) for name in called.formula.names
    ]
    sources = tuple(source for source in found if source is not None)
    return sources if len(sources) == len(found) else None


def members_below(members: Mapping[str, Node | Member], prefix: str = "") -> dict[str, Module]:
    """Every declared module by its dotted path."""
    found: dict[str, Module] = {}
    for key, member in members.items():
        if isinstance(member, Module):
            found[prefix + key] = member
            found |= members_below(below(member), f"{prefix}{key}.")
    return found
