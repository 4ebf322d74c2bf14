"""`yamlnet predict RUN INPUT...`: what a run's network makes of images, arrays or rows, a line for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yamlnet.cli import output
from yamlnet.cli.evaluate import Which
from yamlnet.cli.options import Allow, Format, FormatOption, Quiet, RunArgument, Set

if TYPE_CHECKING:
    from yamlnet.training.predict import Answer, Predicted

SHOWN = 8
"""How many numbers of an output a line has."""


def predict(
    run: RunArgument,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Image files, .npy files (one sample or a batch), or tables for a run on a table.",
        ),
    ],
    which: Annotated[
        Which, typer.Option(help="The best weights that training found, or the last.")
    ] = Which.best,
    top: Annotated[int, typer.Option(metavar="K", min=1, help="Show the K most probable classes.")] = 1,
    set: Set = None,
    allow: Allow = None,
    format: FormatOption = Format.text,
    quiet: Quiet = False,
) -> int:
    """Show the classes and probabilities, else the outputs, that a run's network gives for files."""
    from yamlnet import api

    predicted = api.predict(run, inputs, which.value, set or [], allow or [])
    if format is Format.json:
        output.write(json.dumps([_as_json(each) for each in predicted], indent=2, allow_nan=False))
        return 0
    if not quiet:
        output.tell(f"{run}: {which.value} weights")
    width = max(len(str(each.origin)) for each in predicted)
    output.write("\n".join(f"{each.origin!s:<{width}}  {_line(each, top)}" for each in predicted))
    return 0


def _line(predicted: Predicted, top: int) -> str:
    answers = predicted.answers
    if list(answers) == ["output"]:
        return _words(answers["output"], top)
    return "; ".join(f"{_short(name)}: {_words(answer, top)}" for name, answer in answers.items())


def _short(name: str) -> str:
    return name.removeprefix("output.")


def _words(answer: Answer, top: int) -> str:
    """`cat 0.93`: the best classes, the labels that hold, or the first numbers of an output."""
    if answer.kind == "values":
        return _numbers(answer)
    best = answer.best(top if answer.kind == "classes" else len(answer.values))
    if answer.kind == "labels":
        best = [(name, probability) for name, probability in best if probability >= 0.5]
    return ", ".join(f"{name} {probability:.3f}" for name, probability in best) or "none"


def _numbers(answer: Answer) -> str:
    values = answer.values
    shape = f"{list(values.shape)} " if values.dim() > 1 or values.numel() > SHOWN else ""
    shown = " ".join(f"{value:.4g}" for value in values.flatten()[:SHOWN].tolist())
    return shape + shown + (" ..." if values.numel() > SHOWN else "")


def _as_json(predicted: Predicted) -> dict[str, Any]:
    place = {"input": predicted.origin.file, "row": predicted.origin.row}
    answers = predicted.answers
    if list(answers) == ["output"]:
        return {**place, **_answer(answers["output"])}
    return {**place, "outputs": {_short(name): _answer(answer) for name, answer in answers.items()}}


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.kind == "values":
        return {"output": output.finite(answer.values.tolist())}
    probabilities = output.finite(answer.values.tolist())
    if answer.kind == "labels":
        holding = [answer.name(i) for i, value in enumerate(answer.values.tolist()) if value >= 0.5]
        return {"classes": holding, "probabilities": probabilities}
    [(name, probability)] = answer.best(1)
    return {"class": name, "probability": output.finite(probability), "probabilities": probabilities}
