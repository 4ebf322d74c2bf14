"""A checked experiment and its network's output -> the mistakes in loss and metrics.

Each is made and tried on a small batch of zeros, as the network is: what torch would refuse in the first
step is refused before the data is read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, Path, YamlnetError, did_you_mean, plural
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, Loss, MetricTerm
from yamlnet.network.found import Shapes
from yamlnet.network.probe import BATCH
from yamlnet.network.words import shape
from yamlnet.training.meter import meter
from yamlnet.training.objective import ELEMENTWISE, objective, picks

CPU = torch.device("cpu")
CLASS_LOSSES = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
MEAN_ERRORS = ("MeanSquaredError", "MeanAbsoluteError")


def judge(experiment: Experiment, shapes: Shapes, facts: Facts | None) -> list[Mistake]:
    """Tries loss and metrics on what was found of the network."""
    mistakes: list[Mistake] = []
    if facts is None or not shapes.complete:
        return mistakes
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        batch = {name: _zeros(field.shape, field.dtype) for name, field in facts.fields.items()}
        given = shapes.probe.batch(BATCH, [shapes.output], {})[0][0]
        if experiment.loss is not None:
            mistakes += _loss(experiment.loss, given, batch, facts)
        for name, term in experiment.metrics.items():
            mistakes += _metric(name, term, given, batch, facts)
    return mistakes


def _zeros(sizes: Sequence[int], dtype: str) -> Tensor:
    return torch.zeros((BATCH, *sizes), dtype=getattr(torch, dtype))


def _loss(section: Loss, output: Any, batch: Mapping[str, Tensor], facts: Facts) -> list[Mistake]:
    values, mistakes = _inputs(section.inputs, ("loss",), section.call, output, batch)
    if mistakes:
        return mistakes
    wrong = _unequal(section.call, section.inputs, values) or _classes(section, values, facts)
    if wrong is not None:
        return [wrong]
    return _tried(section.call, values, lambda: objective(section, CPU).loss(output, batch))


def _unequal(call: Call, names: Sequence[str], values: Sequence[Tensor]) -> Mistake | None:
    """Two tensors that are compared number by number and haven't equal shapes."""
    if call.name not in (*ELEMENTWISE, *MEAN_ERRORS) or values[0].shape == values[1].shape:
        return None
    arrive = " and ".join(f"`{name}` is {shape(value)}" for name, value in zip(names, values, strict=False))
    return _at(call, "loss-mismatch", f"`{call.name}` compares equal shapes, but {arrive}")


def _classes(section: Loss, values: Sequence[Tensor], facts: Facts) -> Mistake | None:
    """Fewer numbers than there are classes, or numbers in more axes than the target has."""
    call, given, target = section.call, values[0], values[1]
    num_classes = facts.classes_of(section.inputs[1])
    if call.name not in CLASS_LOSSES or section.inputs[1] not in facts.targets or num_classes is None:
        return None
    if target.dim() == 1 and given.dim() != 2:
        message = f"`{call.name}` takes one number for each class, and {shape(given)} arrives"
        return _at(call, "loss-mismatch", message, "`Flatten` before the last `Linear` gives it a vector")
    if given.shape[1] >= num_classes:
        return None
    message = f"the network gives {plural(given.shape[1], 'number')}, and the data has {num_classes} classes"
    return _at(call, "loss-mismatch", message, "`Linear: $num_classes` follows the data")


def _metric(
    name: str, term: MetricTerm, output: Any, batch: Mapping[str, Tensor], facts: Facts
) -> list[Mistake]:
    values, mistakes = _inputs(term.inputs, ("metrics", name), term.call, output, batch)
    if mistakes:
        return mistakes
    wrong = _unequal(term.call, term.inputs, values)
    if wrong is not None:
        return [wrong]

    def run() -> None:
        unread = 2 if facts.train is None else None
        counted = meter({name: term}, facts.most_classes or unread, 0.0, CPU)
        counted.add(output, batch)
        counted.compute()

    return _tried(term.call, values, run)


def _tried(call: Call, values: Sequence[Any], run: Callable[[], object]) -> list[Mistake]:
    try:
        run()
    except YamlnetError as error:
        text = error.message
    except Exception as error:  # whatever torch raises here is its judgement
        text = str(error).strip().split("\n")[0]
    else:
        return []
    text = re.sub(rf"\[{BATCH}(?:, )?", "[", text).rstrip(".")
    shapes = " and ".join(shape(value) for value in values)
    words = "" if re.search(rf"\b{BATCH}\b", text) else f": {text}"
    return [_at(call, "loss-mismatch", f"`{call.name}` can't take {shapes}{words}")]


def _inputs(
    names: Sequence[str], path: Path, call: Call, output: Any, batch: Mapping[str, Tensor]
) -> tuple[list[Any], list[Mistake]]:
    values: list[Any] = []
    for position, (name, pick) in enumerate(zip(names, picks(names), strict=True)):
        place = (*path, "from", position)
        try:
            value = pick(output, batch)
        except (KeyError, IndexError, TypeError):
            parts = [f"output.{key}" for key in output] if isinstance(output, Mapping) else []
            help, suggestion = did_you_mean(name, parts)
            message = f"the model's output {shape(output)} has no part `{name}`"
            return [], [Mistake("unknown-reference", place, message, help, suggestion)]
        if not isinstance(value, Tensor):
            part = next(iter(value)) if isinstance(value, Mapping) else 0
            message = f"`{name}` is {shape(value)}, and `{call.name}` takes one tensor"
            help = f"name a part: `from: [{name}.{part}, {', '.join(names[1:])}]`"
            return [], [_at(call, "loss-mismatch", message, help)]
        values.append(value)
    return values, []


def _at(call: Call, code: str, message: str, help: str | None = None) -> Mistake:
    return Mistake(code, call.path, message, help, at=name_place(call.path, call.name))
