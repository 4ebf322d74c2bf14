"""`yamlnet list [KIND]`: the names that a file may use."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from yamlnet.catalog.entry import KINDS, Entry
from yamlnet.cli import output
from yamlnet.cli.options import Format, FormatOption

Kinds = Annotated[str | None, typer.Argument(metavar="[KIND]", help="One of: " + ", ".join(KINDS) + ".")]


def list_names(kind: Kinds = None, format: FormatOption = Format.text) -> int:
    """List the names that a file may use, with their parameters."""
    from yamlnet.catalog import lookup
    from yamlnet.diagnostics import YamlnetError, did_you_mean

    known = {name: name for name in KINDS} | {f"{name}s": name for name in KINDS}
    if kind is not None and kind not in known:
        help, _ = did_you_mean(kind, KINDS)
        raise YamlnetError(f"there is no kind `{kind}`", help, exit_code=2)
    kinds = KINDS if kind is None else (known[kind],)
    entries = [entry for one in kinds for name in lookup.names(one) if (entry := lookup.find(name, one))]
    if format is Format.json:
        output.write(json.dumps([_as_dict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return 0
    width = max(len(entry.name) for entry in entries)
    for one in kinds:
        lines = [f"{entry.name:<{width}}  {entry.summary}".rstrip() for entry in entries if entry.kind == one]
        output.write(
            "\n".join(([f"{one}:"] if kind is None else []) + lines) + ("\n" if kind is None else "")
        )
    return 0


def _as_dict(entry: Entry) -> dict[str, object]:
    parameters = [
        {
            "name": parameter.name,
            "type": parameter.type,
            "required": parameter.required,
            "inferred": parameter.inferred is not None,
            **({} if parameter.required or parameter.inferred else {"default": parameter.default}),
        }
        for parameter in entry.options.values()
    ]
    return {
        "name": entry.name,
        "kind": entry.kind,
        "torch": entry.target or None,
        "summary": entry.summary,
        "parameters": parameters,
    }
