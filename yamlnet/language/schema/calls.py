"""An entry of the catalogue in; the JSON Schema of its arguments, and of the calls of a kind, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from yamlnet.catalog import lookup
from yamlnet.catalog.descriptions import description
from yamlnet.catalog.entry import KINDS, REQUIRED, Entry, Kind, Parameter
from yamlnet.catalog.wording import inferred
from yamlnet.language.schema.types import FOREIGN, Schema, any_of, ref, value


@cache
def entries(*kinds: Kind) -> tuple[Entry, ...]:
    """The entries of these kinds, by name."""
    found = (lookup.find(name, kind) for kind in kinds for name in lookup.names(kind))
    return tuple(entry for entry in found if entry is not None)


def definitions() -> dict[str, Schema]:
    """What each entry of the catalogue takes, under `KIND.NAME`; none of it has to be said here."""
    return {f"{entry.kind}.{entry.name}": _arguments(entry) for entry in entries(*KINDS)}


def _arguments(entry: Entry) -> Schema:
    options = {name: option(entry, parameter) for name, parameter in entry.options.items()}
    named = {"type": "object", "properties": options, "additionalProperties": False}
    positional = [] if entry.positional is None else [value(entry.positional)]
    return {
        "description": entry.summary,
        **any_of({"type": "null"}, named, *positional, ref("expression")),
    }


def option(entry: Entry, parameter: Parameter) -> Schema:
    """One parameter: what may be written, what it means, and its default."""
    said = description(entry, parameter.name)
    if parameter.inferred is not None:
        said = (
            f"{said} ({inferred(entry, parameter.inferred)})" if said else inferred(entry, parameter.inferred)
        )
    found: Schema = {"description": said} if said else {}
    if parameter.default is not REQUIRED and parameter.inferred is None:
        found["default"] = parameter.default
    return {**found, **value(parameter)}


def needed(entry: Entry) -> list[str]:
    """The parameters that a call must say."""
    return [name for name, p in entry.options.items() if p.required and p.role == "option"]


def call(entry: Entry, complete: bool = True) -> Schema:
    """The value under an entry's name; `complete` demands what must be said."""
    found = ref(f"{entry.kind}.{entry.name}")
    required = needed(entry) if complete else []
    if not required:
        return found
    positional = entry.positional
    alone = positional is not None and required == [positional.name]
    return {**found, "required": required, **({"not": {"type": "null"}} if alone else _NAMED)}


_NAMED: Schema = {"type": ["object", "string"]}
"""Arguments by name, or an expression: where one positional argument isn't enough."""


def names(found: Iterable[Entry], complete: bool = True) -> Schema:
    """The bare names of entries; `complete` leaves out those that need arguments."""
    kept = [entry for entry in found if not complete or not needed(entry)]
    return {
        "enum": [entry.name for entry in kept],
        "enumDescriptions": [entry.summary for entry in kept],
    }


def calls(
    found: Sequence[Entry],
    sides: Mapping[str, Schema] | None = None,
    complete: bool = True,
    beside: Mapping[str, Schema] | None = None,
    foreign: bool = False,
) -> Schema:
    """A call of any of the entries: its bare name, or a mapping with its arguments and what stands beside it.

    `beside` holds for a mapping with the call of that name. A `foreign` call is of a package of one's own.
    """
    sides = sides or {}
    properties = {**sides, **{entry.name: call(entry, complete) for entry in found}}
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    alone = one_call([entry.name for entry in found], list(sides), complete, beside or {})
    if foreign:
        mapping["patternProperties"] = {FOREIGN: {}}
    bare = [names(found, complete), *([ref("foreign-name")] if foreign else [])]
    return any_of(*bare, {**mapping, **alone}, ref("expression"))


def one_call(
    found: Iterable[str], sides: list[str], complete: bool = True, beside: Mapping[str, Schema] | None = None
) -> Schema:
    """Exactly one of the calls; a mapping that only adds to another may hold none."""
    at_least: Schema = {"not": {"propertyNames": {"enum": sides}}} if complete else {}
    others = beside or {}
    alone = {name: {"propertyNames": {"enum": [name, *sides]}, **others.get(name, {})} for name in found}
    return {**at_least, "dependentSchemas": alone}
