"""A parameter's type and bounds in; the JSON Schema of the values that a file may write for it out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from yamlnet.catalog import types
from yamlnet.catalog.allowed import CATALOGUED
from yamlnet.catalog.entry import REQUIRED, Parameter
from yamlnet.catalog.types import DTYPES, Choice, Items, Named, Union

Schema = dict[str, Any]

SCALARS = {
    "none": "null",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
    "str": "string",
}
NAMED = {
    "tensor": "numbers",
    "module": "layer",
    "scheduler": "nested-scheduler",
    "transform": "augmentation",
    "type": "class",
}
"""Names of types that have a definition of their own."""

IDENTIFIER = r"^[^\s0-9!-/:-@\[-^`{-~][^\s!-/:-@\[-^`{-~]*$"
"""Letters of any script, digits and `_`: what Python and ECMAScript read alike."""

FOREIGN = rf"^(?!({'|'.join(CATALOGUED)})\.){IDENTIFIER[1:-1]}(\.{IDENTIFIER[1:-1]})+$"
"""A dotted path into a package of one's own: only `--allow` tells whether it may be called."""

TEXT: Schema = {"type": "string"}

EXPRESSION: Schema = {
    "description": "`$name` or `$(expression)`, or a number with `_` between its digits",
    "type": "string",
    "pattern": r"\$|^[-+]?[0-9]+(_[0-9]+)+(\.[0-9_]*)?$",
}
"""A text that stands for another value; YAML's own readers take `100_000` for a text."""

NUMBERS: Schema = {
    "description": "A number or a nested list of numbers",
    "anyOf": [
        {"type": "number"},
        {"type": "array", "items": {"$ref": "#/$defs/numbers"}},
        {"$ref": "#/$defs/expression"},
    ],
}


def ref(name: str) -> Schema:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def any_of(*options: Schema) -> Schema:
    """Any one of the schemas, those that are such themselves taken apart."""
    flat: list[Schema] = []
    for option in options:
        inner = option["anyOf"] if option.keys() == {"anyOf"} else [option]
        flat += [one for one in inner if one not in flat]
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def list_of(items: Schema) -> Schema:
    """A list of at least one."""
    return {"type": "array", "minItems": 1, "items": items}


def mapping_of(values: Schema, names: Schema | None = None) -> Schema:
    """A mapping of at least one."""
    named = {"propertyNames": names} if names else {}
    return {"type": "object", "minProperties": 1, **named, "additionalProperties": values}


def value(parameter: Parameter) -> Schema:
    """What may be written for a parameter, `$` included."""
    found = _typed(parameter.type, *_bounds(parameter).items())
    default = parameter.default
    if default is not REQUIRED and not types.accepts(parameter.type, default):
        return any_of(found, {"const": default})
    return found


@cache
def _typed(annotation: str, *bounds: tuple[str, float]) -> Schema:
    """What may be written for a type; many parameters have the same."""
    return _union(types.parse(annotation), dict(bounds))


def _union(union: Union, bounds: Mapping[str, float]) -> Schema:
    texts = [option.text for option in union.options if isinstance(option, Choice)]
    scalars = [SCALARS[o.name] for o in union.options if isinstance(o, Named) and o.name in SCALARS]
    found: list[Schema] = [{"enum": texts}] if texts else []
    if scalars:
        numeric = {"integer", "number"} & set(scalars)
        kept = bounds if numeric else {}
        found.append({"type": scalars[0] if len(scalars) == 1 else [*dict.fromkeys(scalars)], **kept})
    for option in union.options:
        if isinstance(option, Items):
            found.append(_items(option, bounds))
        elif isinstance(option, Named) and option.name not in SCALARS:
            found.append(_named(option.name))
    return any_of(*found, ref("expression"))


def _named(name: str) -> Schema:
    if name == "any":
        return {}
    if name == "dtype":
        return {"enum": sorted(DTYPES)}
    if name == "names":
        return {"type": "object", "additionalProperties": TEXT}
    return ref(NAMED[name]) if name in NAMED else TEXT


def _items(items: Items, bounds: Mapping[str, float]) -> Schema:
    elements = [_union(element, bounds) for element in items.elements]
    if items.length is None:
        return {"type": "array", "items": elements[0]}
    length = {"minItems": items.length, "maxItems": items.length}
    if all(element == elements[0] for element in elements):
        return {"type": "array", "items": elements[0], **length}
    return {"type": "array", "prefixItems": elements, **length}


def _bounds(parameter: Parameter) -> dict[str, float]:
    bounds = {
        "minimum": parameter.minimum,
        "exclusiveMinimum": parameter.exclusive_minimum,
        "maximum": parameter.maximum,
        "exclusiveMaximum": parameter.exclusive_maximum,
    }
    return {name: bound for name, bound in bounds.items() if bound is not None}
