"""`yamlnet check FILE...`: every mistake in the files, without their data and without a device."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from yamlnet.catalog.allowed import Allowed
from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, Quiet, Set
from yamlnet.diagnostics import ConfigError, Diagnostic, YamlnetError

UNSEEN = "but for shapes that only the data tell"
"""What is left to be seen of a network whose inputs aren't known yet."""


class CheckFormat(StrEnum):
    """How diagnostics are printed."""

    text = "text"
    oneline = "oneline"
    json = "json"
    github = "github"
    sarif = "sarif"


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="YAML files; `-` is standard input.")],
    set: Set = None,
    allow: Allow = None,
    data_root: DataRoot = None,
    format: Annotated[
        CheckFormat, typer.Option("--format", help="How to print the mistakes.")
    ] = CheckFormat.text,
    quiet: Quiet = False,
) -> int:
    """Find every mistake in the files, without their data and without a device."""
    from yamlnet import __version__
    from yamlnet.catalog.allowed import allowed
    from yamlnet.language import render, sarif

    permitted = allowed(allow or [])
    found: list[Diagnostic] = []
    code = 0
    for file in files:
        try:
            diagnostics = _one(file, set or [], permitted, data_root, format, quiet)
        except YamlnetError as error:
            output.complain(error)
            code = max(code, error.exit_code)
            continue
        found += diagnostics
        if any(diagnostic.severity == "error" for diagnostic in diagnostics):
            code = max(code, 1)
    found.sort(key=lambda diagnostic: (diagnostic.span, diagnostic.code))
    printers: dict[CheckFormat, Callable[[Sequence[Diagnostic]], str]] = {
        CheckFormat.json: render.as_json,
        CheckFormat.oneline: render.as_oneline,
        CheckFormat.github: render.as_github,
        CheckFormat.sarif: partial(sarif.as_sarif, version=__version__),
    }
    if format in printers:
        output.write(printers[format](found))
    return code


def _one(
    file: str, options: Sequence[str], allow: Allowed, data_root: DataRoot, format: CheckFormat, quiet: bool
) -> Sequence[Diagnostic]:
    from yamlnet import pipeline
    from yamlnet.language import files, render

    whole = True
    try:
        examined = pipeline.examine(files.named(file, data_root), options, allow=allow)
    except ConfigError as error:
        found, texts = error.diagnostics, {}
    else:
        found, texts = list(examined.diagnostics), dict(examined.checked.texts())
        whole = examined.shapes is not None and examined.shapes.complete
    if quiet:
        found = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    if format is CheckFormat.text:
        output.diagnostics(found, texts, sys.stdout)
        wrong = any(diagnostic.severity == "error" for diagnostic in found)
        if wrong or not quiet:
            fine = "ok" if whole else f"ok, {UNSEEN}"
            verdict = render.counts(found) if wrong else ", ".join(filter(None, [fine, render.counts(found)]))
            output.write(f"{render.printable('<stdin>' if file == '-' else file)}: {verdict}")
    return found
