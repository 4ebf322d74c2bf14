"""A container's content as the file writes it -> its entries, one for each copy of a repeated node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from yamlnet.diagnostics import Path, nearest
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import (
    Chain,
    Expression,
    Function,
    Graph,
    Node,
    Source,
    Step,
    Tensors,
    first_input,
)
from yamlnet.language.places import Entry, Place, Read
from yamlnet.language.plain import kind_of, whole
from yamlnet.language.reading import Reading
from yamlnet.language.substitution import literal
from yamlnet.language.values import plainly

MAX_OFFER = 80
"""The longest node that is written out in a help."""


@dataclass(frozen=True)
class Choice:
    """A value of the worked-out document that is another one for each copy."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"$({literal(list(self.values))}[i])"


def entries(
    reader: Reading, items: list[Any] | Mapping[str, Any], path: Path, place: Place
) -> Iterator[Entry]:
    """The entries of a list or a mapping."""
    if isinstance(items, list):
        return listed(reader, items, path, place)
    return named(reader, items, path, place)


def listed(reader: Reading, items: list[Any], path: Path, place: Place) -> Iterator[Entry]:
    """The entries of a list: copies are entries of it too, and keys are positions."""
    for position, item in enumerate(items):
        yield from copies(reader, str(position), item, (*path, position), place)


def named(reader: Reading, items: Mapping[str, Any], path: Path, place: Place) -> Iterator[Entry]:
    """The entries of a mapping: copies under a name with `$` have names of their own.

    A repeated node under a plain name is one entry, which still says `repeat`.
    """
    seen: set[str] = set()
    for before, (key, item) in zip(("", *items), items.items(), strict=False):
        if key in ("from", "if"):
            _misplaced(reader, key, before, items, path)
            continue
        if "$" not in key:
            yield from _once(reader, Entry(key, item, (*path, key), place), seen)
            continue
        typo = _misspelt(item)
        if typo is not None:
            message, help = f"unknown key `{typo}`", "did you mean `repeat`?"
            reader.add("unknown-key", (*path, key, typo), message, help, at="key", suggestion="repeat")
            continue
        if not is_repeated(item):
            message = f"only the name of a repeated node can hold a `$`, and `{key}` isn't repeated"
            reader.add("expression", (*path, key), message, at="key")
            continue
        for entry in copies(reader, key, item, (*path, key), place):
            name = entry.place.scope.value(key, (*path, key))
            if isinstance(name, str | int):
                yield from _once(reader, replace(entry, key=str(name)), seen)


def _misplaced(reader: Reading, key: str, before: str, items: Mapping[str, Any], path: Path) -> None:
    """A key that belongs beside a call of one node, and stands among the nodes."""
    message = f"`{key}` stands beside a node's call, and here it is among the nodes"
    call = {items[before]: None} if isinstance(items.get(before), str) else items.get(before)
    help = f"`NAME: {{CALL, {key}: ...}}`"
    if isinstance(call, dict) and key not in call and "expr" not in call:
        parts = [str(name) if value is None else whole({name: value})[1:-1] for name, value in call.items()]
        node = f"{before}: {{{', '.join([*parts, whole({key: items[key]})[1:-1]])}}}"
        help = f"write `{node}`" if len(node) <= MAX_OFFER else help
    reader.add("unknown-key", (*path, key), message, help, at="key")


def _once(reader: Reading, entry: Entry, seen: set[str]) -> Iterator[Entry]:
    if entry.key in seen:
        message = f"there are two nodes `{entry.key}`"
        help = "a name with `$i`, such as `layer_$i`, is another one for each copy" if entry.count else None
        reader.add("duplicate-key", entry.path, message, help, at="key")
        return
    seen.add(entry.key)
    yield entry


def _misspelt(item: Any) -> str | None:
    """The key that was meant to be `repeat`."""
    keys = item if isinstance(item, dict) and "repeat" not in item else ()
    return next((key for key in keys if nearest(key, ("repeat",))), None)


def is_repeated(item: Any) -> bool:
    """Whether a node's value asks for copies."""
    return isinstance(item, dict) and "repeat" in item


def copies(reader: Reading, key: str, item: Any, path: Path, place: Place) -> Iterator[Entry]:
    """The copies of one node; `$i` counts them from 0."""
    if not is_repeated(item):
        yield Entry(key, item, path, place)
        return
    count = number(reader, item, path, place)
    rest = {name: value for name, value in item.items() if name != "repeat"}
    alike = "$" not in str(rest)
    for copy in range(count or 0):
        within = replace(place, scope=place.scope.with_names({"i": copy}))
        yield Entry(key, rest, path, within, copy, count, alike)


def number(reader: Reading, item: Mapping[str, Any], path: Path, place: Place) -> int | None:
    """How many copies `repeat` asks for; None where that is wrong, or isn't known."""
    place_of_it = (*path, "repeat")
    count = place.scope.value(item["repeat"], place_of_it)
    if count is UNKNOWN:
        reader.unknown = True
        return None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if isinstance(count, bool) or not isinstance(count, int):
        meant = plainly(count)
        help = f"write `{meant}`" if isinstance(meant, int) and not isinstance(meant, bool) else None
        message = f"`repeat` is a whole number, not {kind_of(count)}"
        reader.add("wrong-type", place_of_it, message, help)
        return None
    if count < 0:
        reader.add("wrong-value", place_of_it, f"`repeat` is at least 0, not {count}")
        return None
    if count > reader.nodes_left:
        reader.too_many(place_of_it)
    return count


def one(reader: Reading, entry: Entry) -> Read:
    """An entry's node: a chain of its copies, where it is repeated under one name."""
    if not is_repeated(entry.value):
        return _copy(reader, entry)
    item = {key: value for key, value in entry.value.items() if key != "from"}
    reads = [_copy(reader, copy) for copy in copies(reader, entry.key, item, entry.path, entry.place)]
    sides: dict[str, Any] = {}
    if "from" in entry.value:
        sides["from"] = entry.place.scope.value(entry.value["from"], (*entry.path, "from"))
    there = [read for read in reads if not read.absent]
    if not there and len(reads) == entry.place.scope.value(entry.value["repeat"], ()):
        return Read(None, sides, {"Identity": None, **sides, "if": False}, absent=True)
    nodes = [read.node for read in there]
    if isinstance(nodes[0] if nodes else None, str) and len(set(nodes)) == 1:
        plain = reader.origin({**there[0].plain, **sides, "repeat": len(there)}, entry.path)
        return Read(nodes[0], {**there[0].sides, **sides}, plain, times=len(there))
    if any(isinstance(node, Expression) for node in nodes):
        help = f'each copy takes a name of its own: `"{entry.key}_$i": {{expr: ..., repeat: ...}}`'
        reader.add("wrong-value", entry.path, "an `expr` can't be repeated under one name", help, at="key")
        return Read(None, sides)
    if not nodes or any(node is None or isinstance(node, str | Tensors) for node in nodes):
        if any(isinstance(node, Tensors) for node in nodes):
            help = "`ParameterList` holds several"
            reader.add("wrong-value", entry.path, "a value can't be repeated under one name", help)
        return Read(None, sides)
    outside = [_from_outside(node) for node in nodes]  # type: ignore[arg-type]
    return _joined(reader, entry, outside, [read.plain for read in there], sides)


def _copy(reader: Reading, entry: Entry) -> Read:
    """A node, or one copy of it: copies alike are read once."""
    place = entry.place

    def read() -> Read:
        return reader.read(entry.value, entry.path, place)

    if not entry.alike:
        return read()
    seen = (len(place.modules), len(place.broken), place.declared, place.called)
    return reader.once((entry.path, seen), entry.path, place.scope, read)


def _from_outside(node: Node) -> Node:
    """A copy within the chain of copies: what it is tied to is named from around the chain."""
    beside = replace(node.beside, levels=node.beside.levels + 1)
    return replace(node, beside=beside) if beside.tie else node


def _joined(
    reader: Reading, entry: Entry, nodes: Sequence[Node], plains: Sequence[Any], sides: Mapping[str, Any]
) -> Read:
    """A chain of copies; a graph where each takes more than the value of the one before."""
    given = sides.get("from")
    first = first_input(nodes[0])
    others: tuple[str, ...] = ()
    if isinstance(given, list):
        others = tuple(f"other_{position}" for position in range(1, len(given)))
    elif isinstance(given, dict):
        others = tuple(key for key in given if key != first)
    if not others:
        tied = any(node.beside.tie for node in nodes)
        copies = {**_alike(plains), "repeat": len(nodes)} if tied else {"Sequential": list(plains)}
        plain = reader.origin({**copies, **sides}, entry.path)
        return Read(Chain(path=entry.path, children=_numbered(nodes), word="repeat"), sides, plain)
    inputs = (first if isinstance(given, dict) else "input", *others)
    last = Source(inputs[0], (), entry.path)
    steps: list[Step] = []
    for position, node in enumerate(nodes):
        rest = [Source(name, (), entry.path) for name in others]
        positional = (last, *rest) if isinstance(given, list) else ()
        keywords = {} if isinstance(given, list) else dict(zip(others, rest, strict=True))
        called: Any = node if isinstance(node, Function) else (str(position),)
        steps.append(Step(str(position), called, last, positional, keywords, entry.path))
        last = Source(str(position), (), entry.path)
    children = {key: node for key, node in _numbered(nodes).items() if not isinstance(node, Function)}
    plain = reader.origin({**_alike(plains), "repeat": len(nodes), **sides}, entry.path)
    graph = Graph(
        path=entry.path,
        inputs=inputs,
        children=children,  # type: ignore[arg-type]
        steps=tuple(steps),
        output=last,
        word="repeat",
    )
    return Read(graph, sides, plain)


def _numbered(nodes: Sequence[Node]) -> dict[str, Node]:
    return {str(position): node for position, node in enumerate(nodes)}


def _alike(plains: Sequence[Any]) -> Any:
    """One text for all copies: where they differ, `$i` chooses."""
    first = plains[0]
    if all(plain == first for plain in plains):
        return first
    if all(isinstance(plain, dict) and plain.keys() == first.keys() for plain in plains):
        return {key: _alike([plain[key] for plain in plains]) for key in first}
    if all(isinstance(plain, list) and len(plain) == len(first) for plain in plains):
        return [_alike(items) for items in zip(*plains, strict=True)]
    return Choice(tuple(plains))
