"""The `model` section -> a Model: every name looked up, every wire led to the value it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, Path, nearest
from yamlnet.language.blocks import Block
from yamlnet.language.edits import read_edits
from yamlnet.language.expressions import Budget
from yamlnet.language.inputs import read_inputs
from yamlnet.language.nodes import Model, Tensors
from yamlnet.language.places import Place
from yamlnet.language.plain import kind_of
from yamlnet.language.reader import Reader
from yamlnet.language.reading import TooMany
from yamlnet.language.substitution import Scope
from yamlnet.language.vocabulary import MODEL_SIDES

MAX_VALUES = 1_000_000
"""What the expressions of a network may bring together: some for each of the nodes that it may have."""


@dataclass(frozen=True)
class Network:
    """What was read of a network: the model, its text with everything worked out, and where that is written.

    `unknown` tells that what the network is made of depends on what isn't known yet.
    """

    model: Model | None
    plain: Any
    origins: Mapping[int, tuple[Any, Path]]
    mistakes: list[Mistake]
    unknown: bool = False


def read_model(
    value: Any,
    path: Path,
    scope: Mapping[str, Any],
    blocks: Mapping[str, Block],
    data: Facts | None,
    allow: Allowed = NOTHING,
) -> Network:
    """Reads the network; `data` is what is known of the data, None where there is none."""
    names = Scope(scope, Budget(MAX_VALUES))
    if isinstance(value, str):
        value = names.value(value, path)
    if not isinstance(value, dict | list):
        wrong = Mistake("wrong-type", path, f"`model` is a mapping with one call, not {kind_of(value)}")
        return Network(None, value, {}, [wrong])
    sides = value if isinstance(value, dict) else {}
    said = {key: names.value(sides[key], (*path, key)) for key in ("input", "inputs") if key in sides}
    value = {**value, **said} if isinstance(value, dict) else value
    meant = [key for key in sides if key not in MODEL_SIDES and nearest(key, ("input", "inputs"))]
    inputs, mistakes = (None, []) if meant and not said else read_inputs(said, path, data)
    mistakes += names.mistakes
    names = Scope(scope, names.budget)
    given = tuple(one.name for one in inputs or ()) or ("input",)
    if inputs is None and isinstance(said.get("inputs"), dict) and said["inputs"]:
        given = tuple(said["inputs"])
    if meant and isinstance(sides[meant[0]], dict) and "shape" not in sides[meant[0]]:
        given = tuple(sides[meant[0]])
    reader = Reader(names, blocks, path, given, allow)
    try:
        read = reader.read(value, path, Place(names), MODEL_SIDES, "`model`")
        edits, written = read_edits(reader, sides.get("edit"), (*path, "edit"), Place(names))
        unknown = reader.unknown
        reader.uncalled()
    except TooMany:
        return Network(None, value, {}, mistakes + reader.mistakes)
    if isinstance(read.node, Tensors):
        reader.add("wrong-value", path, "a model is a module, not a value", at="key")
    plain = {"Sequential": read.plain} if isinstance(read.plain, list) else read.plain
    plain = {**said, **plain} if isinstance(plain, dict) else plain
    if written and isinstance(plain, dict):
        plain["edit"] = written
    reader.origin(plain, path)
    mistakes += [*reader.mistakes, *dict.fromkeys(names.mistakes)]
    if read.node is None or isinstance(read.node, str | Tensors) or inputs is None or edits is None:
        return Network(None, plain, reader.origins, mistakes, unknown)
    model = Model(inputs, read.node, path, from_data=not said, edits=edits)
    return Network(model, plain, reader.origins, mistakes, unknown)
