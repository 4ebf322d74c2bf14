"""Entries in, the text of `torch.json` and the like out; and back from its records to entries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from yamlnet.catalog.entry import Entry, Inferred, Parameter

Record = Mapping[str, Any]


def file(package: str) -> Path:
    """The file of a package's entries."""
    return Path(__file__).with_name(f"{package}.json")


def dump(package: str, version: str, entries: Iterable[Entry]) -> str:
    """The file's text: a line for each entry and each of its parameters, in the order given."""
    body = ",\n".join(map(_dump_entry, entries))
    return f'{{{json.dumps(package)}: {json.dumps(release(version))}, "entries": [\n{body}\n]}}\n'


def release(version: str) -> str:
    """The version without what tells builds apart: `2.13.0` of `2.13.0+cpu`."""
    return version.partition("+")[0]


def entry_of(record: Record) -> Entry:
    """The entry that a record of the file describes."""
    parameters = [_parameter_of(parameter) for parameter in record["parameters"]]
    return Entry(
        name=record["name"],
        kind=record["kind"],
        target=record["target"],
        parameters={parameter.name: parameter for parameter in parameters},
        summary=record["summary"],
        axes=tuple(record.get("axes", ())),
        inputs=tuple(input_of(name, required) for name, required in record.get("inputs", {}).items()),
        rising=record.get("rising"),
        most=record.get("most"),
    )


def input_of(name: str, required: bool) -> Parameter:
    """A tensor that the forward of a module or loss takes."""
    if required:
        return Parameter(name, "tensor", role="tensor")
    return Parameter(name, "tensor | none", None, role="tensor")


def _dump_entry(entry: Entry) -> str:
    head: dict[str, Any] = {
        "kind": entry.kind,
        "name": entry.name,
        "target": entry.target,
        "summary": entry.summary,
    }
    if entry.axes:
        head["axes"] = entry.axes
    if entry.inputs:
        head["inputs"] = {parameter.name: parameter.required for parameter in entry.inputs}
    if entry.rising is not None:
        head["rising"] = entry.rising
    if entry.most is not None:
        head["most"] = entry.most
    lines = ",\n".join(f"  {json.dumps(_changed(p), ensure_ascii=False)}" for p in entry.parameters.values())
    parameters = f"[\n{lines}]" if lines else "[]"
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "parameters": {parameters}}}'


def _changed(value: Parameter | Inferred) -> dict[str, Any]:
    """The fields that differ from the class's own defaults."""
    found: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        if item is not field.default and (item != field.default or type(item) is not type(field.default)):
            found[field.name] = _changed(item) if isinstance(item, Inferred) else item
    return found


def _parameter_of(record: Record) -> Parameter:
    inferred = record.get("inferred")
    return Parameter(**{**record, "inferred": None if inferred is None else Inferred(**inferred)})
