"""`yamlnet evaluate RUN`: the metrics of a run's weights on a split, or on another data set."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, Format, FormatOption, Quiet, RunArgument, Set

if TYPE_CHECKING:
    from yamlnet.evaluating import Evaluated


class Split(StrEnum):
    """A part of the data."""

    train = "train"
    validation = "validation"
    test = "test"


class Which(StrEnum):
    """Which weights of a run."""

    best = "best"
    last = "last"


def evaluate(
    run: RunArgument,
    split: Annotated[Split, typer.Option(help="The part of the data.")] = Split.test,
    which: Annotated[
        Which, typer.Option(help="The best weights that training found, or the last.")
    ] = Which.best,
    set: Set = None,
    allow: Allow = None,
    data_root: DataRoot = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Measure a run's weights on a split of its data; --set data.dataset=... measures on other data."""
    from yamlnet import evaluating
    from yamlnet.catalog.allowed import allowed
    from yamlnet.cli.train import figure

    found = evaluating.evaluate(
        Path(run), split.value, which.value, set or [], allowed(allow or []), data_root
    )
    if not quiet:
        output.doubts(found.doubts)
    if format is Format.json:
        output.write(json.dumps(_plain(found), indent=2, allow_nan=False))
        return 0
    if not quiet:
        output.tell(f"{run}: {found.weights}, {split.value} split")
    figures = {**found.figures, "num_samples": found.num_samples}
    width = max(len(name) for name in figures)
    output.write("\n".join(f"{name:<{width}}  {figure(value)}" for name, value in figures.items()))
    return 0


def _plain(found: Evaluated) -> dict[str, Any]:
    """The figures by name, of how many samples and of which step they are, and what speaks against them."""
    return {
        **output.finite(found.figures),
        "num_samples": found.num_samples,
        "step": found.weights.step,
        "warnings": [dataclasses.asdict(doubt) for doubt in found.doubts],
    }
