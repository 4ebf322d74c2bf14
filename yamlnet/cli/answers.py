"""What a network predicts for a sample in; a line for people, or plain data for programs, out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamlnet.cli.output import finite

if TYPE_CHECKING:
    from torch import Tensor

    from yamlnet.training.answers import Answer
    from yamlnet.training.predict import Predicted

SHOWN = 8
"""How many numbers of an output a line has."""


def as_line(predicted: Predicted, top: int) -> str:
    """`cat 0.93`; of several outputs each with its name."""
    answers = predicted.answers
    if list(answers) == ["output"]:
        return _words(answers["output"], top)
    return "; ".join(f"{short(name)}: {_words(answer, top)}" for name, answer in answers.items())


def short(name: str) -> str:
    """The name of an output as the file has it."""
    return name.removeprefix("output.")


def _words(answer: Answer, top: int) -> str:
    """The best classes, the labels that hold, or the first numbers of an output; of a map classes' shares."""
    if answer.kind == "values":
        return _numbers(answer.values)
    shape = ""
    if answer.is_map:
        shape, best = f"{list(answer.values.shape[1:])} ", answer.shares(max(top, SHOWN))
    else:
        best = answer.best(top if answer.kind == "classes" else len(answer.values))
        if answer.kind == "labels":
            best = [(name, probability) for name, probability in best if probability >= 0.5]
    return shape + (", ".join(f"{name} {number:.3f}" for name, number in best) or "none")


def _numbers(values: Tensor) -> str:
    shape = f"{list(values.shape)} " if values.dim() > 1 or values.numel() > SHOWN else ""
    shown = " ".join(f"{value:.4g}" for value in values.flatten()[:SHOWN].tolist())
    return shape + shown + (" ..." if values.numel() > SHOWN else "")


def as_plain(predicted: Predicted) -> dict[str, Any]:
    """Where a sample comes from, and its answer: of several outputs each under its name in `outputs`."""
    place = {"input": predicted.origin.file, "row": predicted.origin.row}
    answers = predicted.answers
    if list(answers) == ["output"]:
        return {**place, **_plain(answers["output"])}
    return {**place, "outputs": {short(name): _plain(answer) for name, answer in answers.items()}}


def _plain(answer: Answer) -> dict[str, Any]:
    if answer.kind == "values":
        return {"output": finite(answer.values.tolist())}
    if answer.is_map:
        chosen = answer.chosen if answer.kind == "classes" else answer.chosen.int()
        best = answer.values.amax(0) if answer.kind == "classes" else answer.values
        names = {"names": list(answer.names)} if answer.names else {}
        return {"classes": chosen.tolist(), **names, "probabilities": finite(best.tolist())}
    probabilities = finite(answer.values.tolist())
    if answer.kind == "labels":
        holding = [answer.name(i) for i, holds in enumerate(answer.chosen.tolist()) if holds]
        return {"classes": holding, "probabilities": probabilities}
    [(name, probability)] = answer.best(1)
    return {"class": name, "probability": finite(probability), "probabilities": probabilities}
