"""An entry of the catalogue in; the lines that `explain` prints of it, and its JSON object, out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from yamlnet.catalog.entry import REQUIRED, Entry, Parameter
from yamlnet.catalog.experiments import REFUSED
from yamlnet.catalog.snippets import snippet, value
from yamlnet.catalog.wording import words
from yamlnet.language.calls import ARTICLES
from yamlnet.language.layout import flow, lay_out

PROSE = 88
"""Where prose is broken that isn't for a terminal."""


def as_dict(entry: Entry) -> dict[str, Any]:
    """The object that `list --format json` prints."""
    return {
        "name": entry.name,
        "kind": entry.kind,
        "torch": entry.target or None,
        "summary": entry.summary,
        "parameters": [_parameter(entry, parameter) for parameter in entry.options.values()],
        "positional": None if entry.positional is None else entry.positional.name,
        "inputs": [{"name": p.name, "required": p.default is not None} for p in entry.tensors],
    }


def explained(entry: Entry) -> dict[str, Any]:
    """The object that `explain --format json` prints."""
    document = snippet(entry)
    return {**as_dict(entry), "snippet": None if document is None else lay_out(document)}


def _parameter(entry: Entry, parameter: Parameter) -> dict[str, Any]:
    open_ended = parameter.required or parameter.inferred is not None
    return {
        "name": parameter.name,
        "type": parameter.type,
        "required": parameter.required,
        "inferred": parameter.inferred is not None,
        **({} if open_ended else {"default": parameter.default}),
        "description": words(entry, parameter),
    }


def lines(entry: Entry, width: int | None) -> list[str]:
    """What a person reads: the table's last column, and prose, are broken at the terminal's width."""
    head = [f"{entry.name}: {ARTICLES[entry.kind]}"] + ([entry.target] if entry.target else [])
    return [
        *head,
        *prose(entry.summary, width),
        *_parameters(entry, width),
        *prose(" ".join(_sentences(entry)), width, blank=True),
        "",
        *_example(entry, width),
    ]


def prose(text: str, width: int | None, blank: bool = False) -> list[str]:
    """The text broken into lines; nothing where there is none."""
    return ([""] if blank and text else []) + textwrap.wrap(text, min(width or PROSE, PROSE))


def _parameters(entry: Entry, width: int | None) -> list[str]:
    if not entry.options:
        return ["", "No parameters."]
    rows = [(p.name, _default(p), words(entry, p)) for p in entry.options.values()]
    return ["", "Parameters:", *table(rows, width)]


def table(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The rows in columns, the last broken into lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    found = []
    for *cells, said in rows:
        start = "".join(f"  {cell:<{size}}" for cell, size in zip(cells, widths, strict=True)) + "  "
        room = max(width - len(start), 24) if width is not None else None
        broken = [said] if room is None else textwrap.wrap(said, room)
        found += [start + broken[0], *(" " * len(start) + line for line in broken[1:])]
    return found


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    return "inferred" if parameter.inferred is not None else flow(parameter.default)


def _sentences(entry: Entry) -> list[str]:
    found = []
    positional = entry.positional
    if positional is not None and "module" not in positional.type:
        given = positional.default if positional.default not in (REQUIRED, None) else value(entry, positional)
        found.append(f"`{entry.name}: {flow(given)}` says `{positional.name}`.")
    return found + _sources(entry)


def _sources(entry: Entry) -> list[str]:
    """What `from` brings; an initialiser's tensor is the parameter that it fills."""
    if not entry.tensors or entry.kind == "init":
        return []
    needed = [f"`{tensor.name}`" for tensor in entry.tensors if tensor.default is not None]
    others = [f"`{tensor.name}`" for tensor in entry.tensors if tensor.default is None]
    brings = f"`from` brings {', '.join(needed or others)}"
    if entry.kind in ("loss", "metric"):
        default = ": `[output, target]` when left out" if len(needed) == 2 else ""
    elif entry.tensors[0].role == "tensors":
        default = ", as many as it names"
    else:
        default = ": the node before, when left out" if len(needed) == 1 else ""
    may = f" It may bring {', '.join(others)} too." if needed and others else ""
    return [f"{brings}{default}.{may}"]


def _example(entry: Entry, width: int | None) -> list[str]:
    document = snippet(entry)
    if document is None:
        return prose(f"No example: it {REFUSED[entry.name]}.", width)
    return ["Example:", *(f"  {line}".rstrip() for line in lay_out(document).splitlines())]
