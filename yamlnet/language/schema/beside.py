"""Nothing in; the definitions of what stands beside a node's call, of names, and of tensors as nodes, out."""

from __future__ import annotations

import keyword
import re

from yamlnet.language import names
from yamlnet.language.schema.calls import call, calls, entries
from yamlnet.language.schema.calls import names as bare_names
from yamlnet.language.schema.types import (
    EXPRESSION,
    FOREIGN,
    IDENTIFIER,
    NUMBERS,
    TEXT,
    Schema,
    any_of,
    list_of,
    mapping_of,
    ref,
)
from yamlnet.language.vocabulary import (
    BLOCK_SIDES,
    CONTAINERS,
    DTYPES,
    MERGES,
    MODEL_SIDES,
    NODE_SIDES,
    OWN_SIDES,
    STEP_SIDES,
    TENSORS,
    WEIGHTS_SUFFIXES,
)

SIDES = sorted({"repeat", *NODE_SIDES, *STEP_SIDES, *BLOCK_SIDES, *MODEL_SIDES})


def definitions() -> dict[str, Schema]:
    """What files of every sort have in common."""
    modules, functions = entries("module"), entries("function")
    alone = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    layers = {
        **alone,
        "properties": {entry.name: call(entry) for entry in modules},
        "patternProperties": {FOREIGN: {}},
    }
    return {
        "expression": EXPRESSION,
        "numbers": NUMBERS,
        "layer": any_of(ref("layer-names"), ref("foreign-name"), layers, ref("expression")),
        "foreign-name": {"type": "string", "pattern": FOREIGN},
        "layer-names": bare_names(modules),
        "function-names": bare_names(functions),
        "node-names": any_of(ref("layer-names"), ref("function-names")),
        "all-node-names": bare_names([*modules, *functions], complete=False),
        "class": {"enum": [entry.name for entry in modules if "." not in entry.name]},
        "nested-scheduler": calls(entries("scheduler")),
        "initialiser": calls(entries("init")),
        "initialisers": any_of(ref("initialiser"), list_of(ref("initialiser"))),
        "node-name": _node_name(),
        "side": {"enum": SIDES},
        "side-of-function": {"enum": [key for key in SIDES if key not in OWN_SIDES]},
        "side-of-value": {"enum": [key for key in SIDES if key not in ("from", "weights")]},
        "side-of-formula": {"enum": [key for key in SIDES if key not in (*OWN_SIDES, "from")]},
        "one-call": _one_call([entry.name for entry in modules]),
        **{f"value.{kind}": schema for kind, schema in _tensors().items()},
        **{f"side.{key}": schema for key, schema in _sides().items()},
        "new-name": _new_name(),
        "inputs": any_of(
            mapping_of(ref("side.input"), _input_name()),
            list_of({**TEXT, **_input_name()}),
            ref("expression"),
        ),
        "one-input": {"not": {"required": ["input", "inputs"]}},
    }


def _node_name() -> Schema:
    """A node's name; that of a repeated node may hold a `$`."""
    taken = sorted({*names.TAKEN, *keyword.kwlist, "self", "input"})
    return {"pattern": rf"{IDENTIFIER}|\$", "not": {"anyOf": [{"enum": taken}, {"pattern": "^__"}]}}


def _new_name() -> Schema:
    """The name that an edit gives: of the parts between dots, the last is new."""
    taken = "|".join(sorted({*names.TAKEN, *keyword.kwlist, "self", "input"}))
    last = {"pattern": rf"(^|\.)([0-9]+|{IDENTIFIER[1:-1]})$|\$"}
    text = {**TEXT, **last, "not": {"pattern": rf"(^|\.)({taken}|__[^.]*)$"}}
    return any_of({"type": "integer", "minimum": 0}, text)


def _input_name() -> Schema:
    return {**ref("node-name"), "not": {"enum": sorted(names.GENERATED)}}


def _one_call(modules: list[str]) -> Schema:
    """A mapping holds one call, and beside a function nothing that is for parameters."""
    functions = [entry.name for entry in entries("function")]
    sides = dict.fromkeys((*modules, *CONTAINERS), "side") | dict.fromkeys(TENSORS, "side-of-value")
    sides |= dict.fromkeys(functions, "side-of-function") | {"expr": "side-of-formula"}
    alone: dict[str, Schema] = {
        name: {"propertyNames": {"anyOf": [{"const": name}, ref(side)]}} for name, side in sides.items()
    }
    without = {"enum": [merge for merge in MERGES if merge not in ("cat", "stack")]}
    alone["Parallel"] |= {"dependentSchemas": {"dim": {"properties": {"merge": {"not": without}}}}}
    return {"dependentSchemas": alone}


def _tensors() -> dict[str, Schema]:
    """Parameters and buffers: a shape, or a mapping."""
    size = any_of({"type": "integer", "minimum": 0}, ref("expression"))
    shape = any_of({"type": "array", "items": size}, ref("expression"))
    mapping: Schema = {
        "type": "object",
        "properties": {
            "shape": shape,
            "fill": any_of({"type": "boolean"}, ref("numbers")),
            "dtype": any_of({"enum": DTYPES}, ref("expression")),
        },
        "anyOf": [{"required": ["shape"]}, {"required": ["fill"]}],
        "additionalProperties": False,
    }
    tensor = ref("value.Parameter")
    trained = {"properties": {"dtype": {"not": {"enum": [d for d in DTYPES if "int" in d or d == "bool"]}}}}
    return {
        "Parameter": {**ref("value.Buffer"), **trained},
        "Buffer": any_of(shape, mapping),
        "ParameterList": any_of(list_of(tensor), ref("expression")),
        "ParameterDict": any_of(mapping_of(tensor), ref("expression")),
    }


def _sides() -> dict[str, Schema]:
    """The keys beside a call, but for those whose values are nodes."""
    wires = any_of(TEXT, list_of(TEXT), mapping_of(TEXT))
    count = any_of({"type": "integer", "minimum": 0}, ref("expression"))
    truth = any_of({"type": "boolean"}, ref("expression"))
    parameters = {"type": "object", "minProperties": 1, "additionalProperties": ref("initialisers")}
    return {
        "from": wires,
        "output": wires,
        "repeat": count,
        "if": truth,
        "freeze": truth,
        "name": {**TEXT, **ref("node-name")},
        "init": any_of(ref("initialisers"), parameters),
        "tie": any_of(mapping_of(TEXT), ref("expression")),
        "weights": _weights(),
        "inputs": any_of(list_of({"pattern": IDENTIFIER, **TEXT}), ref("expression")),
        "merge": any_of({"enum": list(MERGES)}, ref("expression")),
        "dim": any_of({"type": "integer"}, ref("expression")),
        "choose": TEXT,
        "params": {"type": ["object", "null"]},
        "input": _input(),
    }


def _weights() -> Schema:
    """A file of weights, and what of it."""
    suffixes = "|".join(re.escape(suffix) for suffix in WEIGHTS_SUFFIXES)
    file = {**TEXT, "pattern": rf"({suffixes})$|\$"}
    parts: Schema = {
        "type": "object",
        "properties": {
            "file": file,
            "strict": any_of({"type": "boolean"}, ref("expression")),
            "rename": any_of({"type": "null"}, _renamed(), ref("expression")),
        },
        "required": ["file"],
        "additionalProperties": False,
    }
    return any_of({"type": "null"}, file, parts)


def _renamed() -> Schema:
    """Names in the file to names of the module: one `*` in both, or in neither."""
    one, none = r"^[^*]*\*[^*]*$", r"^[^*]*$"
    patterns = {pattern: {**TEXT, "pattern": rf"{pattern}|\$"} for pattern in (one, none)}
    return {"type": "object", "patternProperties": patterns, "additionalProperties": False}


def _input() -> Schema:
    """A shape without the batch, alone or with a dtype and the number of categories."""
    size = any_of({"type": "integer", "minimum": 1}, ref("expression"))
    shape = any_of({"type": "array", "items": size}, ref("expression"))
    mapping: Schema = {
        "type": "object",
        "properties": {
            "shape": shape,
            "dtype": any_of({"enum": DTYPES}, ref("expression")),
            "num_categories": any_of({"type": "integer", "minimum": 1}, {"type": "null"}, ref("expression")),
        },
        "required": ["shape"],
        "additionalProperties": False,
    }
    return any_of(shape, mapping)
