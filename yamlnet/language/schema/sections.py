"""A sort of files in; the JSON Schema of each section but the model out."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from yamlnet.catalog.entry import Entry, Kind, Parameter
from yamlnet.catalog.transforms import is_random
from yamlnet.language.experiment import Data, Head, Scheduler, Section, Train
from yamlnet.language.keys import SECTION_KEYS
from yamlnet.language.schema import tables
from yamlnet.language.schema.calls import calls, entries, option
from yamlnet.language.schema.types import IDENTIFIER, TEXT, Schema, any_of, list_of, mapping_of, ref
from yamlnet.language.vocabulary import EXCLUSIVE, MEASURED, NEEDED_ONE, RULE

CALLED = {
    "dataset": "dataset",
    "fields": "field",
    "validation": "dataset",
    "test": "dataset",
    "augment": "augmentation",
    "train": "training-transform",
    "evaluation": "transform",
}
"""Keys of sections whose values are calls, and of what."""

PATTERNS: Schema = any_of(TEXT, list_of(TEXT))
FIGURES = [name for name in MEASURED if "." not in name]


class _Generator(GenerateJsonSchema):
    """Leaves a mark where a section holds a call: the file writes it otherwise than the section holds it."""

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        return {"call": True}


@cache
def _generated() -> Schema:
    """What pydantic says of the sections that are written much as they are read, and of what is in them."""
    sections: list[tuple[type[Section], Literal["validation"]]] = [
        (section, "validation") for section in (Head, Data, Scheduler, Train)
    ]
    definitions: Schema = models_json_schema(sections, schema_generator=_Generator)[1]["$defs"]
    return definitions


@dataclass(frozen=True)
class Sections:
    """The sections of files of one sort: those that are `complete` say all that they need."""

    complete: bool
    suffix: str

    def ref(self, name: str) -> Schema:
        """A reference to a definition of this sort."""
        return ref(f"{name}{self.suffix}")

    def definitions(self) -> dict[str, Schema]:
        """The sections, and the calls in them."""
        found, transforms = entries("metric"), entries("transform")
        wanted = {
            "dataset": self._calls("dataset", foreign=True),
            "field": self._calls("field"),
            "augmentation": calls([t for t in transforms if t.name != "Normalize"], complete=self.complete),
            "transform": calls([t for t in transforms if not is_random(t.name)], complete=self.complete),
            "training-transform": calls(transforms, complete=self.complete),
            "term": self._term(),
            "metric": calls(found, {"from": _from("metrics.from")}, self.complete, beside=_sources(found)),
            **{name: any_of(read(self), {"type": "null"}) for name, read in SECTIONS.items()},
        }
        return {f"{name}{self.suffix}": schema for name, schema in wanted.items()}

    def _calls(self, kind: Kind, foreign: bool = False) -> Schema:
        return calls(entries(kind), complete=self.complete, foreign=foreign)

    # -- what pydantic knows --------------------------------------------------------------------

    def data(self) -> Schema:
        """`data`."""
        said = self._validated(Data, "data")
        return {"if": {"type": "object"}, "then": tables.rules(), **said} if self.complete else said

    def train(self) -> Schema:
        """`train`."""
        return self._validated(Train, "train")

    def _validated(self, section: type[Section], path: str) -> Schema:
        definitions = _generated()
        return self._readable(definitions[section.__name__], definitions, path)

    def _readable(self, schema: Schema, definitions: Mapping[str, Schema], path: str) -> Schema:
        """A schema of pydantic's as the file is written: calls as calls, `$` in every value, descriptions."""
        key = path.rpartition(".")[2]
        if "call" in schema:
            return self.ref(CALLED[key]) if key in CALLED else {}
        if "$ref" in schema:
            return self._readable(definitions[schema["$ref"].rpartition("/")[2]], definitions, path)
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return any_of(*(self._readable(one, definitions, path) for one in options))
        kept = {k: v for k, v in schema.items() if k not in ("title", "default", "description", "$defs")}
        if "items" in kept:
            kept["items"] = self._readable(kept["items"], definitions, path)
        if isinstance(kept.get("additionalProperties"), dict):
            kept["additionalProperties"] = self._readable(kept["additionalProperties"], definitions, path)
            kept["propertyNames"] = {"pattern": IDENTIFIER, "not": {"const": "output"}}
        if "properties" not in kept:
            return any_of(kept, ref("expression"))
        kept["properties"] = {
            name: self._key(value, definitions, f"{path}.{name}")
            for name, value in kept["properties"].items()
        }
        if not self.complete:
            kept.pop("required", None)
        one = _one_of(path) if self.complete else {}
        return any_of({**kept, **_exclusive(path), **one}, ref("expression"))

    def _key(self, schema: Schema, definitions: Mapping[str, Schema], path: str) -> Schema:
        """A key of a section: its description, its default and its value."""
        value = self._readable(schema, definitions, path)
        if path == "data.transforms":
            value = any_of({"type": "array", "items": self.ref("transform")}, value)
        if path == "data.target":
            value = any_of(TEXT, value)
        said = {"description": SECTION_KEYS[path]} if path in SECTION_KEYS else {}
        default = schema.get("default")
        known = {} if default is None or isinstance(default, dict | list) else {"default": default}
        return {**said, **known, **value}

    # -- what is written otherwise than it is read ----------------------------------------------

    def _term(self) -> Schema:
        """A term of the loss: a loss, a function, or an expression."""
        number = any_of({"type": "number"}, ref("expression"))
        weight = {"description": SECTION_KEYS["loss.weight"], **number}
        sides = {"from": _from("loss.from"), "weight": weight}
        terms = entries("loss", "function")
        found = calls(terms, sides, self.complete, beside=_sources(terms), foreign=True)
        text = {"description": SECTION_KEYS["loss.expr"], "type": ["string", "number"]}
        formula = {"type": "object", "properties": {"expr": text, "weight": weight}, "required": ["expr"]}
        return any_of(found, {**formula, "additionalProperties": False})

    def loss(self) -> Schema:
        """`loss`: one term, or several with names, and weights."""
        alone = {**self.ref("term"), "not": {"type": "object", "required": ["weight"]}}
        name = {"pattern": IDENTIFIER, "not": {"enum": ["from", *keyword.kwlist]}}
        return any_of(alone, mapping_of(self.ref("term"), name))

    def metrics(self) -> Schema:
        """`metrics`: one, a list, or a mapping of names."""
        named = {"pattern": IDENTIFIER, "not": {"const": "loss"}}
        text = {"description": SECTION_KEYS["metrics.expr"], "type": ["string", "number"]}
        formula = {"type": "object", "properties": {"expr": text}, "required": ["expr"]}
        item = any_of(self.ref("metric"), {**formula, "additionalProperties": False})
        several = {"type": "object", "propertyNames": named, "additionalProperties": item}
        return any_of(self.ref("metric"), {"type": "array", "items": self.ref("metric")}, several)

    def optimizer(self) -> Schema:
        """`optimizer`, and its groups."""
        groups = {"description": SECTION_KEYS["optimizer.groups"], "type": ["array", "string"]}
        found = entries("optimizer")
        beside = {e.name: {"properties": {"groups": {"items": ref(f"group.{e.name}")}}} for e in found}
        return calls(found, {"groups": groups}, self.complete, beside=beside, foreign=True)

    def scheduler(self) -> Schema:
        """`scheduler`, and what advances it."""
        fields = _generated()["Scheduler"]["properties"]
        sides = {key: self._key(fields[key], {}, f"scheduler.{key}") for key in ("every", "metric")}
        beside: dict[str, Schema] = {
            entry.name: {"properties": {"metric": False}} for entry in entries("scheduler")
        }
        watches = {"properties": {"every": {"not": {"const": "step"}}}}
        beside["ReduceLROnPlateau"] = {**watches, "required": ["metric"]} if self.complete else watches
        alone = {"not": {"const": "ReduceLROnPlateau"}} if self.complete else {}
        return {**calls(entries("scheduler"), sides, self.complete, beside=beside), **alone}


def groups() -> dict[str, Schema]:
    """The settings of a parameter group, for each optimizer."""
    return {f"group.{entry.name}": _group(entry) for entry in entries("optimizer")}


def _group(entry: Entry) -> Schema:
    match = {"description": SECTION_KEYS["optimizer.groups.match"], **PATTERNS}
    options = {name: option(entry, parameter) for name, parameter in entry.options.items()}
    mapping = {"type": "object", "properties": {"match": match, **options}, "required": ["match"]}
    return any_of({**mapping, "additionalProperties": False}, ref("expression"))


def _said(key: str) -> Schema:
    """A key with a value that says something."""
    return {"required": [key], "properties": {key: {"not": {"enum": [None, []]}}}}


def _exclusive(path: str) -> Schema:
    """Keys that stand for one another: not both."""
    for section, *keys in EXCLUSIVE:
        if ".".join(map(str, section)) == path:
            return {"not": {"allOf": [_said(key) for key in keys]}}
    return {}


def _one_of(path: str) -> Schema:
    """Keys of which one must be said."""
    for section, *keys in NEEDED_ONE:
        if ".".join(map(str, section)) == path:
            return {"anyOf": [_said(key) for key in keys]}
    return {}


def _from(key: str) -> Schema:
    """What a term or a metric compares: values by their names, and expressions of them."""
    named = mapping_of(ref("source"), {"pattern": IDENTIFIER})
    return {"description": SECTION_KEYS[key], **any_of(ref("source"), list_of(ref("source")), named)}


def sources() -> dict[str, Schema]:
    """One value of the output or the batch."""
    part = r"[^\s!-/:-@\[-^`{-~]+"
    name = {**TEXT, "pattern": rf"{IDENTIFIER[:-1]}(\.{part})*$|\$"}
    text: Schema = {"description": SECTION_KEYS["loss.expr"], "type": ["string", "number"]}
    formula: Schema = {"type": "object", "properties": {"expr": text}, "required": ["expr"]}
    return {"source": any_of(name, {**formula, "additionalProperties": False})}


def _sources(found: Iterable[Entry]) -> dict[str, Schema]:
    """What `from` brings, for each entry; a function of a list takes any number."""
    return {entry.name: {"properties": {"from": ref(_brought(entry))}} for entry in found if _is_fixed(entry)}


def _is_fixed(entry: Entry) -> bool:
    return bool(entry.tensors) and entry.tensors[0].role != "tensors"


def _brought(entry: Entry) -> str:
    """The name of what `from` brings: the inputs, and which may be left out."""
    return "from." + ".".join(tensor.name + "-" * (not tensor.required) for tensor in entry.tensors)


def brought() -> dict[str, Schema]:
    """What `from` may bring, for each list of inputs that there is."""
    found = entries("loss", "function", "metric")
    return {_brought(entry): _fitting(entry.tensors) for entry in found if _is_fixed(entry)}


def _fitting(tensors: Sequence[Parameter]) -> Schema:
    """As many values as a call takes, or values by its inputs' names; the first may be left out there."""
    needed = [tensor.name for tensor in tensors if tensor.required]
    names = {"propertyNames": {"enum": [tensor.name for tensor in tensors]}, "required": needed[1:]}
    lone = [] if len(needed) > 1 else [TEXT, {"type": "object", "required": ["expr"]}]
    forms = [{"type": "array"}, {"type": "object", **names}, *lone, ref("expression")]
    return {"minItems": len(needed), "maxItems": len(tensors), "anyOf": forms}


def _init(_: Sections) -> Schema:
    classes = any_of(ref("class"), ref("expression"), list_of(any_of(ref("class"), ref("expression"))))
    rule = {
        "type": "object",
        "properties": {
            "type": {"description": SECTION_KEYS["init.type"], **classes},
            "name": {"description": SECTION_KEYS["init.name"], **PATTERNS},
        },
        "additionalProperties": ref("initialisers"),
        "not": {"propertyNames": {"enum": ["type", "name"]}},
    }
    return any_of({"type": "array", "items": any_of(rule, ref("expression"))}, ref("expression"))


def _expect(_: Sections) -> Schema:
    rule = {"type": "string", "pattern": rf"^(?:{RULE.pattern})$|\$"}
    figure = {"anyOf": [{"enum": FIGURES}, {"pattern": r"^(train|validation|test)\."}]}
    return {"type": "object", "propertyNames": figure, "additionalProperties": rule}


def head() -> dict[str, Schema]:
    """The plain keys of the document: `version`, `name`, `seed`."""
    generated, plain = _generated()["Head"]["properties"], Sections(True, "")
    return {key: plain._key(generated[key], {}, key) for key in ("version", "name", "seed")}


SECTIONS: Mapping[str, Callable[[Sections], Schema]] = {
    "data": Sections.data,
    "train": Sections.train,
    "loss": Sections.loss,
    "metrics": Sections.metrics,
    "optimizer": Sections.optimizer,
    "scheduler": Sections.scheduler,
    "init": _init,
    "expect": _expect,
}
"""How each section is described; `model` and `blocks` hold nodes."""
