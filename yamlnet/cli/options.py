"""The arguments and options that several commands take."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="An experiment's YAML file; `-` is standard input.")
]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, such as runs/NAME/1 or runs/NAME/latest.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one value, such as train.epochs=3. Repeatable."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="PACKAGE",
        help="Let the file name layers, data sets and more of this package, and run its code. Repeatable.",
    ),
]
DataRoot = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help="Let paths in the file lead into this folder too, beside the file's own. Repeatable.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


class Format(StrEnum):
    """How a result is printed."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
