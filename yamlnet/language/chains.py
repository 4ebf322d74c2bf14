"""A `Sequential`, or a list, as the file writes it -> a chain of nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from yamlnet.diagnostics import Path
from yamlnet.language import repeats
from yamlnet.language.calls import Written
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Chain, Node, Tensors
from yamlnet.language.places import Entry, Place, Read
from yamlnet.language.plain import kind_of
from yamlnet.language.reading import Reading


def sequential(reader: Reading, written: Written, place: Place) -> Read:
    """`Sequential: [...]`, or a mapping."""
    argument = place.scope.value(written.argument, written.path) if _is_name(written.argument) else None
    read = chain(reader, written.argument if argument is None else argument, written.path, place)
    return Read(read.node, written.sides, None if read.plain is None else {"Sequential": read.plain})


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and "$" in value


def chain(reader: Reading, value: Any, path: Path, place: Place) -> Read:
    """Nodes that run one after another."""
    if value is UNKNOWN:
        reader.unknown = True
        return Read(None)
    if value is None or value in ([], {}):
        reader.add("missing-key", path, "`Sequential` holds no nodes", at="key")
        return Read(None)
    if not isinstance(value, list | dict):
        message = f"`Sequential` is a list or a mapping of nodes, not {kind_of(value)}"
        reader.add("wrong-type", path, message)
        return Read(None)
    entries = repeats.entries(reader, value, path, place.inside())
    return of_entries(reader, entries, path, isinstance(value, dict))


def of_entries(reader: Reading, entries: Iterable[Entry], path: Path, named: bool) -> Read:
    """The chain of these nodes; one that isn't there has no place in it."""
    children: dict[str, Node] = {}
    plain: dict[str, Any] = {}
    complete = True
    for entry in entries:
        if named:
            reader.name(entry.key, entry.path)
        read = repeats.one(reader, entry)
        if "from" in read.sides:
            help = "name the nodes in a `ModuleDict`"
            reader.add("unknown-key", (*entry.path, "from"), "a chain has no `from`", help, at="key")
        if isinstance(read.node, Tensors):
            message = "a value isn't a step of a chain"
            reader.add("wrong-value", entry.path, message, "it stands in a `ModuleDict`")
            complete = False
        elif read.absent:
            continue
        elif read.node is None or isinstance(read.node, str) or not reader.takes_input_only(read.node):
            complete = False
        else:
            key = entry.key if named else str(len(children))
            children[key] = read.node
            plain[key] = read.plain
    nothing = {"Identity": None, "if": False}
    written = (plain or {"nothing": nothing}) if named else list(plain.values()) or [nothing]
    reader.origin(written, path)
    return Read(Chain(path=path, children=children) if complete else None, {}, written)
