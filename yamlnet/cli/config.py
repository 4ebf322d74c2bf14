"""`yamlnet config FILE`: the whole document, every default filled in and every expression worked out."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, FileArgument, Format, FormatOption, Quiet, Set


def config(
    file: FileArgument,
    set: Set = None,
    allow: Allow = None,
    data_root: DataRoot = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="KEY", help="One value, such as train.epochs, and where it came from."
        ),
    ] = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Print the document with every default and every expression in it."""
    from yamlnet import pipeline
    from yamlnet.catalog.allowed import allowed
    from yamlnet.diagnostics import ConfigError
    from yamlnet.language import check as language
    from yamlnet.language import files, render, resolve
    from yamlnet.language.dump import dump

    text, permitted = files.named(file, data_root), allowed(allow or [])
    checked = language.check(text, set or [], allow=permitted)
    if checked.wrong:
        raise ConfigError(checked.diagnostics, render.as_text(checked.diagnostics, checked.texts()).rstrip())
    if not quiet:
        output.diagnostics(checked.diagnostics, checked.texts(), sys.stderr)
    if resolve.waits_for_data(checked):
        examined = pipeline.examine(text, set or [], allow=permitted)
        checked = pipeline.with_data(examined)[0].checked
    if explain is None:
        document = resolve.resolved(checked)
        output.write(
            json.dumps(document, indent=2, ensure_ascii=False) if format is Format.json else dump(document)
        )
        return 0
    value, origin = resolve.explain(checked, explain)
    if format is Format.json:
        output.write(json.dumps({"key": explain, "value": value, "origin": origin}, ensure_ascii=False))
    else:
        output.write(f"{explain}: {json.dumps(value, ensure_ascii=False)}\n  from {origin}")
    return 0
