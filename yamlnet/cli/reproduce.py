"""`yamlnet reproduce RUN`: trains a run's file again, and says whether it gave the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, Format, FormatOption, Quiet, RunArgument

if TYPE_CHECKING:
    from yamlnet.training.comparison import Comparison

WORDS = {
    "bits": "equal to the bit: every figure, and the weights",
    "tolerance": "equal within the tolerance, not to the bit",
    "different": "different",
}


def reproduce(
    run: RunArgument,
    runs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the new run below this folder.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="The share by which figures may differ; 0: not at all.")
    ] = 0.01,
    allow: Allow = None,
    data_root: DataRoot = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Train a run's file again and compare; exit 4 when the figures differ by more than the tolerance."""
    from yamlnet import reproducing
    from yamlnet.catalog.allowed import allowed
    from yamlnet.cli.train import observer

    with observer(quiet) as watching:
        found = reproducing.reproduce(Path(run), watching, runs, tolerance, allowed(allow or []), data_root)
    if found is None:
        return 0
    if format is Format.json:
        output.write(json.dumps({**dataclasses.asdict(found), "exit_code": found.exit_code}, indent=2))
    else:
        output.write(_text(found))
    return found.exit_code


def _text(found: Comparison) -> str:
    """The verdict, the first difference, and what the two were made with."""
    lines = [f"{found.first_run}: {WORDS[found.verdict]}"]
    if found.first is not None:
        at = found.first
        lines.append(f"  first at step {at.step}: {at.split} {at.figure} was {at.first}, and is {at.second}")
        lines.append(f"  {found.num_differences:,} figures differ")
    elif found.verdict != "bits":
        lines.append("  every recorded figure is equal; the weights differ")
    lines += [f"  {key} was {old}, and is {new}" for key, (old, new) in found.environment.items()]
    if found.verdict != "bits":
        lines += [f"  the run went on {said}" for said in found.settings]
    if found.verdict != "bits" and not found.environment and not found.settings:
        lines.append("  versions, machine, threads, flags and data are the same")
    return "\n".join(lines)
