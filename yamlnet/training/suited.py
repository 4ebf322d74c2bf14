"""A loss and what was found of the network -> mistakes in what arrives at it: probabilities, raw numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.losses import loss_of
from yamlnet.catalog.scales import WANTED, advice, cannot_run, refuses
from yamlnet.diagnostics import Mistake
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, Source
from yamlnet.language.nodes import Expression
from yamlnet.network.formula import compute
from yamlnet.network.found import Shapes
from yamlnet.network.probe import BATCH
from yamlnet.network.scale import Found, Scales


def judge(experiment: Experiment, shapes: Shapes) -> Iterator[Mistake]:
    """Losses of numbers on another scale than they are meant for: `CrossEntropyLoss` after a `Softmax`."""
    scales: Scales | None = None
    terms = experiment.loss.terms.values() if experiment.loss is not None else ()
    for term in terms:
        if term.call is not None and loss_of(term.call) in WANTED:
            scales = scales or Scales(shapes)
            found = _found(scales, term.inputs[0], shapes.output)
            if found is not None and refuses(term.call, found.scale):
                yield _unsuited(term.call, found)


def judged(name: str, output: Any) -> Any:
    """The value of an output's part, such as `output.heads.0`; None where it isn't of the output."""
    first, *parts = name.split(".")
    if first != "output":
        return None
    for part in parts:
        output = output[int(part) if part.isdigit() and not isinstance(output, dict) else part]
    return output


def _found(scales: Scales, source: Source, output: Any) -> Found | None:
    if not isinstance(source, Expression):
        return scales.of(judged(source, output))
    formula = source.formula
    values = [judged(name, output) for name in formula.names]
    if any(value is None for value in values):
        return None
    return scales.of_result(
        lambda *given: compute(formula, dict(zip(formula.names, given, strict=True)), BATCH), values
    )


def _unsuited(call: Call, found: Found) -> Mistake:
    word = "this" if found.path is None else f"`{found.word}`"
    message = f"`{call.name}` takes {WANTED[loss_of(call)]}, and {word} gives {found.scale}"
    place = f"its `{found.module}` gives" if found.module else "gives"
    related = () if found.path is None else ((found.path, f"{place} {found.scale}"),)
    return Mistake(
        "loss-mismatch",
        call.path,
        message,
        advice(call, found.scale, found.word),
        severity="error" if cannot_run(call, found.scale) else "warning",
        at=name_place(call.path, call.name),
        related=related,
    )
