"""A call of the file in; the torch object that it names, made with its arguments, out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.types import to_python
from yamlnet.diagnostics import YamlnetError


def target(call: Call) -> Any:
    """The class or function behind a call, imported by the catalogue's dotted path."""
    module, _, name = call.entry.target.rpartition(".")
    return getattr(import_module(module), name)


def arguments(call: Call, device: torch.device | None = None) -> dict[str, Any]:
    """What the file says, as torch takes it; numbers of a `tensor` parameter become a tensor on `device`.

    What the file leaves out is left out here too: torch's own default is the default.
    """
    given = {}
    for name, value in call.arguments.items():
        kind = call.entry.parameters[name].type
        value = to_python(kind, value)
        if isinstance(value, str) and "dtype" in kind:
            value = getattr(torch, value)
        elif "tensor" in kind and isinstance(value, (int, float, list, tuple)):
            value = torch.tensor(value, dtype=torch.float32, device=device)
        given[name] = value
    return given


def construct(call: Call, *supplied: Any, arguments: Mapping[str, Any]) -> Any:
    """The object that the call names; what torch refuses is one line that names the call."""
    try:
        return target(call)(*supplied, **arguments)
    except (TypeError, ValueError) as error:
        raise YamlnetError(
            f"`{call.name}` can't be made with these arguments: {error}", exit_code=1
        ) from error
