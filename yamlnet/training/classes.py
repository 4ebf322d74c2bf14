"""A metric of classes, and a prediction and target to be compared, in; what kind of classes they are out.

The three kinds are torchmetrics' tasks: `binary` (one number for each sample), `multiclass` (one for each
class, or the class itself) and `multilabel` (one for each of several yes-or-no questions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.losses import OF_VALUES, loss_of
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, Source
from yamlnet.language.nodes import Expression

Task = Literal["binary", "multiclass", "multilabel"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "multilabel")
PACKAGE = "torchmetrics.classification."


@dataclass(frozen=True)
class Classes:
    """The task, and the number of classes or labels."""

    task: Task
    count: int


def compares_classes(call: Call) -> bool:
    """Whether a metric is one of classes."""
    return "task" in call.entry.parameters or call.entry.target.startswith(PACKAGE)


def classes_of(call: Call, prediction: Tensor, target: Tensor, num_classes: int | None) -> Classes:
    """What the file says, else what follows from the shapes; `num_classes` is the data's.

    Raises:
        YamlnetError: predictions are classes, and nothing says how many there are.
    """
    task = _said(call) or _seen(prediction, target)
    if task == "binary":
        return Classes(task, 2)
    said = call.arguments.get("num_classes" if task == "multiclass" else "num_labels")
    if said is not None:
        return Classes(task, int(said))
    if prediction.dim() > 1 and (prediction.is_floating_point() or task == "multilabel"):
        return Classes(task, prediction.shape[1])
    if num_classes is None:
        raise YamlnetError(
            f"`{call.name}` needs classes, and this data has none",
            help="`num_classes` of the metric says how many there are",
            exit_code=1,
        )
    return Classes(task, num_classes)


def _said(call: Call) -> Task | None:
    name = call.entry.target.rpartition(".")[2].lower()
    by_name = next((task for task in TASKS if name.startswith(task)), None)
    said: Task | None = call.arguments.get("task")
    return said or by_name


def _seen(prediction: Tensor, target: Tensor) -> Task:
    if prediction.dtype == torch.bool:
        return "binary"
    if not prediction.is_floating_point():
        return "multiclass"
    if prediction.dim() == 1 or prediction.shape[1] == 1:
        return "binary"
    return "multilabel" if prediction.shape == target.shape else "multiclass"


def are_logits(loss: Loss | None, source: Source) -> bool:
    """Whether numbers for classes are logits: not those of an expression, nor what a loss makes 0 or 1."""
    if isinstance(source, Expression):
        return False
    terms = () if loss is None else loss.terms.values()
    calls = [term.call for term in terms if term.call is not None and term.inputs[0] == source]
    return not any(loss_of(call) in OF_VALUES for call in calls)


def as_probabilities(prediction: Tensor, task: Task) -> Tensor:
    """Logits as probabilities."""
    return prediction.softmax(1) if task == "multiclass" else prediction.sigmoid()
