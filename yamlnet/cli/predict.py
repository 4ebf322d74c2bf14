"""`yamlnet predict RUN INPUT...`: what a run's network makes of images, arrays or rows, a line for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from yamlnet.cli import answers, output, written
from yamlnet.cli.evaluate import Which
from yamlnet.cli.options import Allow, Format, FormatOption, Quiet, RunArgument, Set
from yamlnet.diagnostics import YamlnetError


def predict(
    run: RunArgument,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Image files, .npy files (one sample or a batch), or tables for a run on a table; "
            "- reads any of these from standard input.",
        ),
    ],
    which: Annotated[
        Which, typer.Option(help="The best weights that training found, or the last.")
    ] = Which.best,
    top: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Show the K most probable classes, not one.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write everything to a file instead: .npy, .npz, .csv or .jsonl.",
        ),
    ] = None,
    set: Set = None,
    allow: Allow = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Show the classes and probabilities, else the outputs, that a run's network gives for files."""
    from yamlnet import predicting
    from yamlnet.catalog.allowed import allowed

    _refuse_mixtures(top, to, format)
    if to is not None:
        written.refuse_ending(to)
    tell = (lambda note: None) if quiet else output.note
    found = predicting.predict(Path(run), inputs, which.value, set or [], allowed(allow or []), tell)
    predicted = found.samples
    if not quiet:
        output.doubts(found.doubts)
    if not quiet and (to is not None or format is not Format.json):
        output.tell(f"{run}: {found.weights}")
    if to is not None:
        written.write(predicted, to)
        return 0
    if format is Format.json:
        output.write(json.dumps([answers.as_plain(each) for each in predicted], indent=2, allow_nan=False))
        return 0
    width = max(len(str(each.origin)) for each in predicted)
    lines = (f"{each.origin!s:<{width}}  {answers.as_line(each, top or 1)}" for each in predicted)
    output.write("\n".join(lines))
    return 0


def _refuse_mixtures(top: int | None, to: Path | None, format: Format) -> None:
    """Raises YamlnetError for options of which one would do nothing."""
    if to is not None and format is not Format.text:
        message = "`--format` is for what is printed: the ending of `--output` says a file's"
        raise YamlnetError(message, exit_code=2)
    if top is not None and (to is not None or format is not Format.text):
        raise YamlnetError("`--top` is for text: files and JSON have every class", exit_code=2)
