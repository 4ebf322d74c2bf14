"""Plain data in; YAML text out, laid out as by hand: short values on one line, networks on several."""

from __future__ import annotations

import json
import re
from typing import Any

from yamlnet.language.source import plain_scalar

WIDTH = 88
SPREAD = ("model", "Sequential", "ModuleDict", "ModuleList", "Parallel", "Select")
"""Keys whose value is never put on the key's own line."""

_PLAIN = re.compile(r"[A-Za-z_$][\w.$*-]*")


def lay_out(document: dict[str, Any]) -> str:
    """The document's text: it reads back as the same data."""
    return "".join(f"{line}\n" for line in _mapping(document, ""))


def flow(value: Any) -> str:
    """A value on one line; in a mapping of several keys, one that holds nothing stands bare."""
    match value:
        case dict():
            bare = len(value) > 1
            items = [flow(k) if bare and v is None else f"{flow(k)}: {flow(v)}" for k, v in value.items()]
            return "{" + ", ".join(items) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(flow, value)) + "]"
        case str():
            plain = _PLAIN.fullmatch(value) and isinstance(plain_scalar(value), str)
            return value if plain else json.dumps(value, ensure_ascii=False)
        case float():
            return repr(value).replace("inf", ".inf").replace("nan", ".nan")
    return json.dumps(value)


def _mapping(value: dict[str, Any], indent: str) -> list[str]:
    return [
        line for key, item in value.items() for line in _entry(f"{indent}{flow(key)}:", key, item, indent)
    ]


def _list(value: list[Any], indent: str) -> list[str]:
    lines = []
    for item in value:
        call = next(iter(item)) if isinstance(item, dict) and len(item) == 1 else None
        if call is None or item[call] is None:
            lines.append(f"{indent}- {flow(item)}")
        else:
            lines += _entry(f"{indent}- {flow(call)}:", call, item[call], f"{indent}  ")
    return lines


def _entry(start: str, key: str, item: Any, indent: str) -> list[str]:
    """A key and what it holds: on its line where that is short, else below it."""
    line = f"{start} {flow(item)}" if item is not None else start
    fits = len(line) <= WIDTH and key not in SPREAD
    if fits or not item or not isinstance(item, dict | list):
        return [line]
    below = f"{indent}  "
    return [start, *(_mapping(item, below) if isinstance(item, dict) else _list(item, below))]
