"""A `ModuleDict` as the file writes it -> a graph: its nodes in order, every wire led to its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yamlnet.language import forwards, repeats, steps
from yamlnet.language.calls import Written
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import refused, refused_beside, refused_input
from yamlnet.language.nodes import (
    Expression,
    Function,
    Graph,
    Module,
    Residual,
    Source,
    Tensors,
)
from yamlnet.language.places import Entry, Place, Read
from yamlnet.language.plain import kind_of
from yamlnet.language.reading import Reading
from yamlnet.language.unused import unused
from yamlnet.language.wires import Values


def graph(reader: Reading, written: Written, place: Place) -> Read:
    """`ModuleDict: {...}`, with what `inputs`, `output` and `forward` say beside it."""
    entries = written.argument
    if isinstance(entries, str) and "$" in entries:
        entries = place.scope.value(entries, written.path)
    if entries is None or entries == {}:
        reader.add("missing-key", written.path, "`ModuleDict` holds no nodes", at="key")
        return Read(None)
    if not isinstance(entries, dict):
        if entries is not UNKNOWN:
            message = f"`ModuleDict` is a mapping of names to nodes, not {kind_of(entries)}"
            reader.add("wrong-type", written.path, message, "`Sequential` takes a list")
        return Read(None)
    inputs = _inputs(reader, written)
    declares = forwards.declares(written, place)
    read = forwards.declared if declares else flow
    found = read(reader, written, entries, place, inputs)
    if found.plain is None:
        return found
    sides = {key: written.sides[key] for key in ("inputs", "output") if key in written.sides}
    if written.beside == reader.root_path:
        sides.pop("inputs", None)
    return Read(found.node, written.sides, {**found.plain, **sides})


def _inputs(reader: Reading, written: Written) -> tuple[str, ...]:
    """The names of a graph's inputs."""
    if written.beside == reader.root_path:
        return reader.inputs
    given = written.sides.get("inputs")
    if given is None or given is UNKNOWN:
        return ("input",)
    path = (*written.beside, "inputs")
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        reader.add("wrong-type", path, f"`inputs` is a list of names, not {kind_of(given)}")
        return ("input",)
    for position, name in enumerate(given):
        why = (None if name == "input" else refused_input(name)) or refused_beside(name, given)
        if why or name in given[:position]:
            message = f"an input can't be named `{name}`"
            reader.add("wrong-value", (*path, position), message, why or "it is taken")
    return tuple(given)


def flow(
    reader: Reading, written: Written, entries: Mapping[str, Any], place: Place, inputs: tuple[str, ...]
) -> Read:
    """A graph whose entries run in the order written."""
    values = Values(inputs, Source(inputs[0], (), written.path), dict.fromkeys(entries))
    values.broken |= {key for key, item in entries.items() if "$" in key and not repeats.is_repeated(item)}
    plain: dict[str, Any] = {}
    before = reader.num_errors
    complete = True
    for entry in repeats.named(reader, entries, written.path, place.inside()):
        values.later.pop(str(entry.path[-1]), None)
        reader.name(entry.key, entry.path)
        if entry.key in inputs and refused(entry.key) is None:
            reader.add("wrong-value", entry.path, f"`{entry.key}` is the graph's input", at="key")
        complete = _entry(reader, entry, values, plain) and complete
    output = reader.wiring.output(written.sides, written.beside, values)
    if not complete or output is None or reader.num_errors > before:
        return Read(None)
    found = Graph(
        path=written.path,
        inputs=inputs,
        children=values.members,
        steps=tuple(values.steps),
        output=output,
    )
    reader.mistakes += unused(found)
    return Read(found, {}, {"ModuleDict": reader.origin(plain, written.path)})


def _entry(reader: Reading, entry: Entry, values: Values, plain: dict[str, Any]) -> bool:
    """One node of a graph; whether it could be read."""
    place = Place(entry.place.scope, values.members, values.later.keys(), values.broken)
    reader.wiring.outer.append(values)
    read = repeats.one(reader, replace(entry, place=place))
    reader.wiring.outer.pop()
    shared = steps.members_below(values.members).get(read.node) if isinstance(read.node, str) else None
    sides = steps.chained(read.sides, entry, values, shared or read.node)
    if read.absent:
        steps.stand(reader, entry, values, sides)
    elif read.node is None:
        reader.wiring.wires(sides, entry.path, values)
        values.broken.add(entry.key)
        return False
    elif isinstance(read.node, Tensors):
        values.members[entry.key] = read.node
    else:
        called: Any = read.node
        if isinstance(read.node, str):
            called = (read.node,)
        elif isinstance(read.node, Module) and not _is_function(read.node):
            values.members[entry.key] = read.node
            called = (entry.key,)
        for number in range(1, read.times):
            steps.step(reader, values, f"{entry.key}.{number}", called, sides, entry.path)
            sides = {}
        if entry.copy and isinstance(called, Expression):
            read.plain["expr"] = steps.chained_text(called, values.last)
        steps.step(reader, values, entry.key, called, sides, entry.path, entry.copy)
    plain[entry.key] = _with_from(read.plain, sides)
    return True


def _is_function(node: Any) -> bool:
    if isinstance(node, Residual):
        return _is_function(node.body)
    return isinstance(node, Function | Expression)


def _with_from(plain: Any, sides: Mapping[str, Any]) -> Any:
    if isinstance(plain, dict) and "from" in sides:
        plain["from"] = sides["from"]
    return plain
