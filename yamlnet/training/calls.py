"""A call of the file in; the torch object that it names, made with its arguments, out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError
from yamlnet.network.construct import target_of


def construct(call: Call, *supplied: Any, arguments: Mapping[str, Any]) -> Any:
    """The object that the call names; what torch refuses is one line that names the call."""
    try:
        return target_of(call.entry.target)(*supplied, **arguments)
    except (TypeError, ValueError) as error:
        raise YamlnetError(
            f"`{call.name}` can't be made with these arguments: {error}", exit_code=1
        ) from error
