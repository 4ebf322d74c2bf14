"""`yamlnet summary FILE`: the table of layers and the totals, or the parameters, or what initialises them."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, FileArgument, Quiet, Set
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from yamlnet.network.table import Summary


class SummaryFormat(StrEnum):
    """How the table is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


FormatOption = Annotated[SummaryFormat, typer.Option("--format", help="How to print the table.")]
Depth = Annotated[
    int | None,
    typer.Option(
        "--depth",
        min=0,
        metavar="N",
        help="Levels of rows to show, into the layers too. Without it: all that the file says.",
    ),
]
Parameters = Annotated[
    bool, typer.Option("--parameters", help="List every parameter and buffer instead of the layers.")
]
Init = Annotated[
    bool, typer.Option("--init", help="List what initialises which parameters instead of the layers.")
]


def summary(
    file: FileArgument,
    set: Set = None,
    allow: Allow = None,
    data_root: DataRoot = None,
    depth: Depth = None,
    parameters: Parameters = False,
    init: Init = False,
    format: FormatOption = SummaryFormat.text,
    quiet: Quiet = False,
) -> int:
    """Show the network: layers, shapes, parameters, FLOPs and memory."""
    from yamlnet import pipeline
    from yamlnet.catalog.allowed import allowed
    from yamlnet.language import files

    _refuse_mixtures(depth, parameters, init)
    examined = pipeline.examine(files.named(file, data_root), set or [], allow=allowed(allow or []))
    if examined.wrong or not quiet:
        output.diagnostics(examined.diagnostics, examined.checked.texts(), sys.stderr)
    if examined.wrong and (examined.shapes is None or parameters or init):
        return 1
    table = pipeline.summary_of(examined, depth)
    for note in () if quiet or examined.drawn is None else examined.drawn.notes:
        output.note(note)
    if not examined.wrong or table.tree:
        output.write(_printed(table, format, parameters, init))
    return 1 if examined.wrong else 0


def _refuse_mixtures(depth: int | None, parameters: bool, init: bool) -> None:
    """Raises YamlnetError for options of which one would do nothing."""
    if parameters and init:
        raise YamlnetError("`--parameters` and `--init` are two lists: ask for one", exit_code=2)
    if depth is not None and (parameters or init):
        raise YamlnetError("`--depth` is for the table of layers", exit_code=2)


def _printed(table: Summary, format: SummaryFormat, parameters: bool, init: bool) -> str:
    from yamlnet.network import table as tables

    if format is SummaryFormat.json:
        return json.dumps(table.as_dict(), indent=2)
    width = output.width(sys.stdout)
    if parameters or init:
        chosen = tables.parameters if parameters else tables.rules
        return tables.drawn(chosen(table.parameters), format, width)
    return tables.markdown(table) if format is SummaryFormat.markdown else tables.text(table, width)
