"""A value in; how YAML writes it, short enough for a message, out."""

from __future__ import annotations

import json
from typing import Any


def show(value: Any) -> str:
    """A value as YAML writes it, short enough for a message."""
    text = whole(value)
    return text if len(text) <= 60 else text[:57] + "..."


def whole(value: Any) -> str:
    """The same however long it is: what is offered to be written."""
    return _flow(value).replace("\n", " ")


def _flow(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False, default=str)


def kind_of(value: Any) -> str:
    """`the text`, `a list`, ... : what a value is, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{show(value)}`"
    if isinstance(value, str):
        return f"the text `{show(value)}`"
    if isinstance(value, dict):
        return "a mapping"
    return f"the list `{show(value)}`" if isinstance(value, list) else f"`{show(value)}`"
