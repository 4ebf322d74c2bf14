"""`yamlnet list [KIND]`: the names that a file may use."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from yamlnet.catalog.entry import KINDS, Entry, Kind
from yamlnet.cli import output
from yamlnet.cli.options import Format, FormatOption
from yamlnet.diagnostics import CODES, YamlnetError, did_you_mean

Kinds = Annotated[str | None, typer.Argument(metavar="[KIND]", help="One of: " + ", ".join(KINDS) + ".")]

PLURALS = {f"{kind}es" if kind.endswith("s") else f"{kind}s": kind for kind in KINDS}


def list_names(kind: Kinds = None, format: FormatOption = Format.text) -> int:
    """List the names that a file may use; `yamlnet explain NAME` shows one with its parameters."""
    from yamlnet.catalog import lookup
    from yamlnet.cli.entries import as_dict

    known: dict[str, Kind] = {one: one for one in KINDS} | PLURALS
    if kind is not None and kind not in known:
        raise _unknown(kind)
    kinds = KINDS if kind is None else (known[kind],)
    entries = [entry for one in kinds for name in lookup.names(one) if (entry := lookup.find(name, one))]
    if format is Format.json:
        output.write(json.dumps([as_dict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return 0
    parts = [_table(one, [entry for entry in entries if entry.kind == one], kind is None) for one in kinds]
    output.write("\n\n".join(parts))
    return 0


def _table(kind: Kind, entries: list[Entry], headed: bool) -> str:
    """A line for each name with its summary, cut to the terminal's width, where it is one."""
    width = output.width(sys.stdout)
    column = max(len(entry.name) for entry in entries)
    lines = [_cut(f"{entry.name:<{column}}  {entry.summary}".rstrip(), width) for entry in entries]
    return "\n".join([f"{kind} ({len(entries)}):", *lines] if headed else lines)


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else line[: max(width - 1, 0)].rstrip() + "…"


def _unknown(kind: str) -> YamlnetError:
    """The error for what is no kind: mostly a name."""
    from yamlnet.catalog import lookup
    from yamlnet.language.words import WORDS

    if lookup.kinds_of(kind) or kind in WORDS or kind in CODES:
        help: str | None = f"`yamlnet explain {kind}` explains it"
    else:
        help, _ = did_you_mean(kind, KINDS)
    return YamlnetError(f"there is no kind `{kind}`", help, exit_code=2)
