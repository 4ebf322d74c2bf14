"""Nothing in; the JSON Schema of a file out, made of the catalogue and the words of the language."""

from __future__ import annotations

import inspect
import json

from yamlnet.language.experiment import Experiment, Section
from yamlnet.language.keys import SECTION_KEYS
from yamlnet.language.schema import beside, calls
from yamlnet.language.schema.nodes import Nodes
from yamlnet.language.schema.sections import SECTIONS, Sections, brought, groups, head, sources
from yamlnet.language.schema.types import IDENTIFIER, TEXT, Schema, any_of, list_of, mapping_of
from yamlnet.language.vocabulary import NEEDED, TRAINING

CLOSED = Nodes(complete=True, blocks=False, suffix="")
OPEN = Nodes(complete=True, blocks=True, suffix="-with-blocks")
PARTIAL = Nodes(complete=False, blocks=True, suffix="-of-extension")
"""The sorts of files: those without blocks, where every name is known; those with blocks, whose names may be
called; and those that extend another, which has the blocks and says what they leave out."""


def text() -> str:
    """The schema as it is printed: a line for each definition."""
    found = schema()
    definitions = ",\n".join(f"  {_dumped(name)}: {_dumped(value)}" for name, value in found["$defs"].items())
    lines = [f"{_dumped(key)}: {_dumped(value)}" for key, value in found.items() if key != "$defs"]
    return "{\n" + ",\n".join([*lines, f'"$defs": {{\n{definitions}\n}}']) + "\n}\n"


_dumped = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def schema() -> Schema:
    """The schema of an experiment's file, JSON Schema 2020-12."""
    complete, partial = Sections(True, ""), Sections(False, PARTIAL.suffix)
    plain = head()
    described = {name: {"description": _described(name)} for name in Experiment.model_fields}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "yamlnet experiment",
        "description": "One experiment: data, network, loss, optimizer, training, and what the result shows",
        "type": "object",
        "properties": {**described, **plain, **_free()},
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": _sections(partial, PARTIAL),
        "else": {
            "if": {"required": ["blocks"]},
            "then": _sections(complete, OPEN),
            "else": _sections(complete, CLOSED),
            **_needed(),
        },
        "$defs": {
            **beside.definitions(),
            **groups(),
            **sources(),
            **brought(),
            **complete.definitions(),
            **partial.definitions(),
            **CLOSED.definitions(),
            **OPEN.definitions(),
            **PARTIAL.definitions(),
            **calls.definitions(),
        },
    }


def _free() -> dict[str, Schema]:
    """The keys that are the same in files of every sort."""
    files = any_of(TEXT, list_of(TEXT), {"type": "null"})
    values = {"type": ["object", "null"], "propertyNames": {"pattern": IDENTIFIER}}
    return {
        "extends": {"description": SECTION_KEYS["extends"], **files},
        "vars": {"description": SECTION_KEYS["vars"], **values},
        "blocks": {"description": SECTION_KEYS["blocks"]},
    }


def _sections(sections: Sections, nodes: Nodes) -> Schema:
    """The keys that differ between the sorts."""
    blocks = any_of({"type": "null"}, mapping_of(nodes.ref("block"), {"$ref": "#/$defs/node-name"}))
    found = {name: sections.ref(name) for name in SECTIONS}
    return {"properties": {**found, "model": nodes.ref("model"), "blocks": blocks}}


def _needed() -> Schema:
    """A model is always needed, and the rest of an experiment where there is a part of it."""
    said = [{"required": [key], "properties": {key: {"not": {"type": "null"}}}} for key in TRAINING]
    experiment = {"if": {"anyOf": said}, "then": {"required": list(NEEDED)}}
    inputs = {"anyOf": [{"required": ["input"]}, {"required": ["inputs"]}], "not": {"type": "array"}}
    alone = {"if": {"required": ["data"]}, "else": {"properties": {"model": inputs}}}
    return {"required": ["model"], "allOf": [experiment, alone]}


def _described(name: str) -> str:
    """What a section is: its sentence, else its model's."""
    if name in SECTION_KEYS:
        return SECTION_KEYS[name]
    docs = (model.__doc__ for model in Section.__subclasses__() if model.__name__.lower() == name)
    return inspect.cleandoc(next(docs, None) or "").partition("\n\n")[0].rstrip(".")
