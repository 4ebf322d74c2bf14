"""A sort of files in; the definitions of nodes, for every place of the model where one may stand, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yamlnet.language.keys import NODE_KEYS
from yamlnet.language.schema.beside import SIDES
from yamlnet.language.schema.calls import call, entries
from yamlnet.language.schema.types import FOREIGN, Schema, any_of, list_of, mapping_of, ref
from yamlnet.language.vocabulary import (
    BLOCK_SIDES,
    BODY_SIDES,
    CONTAINER_SIDES,
    EDIT_KEYS,
    EDIT_NEEDS,
    EDIT_VERBS,
    MODEL_SIDES,
    NODE_SIDES,
    STEP_SIDES,
    TENSORS,
)
from yamlnet.language.words import WORDS

AGAIN: Schema = {"type": "string", "pattern": r"^[^A-Z]|[.$]"}
"""A module of the file that is called again: a schema can't know the names, only how they look."""

CHAIN_SIDES = ("repeat", *(key for key in NODE_SIDES if key != "from"))
GRAPH_SIDES = ("repeat", *NODE_SIDES)
NODES = ("chain-node", "graph-node", "declared-node", "body", "block")
Calls = Mapping[str, Schema]


@dataclass(frozen=True)
class Nodes:
    """The nodes of files of one sort, whose definitions end in `suffix`.

    `complete` nodes say all that they need, where others may add to those of another file. `blocks` tells
    that there are blocks to call, whose names a schema can't know.
    """

    complete: bool
    blocks: bool
    suffix: str

    def ref(self, place: str) -> Schema:
        """A reference to what may stand in a place; what adds to another file may do so in any of them."""
        return ref((place if self.complete or place not in NODES else "any-node") + self.suffix)

    def definitions(self) -> dict[str, Schema]:
        """What may stand in each place."""
        wanted = {**self._nodes(), **self._groups()}
        return {f"{place}{self.suffix}": schema for place, schema in wanted.items()}

    def _nodes(self) -> dict[str, Schema]:
        modules, functions = entries("module"), entries("function")
        layers = {entry.name: call(entry, self.complete) for entry in modules}
        steps = {entry.name: call(entry, self.complete) for entry in functions}
        steps["expr"] = _worded({"type": ["string", "number"]}, "expr")
        held = {kind: _worded(ref(f"value.{kind}"), kind) for kind in TENSORS}
        flow = {**layers, **steps, **self._containers()}
        declared = {
            "ModuleDict": _worded(self.ref("declared-or-run"), "ModuleDict"),
            "ModuleList": _worded(any_of(self.ref("module-list"), ref("expression")), "ModuleList"),
        }
        bare = ref("node-names" if self.complete else "all-node-names")
        found = {
            "any-node": self._node({**flow, **held, **declared}, SIDES, bare, again=True),
            "model": self._node(flow, MODEL_SIDES, None),
            "step": self._node(steps, ("repeat", *STEP_SIDES), ref("function-names"), again=True),
        }
        if self.complete:
            members = {**layers, **held, **self._containers(), **declared}
            found |= {
                "chain-node": self._node(flow, CHAIN_SIDES, bare),
                "graph-node": self._node({**flow, **held}, GRAPH_SIDES, bare, again=True),
                "declared-node": self._node(members, CHAIN_SIDES, ref("layer-names")),
                "body": self._node(flow, BODY_SIDES, bare),
                "block": self._node({**flow, **held}, BLOCK_SIDES, bare),
            }
        return found

    def _groups(self) -> dict[str, Schema]:
        """What holds nodes."""
        return {
            "chain": list_of(self.ref("chain-node")),
            "named-chain": self._named("chain-node"),
            "graph": any_of(self._named("graph-node"), ref("expression")),
            "declared": any_of(self._named("declared-node"), ref("expression")),
            "declared-or-run": any_of(self._named("any-node"), ref("expression")),
            "module-list": list_of(self.ref("declared-node")),
            "forward": any_of(list_of(self.ref("step")), ref("expression")),
            "edit": self._edit(),
        }

    def _edit(self) -> Schema:
        """One change of the network: a verb, and what it needs beside it."""
        name: Schema = {"type": ["string", "integer"], "minLength": 1}
        names = any_of(name, {"type": "array", "items": name, "minItems": 1})
        keys = {**dict.fromkeys(EDIT_KEYS, name), "insert": ref("new-name"), "freeze": names}
        keys["with"] = self.ref("body")
        needs = {
            verb: {"propertyNames": {"enum": [verb, *needed]}, "required": [verb, *needed]}
            for verb, needed in EDIT_NEEDS.items()
        }
        return {
            "type": "object",
            "properties": keys,
            "anyOf": [{"required": [verb]} for verb in EDIT_VERBS],
            "dependentSchemas": needs,
            "additionalProperties": False,
        }

    def _named(self, place: str) -> Schema:
        """Nodes with names; only that of a repeated one holds a `$`."""
        node = self.ref(place)
        repeated = {"type": "object", **node, "required": ["repeat"]} if self.complete else node
        return {**mapping_of(node, ref("node-name")), "patternProperties": {r"\$": repeated}}

    def _containers(self) -> dict[str, Schema]:
        chain, named = self.ref("chain"), self.ref("named-chain")
        found: dict[str, Schema] = {
            "Sequential": any_of(chain, named, ref("expression")),
            "ModuleDict": {},
            "Parallel": any_of(chain, named, ref("expression")),
            "Residual": self.ref("body"),
            "Select": any_of(named, ref("expression")),
        }
        return {word: _worded(schema, word) for word, schema in found.items()}

    def _node(self, found: Calls, sides: Iterable[str], bare: Schema | None, again: bool = False) -> Schema:
        """A node: a bare name, a mapping with a call, or a list of nodes."""
        keys = list(sides)
        mapping: Schema = {
            "type": "object",
            "properties": {**{key: self._side(key, keys) for key in keys}, **found},
            "patternProperties": {FOREIGN: {}},
            "additionalProperties": {} if self.blocks else {"type": "null"} if again else False,
            **(self._complete(found, keys) if self.complete else {}),
        }
        if again and not self.blocks:
            capitals = [name for name in found if name[:1].isupper()]
            mapping["propertyNames"] = {"anyOf": [AGAIN, {"enum": capitals}]}
        others = [{"type": "string"}] if self.blocks else [AGAIN] if again else []
        texts = [] if bare is None else [bare, ref("foreign-name"), *others]
        lists = [self.ref("chain")] if "Sequential" in found else []
        return any_of(*texts, mapping, *lists, ref("expression"))

    def _complete(self, found: Calls, sides: list[str]) -> Schema:
        """What holds for a mapping with a call: there is one, and beside it what belongs to it."""
        owners = {key: [owners[0]] for key, owners in CONTAINER_SIDES.items() if key in sides}
        if "input" in sides:
            owners.pop("inputs")
        needs = {"Parallel": ["merge"], "Select": ["choose"]} if "Parallel" in found else {}
        rules: Schema = {
            "not": {"propertyNames": ref("side")},
            "allOf": [ref("one-call"), *([ref("one-input")] if "input" in sides else [])],
            "dependentRequired": {**owners, **needs},
        }
        if found.get("ModuleDict", {}).get("$ref") is None and "forward" in sides:
            graph = {"properties": {"ModuleDict": self.ref("graph")}}
            declared = {"properties": {"ModuleDict": self.ref("declared")}}
            rules |= {"if": {"required": ["forward"]}, "then": declared, "else": graph}
        return rules

    def _side(self, key: str, keys: list[str]) -> Schema:
        """A key beside a call; the model's `inputs` have shapes."""
        if key == "forward":
            schema = self.ref("forward")
        elif key == "edit":
            schema = any_of({"type": "array", "items": self.ref("edit")}, {"type": "null"})
        else:
            schema = ref("inputs" if key == "inputs" and "input" in keys else f"side.{key}")
        return _worded(schema, key)


def _worded(schema: Schema, word: str) -> Schema:
    """The schema with what the language says of the word."""
    said = WORDS[word].meaning if word in WORDS else NODE_KEYS.get(word)
    return {"description": said, **schema} if said else schema
