"""Nothing in; what a table demands of the other keys of `data`, and images forbid, as a JSON Schema out."""

from __future__ import annotations

from collections.abc import Iterable

from yamlnet.catalog.own import TABLES, WITH_FIELDS
from yamlnet.language.schema.types import Schema, ref


def rules() -> Schema:
    """Tables have fields and targets, images neither; what evaluates has the fields of what trains."""
    fields, target = _said("fields"), _said("target")
    table = _any_call(TABLES)
    with_fields = {"anyOf": [_any_call(WITH_FIELDS), ref("expression")]}
    named = {"properties": {"fields": {"anyOf": [{"required": ["target"]}, ref("expression")]}}}
    alike = {"anyOf": [_any_call(WITH_FIELDS), {"type": ["number", "null"]}, ref("expression")]}
    return {
        "allOf": [
            {"if": {"properties": {"dataset": table}}, "then": fields},
            {"if": {"anyOf": [fields, target]}, "then": {"properties": {"dataset": with_fields}}},
            {
                "if": fields,
                "then": {"anyOf": [_target_said(), named], "properties": _splits(alike)},
                "else": {"properties": _splits({"not": table})},
            },
        ]
    }


def _target_said() -> Schema:
    """That `target` is there, if only to say that there are none."""
    return {"required": ["target"], "properties": {"target": {"not": {"type": "null"}}}}


def _any_call(names: Iterable[str]) -> Schema:
    """A call of one of these, however it is written."""
    listed = list(names)
    return {"anyOf": [{"enum": listed}, {"type": "object", "anyOf": [{"required": [n]} for n in listed]}]}


def _said(key: str) -> Schema:
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"not": {"enum": [None, [], {}]}}},
    }


def _splits(schema: Schema) -> dict[str, Schema]:
    return {"validation": schema, "test": schema}
