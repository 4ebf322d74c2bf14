"""`yamlnet summary FILE`: the table of layers, with the totals."""

from __future__ import annotations

import json
import sys

from yamlnet.cli import output
from yamlnet.cli.options import Allow, FileArgument, Format, FormatOption, Quiet, Set


def summary(
    file: FileArgument,
    set: Set = None,
    allow: Allow = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Show the network: layers, shapes, parameters, FLOPs and memory."""
    from yamlnet import pipeline
    from yamlnet.catalog.allowed import allowed
    from yamlnet.language import files

    examined = pipeline.examine(files.read(file), set or [], allow=allowed(allow or []))
    if not quiet and not examined.wrong:
        output.diagnostics(examined.diagnostics, examined.checked.texts(), sys.stderr)
    table = pipeline.summary_of(examined)
    for note in () if quiet or examined.drawn is None else examined.drawn.notes:
        output.note(note)
    output.write(json.dumps(table.as_dict(), indent=2) if format is Format.json else str(table))
    return 0
