"""The `blocks` section -> reusable parts of networks, each with the parameters that a call of it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yamlnet.catalog.entry import REQUIRED, Call, Entry, Parameter
from yamlnet.diagnostics import Mistake, Path, nearest
from yamlnet.language.calls import kind_of
from yamlnet.language.expressions import CONSTANTS, LATER, UNKNOWN
from yamlnet.language.names import refused
from yamlnet.language.substitution import Scope

MAX_LEVELS = 64
"""How deep blocks may call blocks."""


@dataclass(frozen=True)
class Block:
    """A block: its parameters as those of a class, and its body as the file writes it."""

    entry: Entry
    body: Any
    path: Path

    def scope(self, call: Call, outer: Scope) -> Scope:
        """The names in the body: the file's own, and the parameters; each default may use those before it."""
        names = dict(outer.names) | dict.fromkeys(self.entry.parameters, LATER)
        scope = Scope(names, outer.budget, [])
        for name, parameter in self.entry.parameters.items():
            if name in call.arguments:
                names[name] = call.arguments[name]
            elif parameter.default is not REQUIRED:
                names[name] = scope.value(parameter.default, (*self.path, "params", name))
        return scope


def read_blocks(value: Any, path: Path) -> tuple[dict[str, Block], list[Mistake]]:
    """Reads what the blocks take; their bodies are read where they are called."""
    if value is UNKNOWN or value is None:
        return {}, []
    if not isinstance(value, dict):
        message = f"`blocks` is a mapping of names to nodes, not {kind_of(value)}"
        return {}, [Mistake("wrong-type", path, message)]
    found: dict[str, Block] = {}
    mistakes: list[Mistake] = []
    for name, body in value.items():
        why = refused(name)
        if why is not None:
            message = f"a block can't be named `{name}`"
            mistakes.append(Mistake("wrong-value", (*path, name), message, why, at="key"))
        said = body if isinstance(body, dict) else {}
        typo = next((key for key in said if nearest(key, ("params",))), "params")
        parameters, wrong = _parameters(said.get(typo), (*path, name, typo))
        mistakes += wrong
        if isinstance(body, dict):
            body = {key: item for key, item in body.items() if key != "params"}
        found[name] = Block(Entry(name, "module", "", parameters), body, (*path, name))
    return found, mistakes


def _parameters(value: Any, path: Path) -> tuple[dict[str, Parameter], list[Mistake]]:
    if value is None:
        return {}, []
    if not isinstance(value, Mapping):
        message = f"`params` is a mapping of names to defaults, not {kind_of(value)}"
        return {}, [Mistake("wrong-type", path, message, "params: {channels: required, stride: 1}")]
    mistakes = []
    for name in value:
        if not name.isidentifier() or name in CONSTANTS:
            message = f"`{name}` can't name a parameter"
            help = "names are letters, digits and `_`, and don't begin with a digit"
            mistakes.append(Mistake("wrong-value", (*path, name), message, help, at="key"))
    return {
        name: Parameter(name, "any", REQUIRED if default == "required" else default)
        for name, default in value.items()
    }, mistakes
