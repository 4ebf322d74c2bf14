"""A `ModuleDict` with a `forward` as the file writes it -> a graph: what it declares, and what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.allowed import is_foreign
from yamlnet.diagnostics import MAX_CHOICES, Path, did_you_mean
from yamlnet.language import repeats, steps
from yamlnet.language.calls import Written
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.meant import likeliest
from yamlnet.language.names import refused
from yamlnet.language.nodes import (
    Expression,
    Function,
    Graph,
    Holder,
    Member,
    Module,
    Source,
    Tensors,
)
from yamlnet.language.places import Entry, Place, Read
from yamlnet.language.plain import kind_of
from yamlnet.language.reading import Reading
from yamlnet.language.unused import unused
from yamlnet.language.vocabulary import CONTAINERS, STEP_SIDES
from yamlnet.language.wires import Values


@dataclass(frozen=True)
class Line:
    """One step of a `forward` before its call is looked up."""

    written: Written | None
    entry: Entry


def declares(written: Written, place: Place) -> bool:
    """Whether a `ModuleDict` only declares: it has a `forward`, or one around it calls what is in it."""
    return "forward" in written.sides or (
        place.declared is not None and ".".join(place.declared) not in place.called
    )


def declared(
    reader: Reading, written: Written, entries: Mapping[str, Any], place: Place, inputs: tuple[str, ...]
) -> Read:
    """A graph whose entries are declared, and whose `forward` says what runs."""
    before = reader.num_errors
    if "forward" not in written.sides:
        return _holder(reader, written, entries, place)
    forward, path = written.sides["forward"], (*written.beside, "forward")
    if isinstance(forward, str) and "$" in forward:
        forward = place.scope.value(forward, path)
    if not isinstance(forward, list) or not forward:
        if forward is not UNKNOWN:
            reader.add("wrong-type", path, f"`forward` is a list of steps, not {kind_of(forward)}")
        return Read(None)
    lines = [_line(reader, entry) for entry in repeats.listed(reader, forward, path, place.inside())]
    called = frozenset(line.written.name for line in lines if line.written is not None)
    values = Values(inputs, Source(inputs[0], (), written.path))
    inside = replace(place.inside(), declared=(), called=called)
    members, plain, broken = _members(reader, entries, written.path, inside)
    values.members = members
    known = steps.members_below(members)
    texts = [
        _step(reader, line.written, line.entry, known, broken, values) if line.written else None
        for line in lines
    ]
    output = reader.wiring.output(written.sides, written.beside, values)
    if output is None or broken or None in texts or reader.num_errors > before:
        return Read(None)
    graph = Graph(
        path=written.path, inputs=inputs, children=members, steps=tuple(values.steps), output=output
    )
    reader.mistakes += unused(graph)
    reader.origin(texts, path)
    return Read(graph, {}, {"ModuleDict": plain, "forward": texts})


def _holder(reader: Reading, written: Written, entries: Mapping[str, Any], place: Place) -> Read:
    """A nested `ModuleDict` that a `forward` around it calls parts of."""
    for key in ("inputs", "output"):
        if key in written.sides:
            message = f"`{'.'.join(place.declared or ())}` is never called as a whole"
            reader.add("unknown-key", (*written.beside, key), message, at="key")
    members, plain, broken = _members(reader, entries, written.path, place)
    if broken:
        return Read(None)
    return Read(Holder(path=written.path, kind="ModuleDict", children=members), {}, {"ModuleDict": plain})


def _members(
    reader: Reading, entries: Any, path: Path, place: Place
) -> tuple[dict[str, Member], Any, set[str]]:
    """What is declared, its text, and the names of what can't be read."""
    members: dict[str, Member] = {}
    plain: dict[str, Any] = {}
    broken: set[str] = set()
    before = reader.num_errors
    named = isinstance(entries, dict)
    for entry in repeats.entries(reader, entries, path, place):
        key = entry.key if named else str(len(members) + len(broken))
        if named:
            reader.name(key, entry.path)
        inner = replace(entry.place, declared=(*(place.declared or ()), key))
        read = _declaration(reader, replace(entry, place=inner))
        if "from" in read.sides:
            help = "write `from` in the step of `forward` that calls it"
            reader.add(
                "unknown-key", (*entry.path, "from"), "a declared module has no `from`", help, at="key"
            )
        if read.absent:
            continue
        if isinstance(read.node, Function | Expression):
            name = read.node.call.name if isinstance(read.node, Function) else "expr"
            message = f"`{name}` is a function: it stands in `forward`"
            reader.add("wrong-value", entry.path, message, at="key" if named else "value")
        if isinstance(read.node, Module | Tensors):
            members[key] = read.node
            plain[key] = read.plain
        else:
            broken.add(key)
    if reader.num_errors > before and not broken:
        broken.add("")
    text = plain if named else list(plain.values()) or [{"Identity": None, "if": False}]
    reader.origin(text, path)
    return members, text, broken


def _declaration(reader: Reading, entry: Entry) -> Read:
    """A declared node; a `ModuleList` may stand here."""
    value = entry.value
    if not isinstance(value, dict) or "ModuleList" not in value or "repeat" in value:
        return repeats.one(reader, entry)
    items, path = value["ModuleList"], (*entry.path, "ModuleList")
    for key in value:
        if key not in ("ModuleList", "freeze"):
            reader.add(
                "unknown-key", (*entry.path, key), f"unknown key `{key}` beside `ModuleList`", at="key"
            )
    if isinstance(items, str) and "$" in items:
        items = entry.place.scope.value(items, path)
    if not isinstance(items, list) or not items:
        reader.add("wrong-type", path, f"`ModuleList` is a list of nodes, not {kind_of(items)}")
        return Read(None)
    written = Written("ModuleList", items, path, {k: value[k] for k in ("freeze",) if k in value}, entry.path)
    members, plain, broken = _members(reader, items, path, entry.place)
    if broken:
        return Read(None)
    holder = Holder(path=path, kind="ModuleList", children=members)
    return reader.finished(Read(holder, written.sides, {"ModuleList": plain}), written, entry.place)


# -- steps --------------------------------------------------------------------------------------


def _line(reader: Reading, entry: Entry) -> Line:
    """A step's call and the keys beside it; the name that a repeated step calls may hold `$i`."""
    value = entry.value
    if isinstance(value, str) and "$" in value:
        value = entry.place.scope.value(value, entry.path)
        entry = replace(entry, place=replace(entry.place, scope=replace(entry.place.scope, done=True)))
    if isinstance(value, dict):
        value = {
            entry.place.scope.value(key, entry.path) if "$" in key and key not in STEP_SIDES else key: item
            for key, item in value.items()
        }
        if any(not isinstance(key, str) for key in value):
            return Line(None, entry)
    step = "a step of `forward`"
    return Line(reader.split(value, entry.path, entry.place, STEP_SIDES, step), entry)


def _step(
    reader: Reading,
    written: Written,
    entry: Entry,
    known: Mapping[str, Module],
    broken: set[str],
    values: Values,
) -> Any:
    """Adds a step; gives its text, or None where it is wrong."""
    name = written.sides.get("name", written.name)
    if not isinstance(name, str) or ("name" in written.sides and refused(name)):
        why = refused(name) if isinstance(name, str) else None
        reader.add("wrong-value", (*written.beside, "name"), f"a value can't be named `{name}`", why)
        return None
    present = reader.present(written.sides, written.beside)
    if present is None:
        values.broken.add(name)
        return None
    called = _called(reader, written, entry, known, broken)
    node = known[written.name] if isinstance(called, tuple) else called
    sides = steps.chained(written.sides, entry, values, node)
    if not present and called is not None:
        steps.stand(reader, replace(entry, key=name), values, sides)
        argument = written.argument if written.name == "expr" else None
        return {written.name: argument, **_text(sides), "if": False}
    if called is None:
        values.broken.add(name)
        return None
    last = values.last
    steps.step(reader, values, name, called, sides, written.beside, entry.copy)
    if isinstance(called, Function):
        text: dict[str, Any] = {called.call.name: called.call.with_defaults() or None}
    elif isinstance(called, Expression):
        text = {"expr": steps.chained_text(called, last) if entry.copy else called.formula.text}
    else:
        text = {written.name: None}
    return reader.origin({**text, **_text(sides)}, written.beside)


def _text(sides: Mapping[str, Any]) -> dict[str, Any]:
    return {key: sides[key] for key in ("from", "name") if key in sides}


def _called(
    reader: Reading, written: Written, entry: Entry, known: Mapping[str, Module], broken: set[str]
) -> tuple[str, ...] | Function | Expression | None:
    """What a step of `forward` calls: a declared module by its path, a function, or an expression."""
    if written.name in known:
        if written.argument is not None:
            message = f"`{written.name}` is declared above and called without arguments"
            reader.add("wrong-value", written.path, message)
        declaration = known[written.name]
        if isinstance(declaration, Holder):
            parts = [name for name in known if name.startswith(f"{written.name}.")]
            message = f"`{written.name}` is a `{declaration.kind}`, which can't be called as a whole"
            reader.add("wrong-value", written.path, message, f"call `{parts[0]}`", at=written.at)
            return None
        return tuple(written.name.split("."))
    if written.name.split(".")[0] in broken:
        return None
    if written.name == "expr":
        read = reader.expression(written, entry.place)
        return read.node if isinstance(read.node, Expression) else None
    if lookup.find(written.name, "function") is not None or _is_own(reader, written.name, known):
        read = reader.call(written, entry.place)
        return read.node if isinstance(read.node, Function) else None
    _unknown(reader, written, known)
    return None


def _is_own(reader: Reading, name: str, known: Mapping[str, Any]) -> bool:
    """Whether a step's name is a dotted path into a package, not into what is declared."""
    if not is_foreign(name, reader.allow):
        return False
    declared = name.partition(".")[0] in known or did_you_mean(name, known)[1] is not None
    return reader.allow.covers(name) or not declared


def _unknown(reader: Reading, written: Written, known: Mapping[str, Any]) -> None:
    """A step that calls nothing that is declared."""
    creates = lookup.find(written.name, "module") is not None or written.name in reader.blocks
    if creates or written.name in CONTAINERS:
        message = f"`forward` can't create a `{written.name}`"
        help: str | None = "declare it under a name in `ModuleDict`, and name that here"
        reader.add("unknown-reference", written.path, message, help, at=written.at)
        return
    near = likeliest(written.name, {*known, *lookup.names("function"), "expr"})
    help, suggestion = near or (None, None)
    if suggestion is None and len(known) <= MAX_CHOICES:
        help = "declared are " + ", ".join(f"`{name}`" for name in sorted(known))
    message = f"`{written.name}` is neither a declared module nor a function"
    reader.add("unknown-reference", written.path, message, help, at=written.at, suggestion=suggestion)
