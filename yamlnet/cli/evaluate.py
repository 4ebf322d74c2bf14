"""`yamlnet evaluate RUN`: the metrics of a run's weights on a split, or on another data set."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from yamlnet.cli import output
from yamlnet.cli.options import Allow, DataRoot, Format, FormatOption, Quiet, RunArgument, Set


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
    from yamlnet import api
    from yamlnet.cli.train import figure

    evaluated = api.evaluate(run, split.value, which.value, set or [], allow or [], data_root)
    if format is Format.json:
        output.write(json.dumps(output.finite(evaluated), indent=2, allow_nan=False))
        return 0
    if not quiet:
        output.tell(f"{run}: {which.value} weights, {split.value} split")
    width = max(len(name) for name in evaluated)
    output.write("\n".join(f"{name:<{width}}  {figure(value)}" for name, value in evaluated.items()))
    return 0
