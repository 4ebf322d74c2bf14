"""A loss and what was found of the network -> mistakes in what arrives at it: probabilities, raw numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.catalog.losses import OF_CLASSES, loss_of
from yamlnet.catalog.scales import WANTED, advice, cannot_run, refuses
from yamlnet.diagnostics import Mistake
from yamlnet.language.calls import name_place
from yamlnet.language.draws import terms
from yamlnet.language.experiment import Experiment, Source
from yamlnet.language.names import is_position
from yamlnet.language.nodes import Expression
from yamlnet.network import words
from yamlnet.network.formula import compute
from yamlnet.network.found import Shapes
from yamlnet.network.probe import BATCH
from yamlnet.network.scale import Found, Scales
from yamlnet.network.stretching import in_formula


def judge(experiment: Experiment, shapes: Shapes, facts: Facts) -> Iterator[Mistake]:
    """Losses of numbers on another scale than they are meant for, expressions that mix samples."""
    yield from _scales(experiment, shapes)
    yield from _idle(experiment, shapes, facts)
    for _, term in terms(experiment):
        for source in term.inputs:
            if isinstance(source, Expression):
                yield from _stretched(source, shapes, facts)


def _idle(experiment: Experiment, shapes: Shapes, facts: Facts) -> Iterator[Mistake]:
    """Numbers for more classes than the data has."""
    for term in experiment.loss.terms.values() if experiment.loss is not None else ():
        if term.call is None or loss_of(term.call) not in OF_CLASSES or len(term.inputs) < 2:
            continue
        name, target = term.inputs[:2]
        value = judged(name, shapes.output) if isinstance(name, str) else None
        most = facts.classes_of(target) if isinstance(target, str) and target in facts.targets else None
        if most is None or not isinstance(value, Tensor) or value.dim() != 2 or value.shape[1] <= most:
            continue
        call = term.call
        yield Mistake(
            "loss-mismatch",
            call.path,
            f"the network gives {value.shape[1]:,} numbers, and the data has {most:,} classes",
            "`Linear: $num_classes` follows the data",
            severity="warning",
            at=name_place(call.path, call.name),
            related=words.sources([shapes.makers.get(id(value))], [value]),
        )


def _stretched(source: Expression, shapes: Shapes, facts: Facts) -> Iterator[Mistake]:
    """An operation that sets the batch of one tensor against an axis of one of another."""

    def value(name: str, size: int) -> Any:
        if name not in facts.fields:
            return shapes.probe.batch(size, [judged(name, shapes.output)], {})[0][0]
        field = facts.fields[name]
        return torch.zeros((size, *(field.shape or ())), dtype=getattr(torch, field.dtype))

    names = source.formula.names
    if any(name in facts.fields and facts.fields[name].shape is None for name in names):
        return
    found = in_formula(source.formula, lambda size: {name: value(name, size) for name in names})
    if found is not None:
        part = (found.start, found.end)
        wrong = words.stretched(None, source.path, found.shapes, found.wide, part)
        yield replace(wrong, code="loss-mismatch", worked_out=True)


def _scales(experiment: Experiment, shapes: Shapes) -> Iterator[Mistake]:
    """Such as `CrossEntropyLoss` after a `Softmax`."""
    scales: Scales | None = None
    for term in experiment.loss.terms.values() if experiment.loss is not None else ():
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
        output = output[int(part) if is_position(part) and not isinstance(output, dict) else part]
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
