"""The `blocks` section -> reusable parts of networks, each with the parameters that a call of it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from yamlnet.catalog.entry import REQUIRED, Call, Entry, Parameter
from yamlnet.diagnostics import Mistake, Path, did_you_mean, nearest
from yamlnet.language.expressions import CONSTANTS, LATER, UNKNOWN
from yamlnet.language.names import refused
from yamlnet.language.plain import kind_of
from yamlnet.language.substitution import Scope, names_of

OF_VALUES = ("wrong-type", "wrong-value", "expression")
"""Codes of mistakes that are a value's, wherever it is used."""

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
            help: str | None = "names are letters, digits and `_`, and don't begin with a digit"
            mistakes.append(Mistake("wrong-value", (*path, name), message, help, at="key"))
        if isinstance(value[name], str) and nearest(value[name], ("required",)) and value[name] != "required":
            help, suggestion = did_you_mean(value[name], ("required",))
            message = f"the default `{value[name]}` is nearly `required`"
            mistakes.append(Mistake("wrong-value", (*path, name), message, help, suggestion))
    return {
        name: Parameter(name, "any", REQUIRED if default == "required" else default)
        for name, default in value.items()
    }, mistakes


def at_call(mistakes: Sequence[Mistake], block: Block, call: Call) -> list[Mistake]:
    """A wrong value that is nothing but a parameter of the block is the mistake of the call that gave it."""
    found: list[Mistake] = []
    for mistake in mistakes:
        name = _parameter(mistake, block) if mistake.code in OF_VALUES else None
        if name is not None and name in call.arguments:
            path = call.argument_path(name)
            related = (*mistake.related, (mistake.path, f"`{name}` is used here"))
            mistake = replace(mistake, path=path, at="value", part=None, related=related)
            if any((known.path, known.code) == (path, mistake.code) for known in found):
                continue
            if mistake.code == "expression" and any(known.path == path for known in found):
                continue
        found.append(mistake)
    return found


def _parameter(mistake: Mistake, block: Block) -> str | None:
    """The only parameter that the text at a mistake's place uses."""
    if mistake.path[: len(block.path)] != block.path:
        return None
    value = block.body
    rest = mistake.path[len(block.path) :]
    if rest[:1] == ("params",):
        parameter = block.entry.parameters.get(str(rest[-1]))
        value, rest = (parameter.default if parameter else None), ()
    for step in rest:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    used = names_of(value) & block.entry.parameters.keys() if isinstance(value, str) else frozenset()
    return next(iter(used)) if len(used) == 1 else None
