"""A metric of the file, and an example of what it compares, in; its accumulator, over nothing yet, out.

What sums and counts are enough for is counted here; all else is torchmetrics', which is imported only then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError
from yamlnet.training.classes import Classes, as_probabilities, classes_of, compares_classes
from yamlnet.training.delegate import Delegate
from yamlnet.training.metrics import AVERAGES, Accumulator, Confusion, Determination, Mean, MeanError, TopK
from yamlnet.training.neighbours import Neighbours

COUNTED = ("Accuracy", "F1Score", "Precision", "Recall")
ERRORS: Mapping[str, int] = {"MeanAbsoluteError": 1, "MeanSquaredError": 2}


def accumulator(
    call: Call, inputs: Sequence[Tensor], num_classes: int | None, logits: bool, device: torch.device
) -> Accumulator:
    """The metric for inputs like these; `logits` tells that the first holds them, not probabilities.

    Raises:
        YamlnetError: the metric can't take them, or torchmetrics is needed and isn't there.
    """
    if compares_classes(call):
        return _of_classes(call, inputs, num_classes, logits, device)
    if call.name in (*ERRORS, "R2Score") and _are_defaults(call, set(call.arguments)):
        dtype = _widest(device)
        if call.name in ERRORS:
            return MeanError(ERRORS[call.name], torch.zeros(2, dtype=dtype, device=device))
        outputs = inputs[0][0].numel()
        return Determination(torch.zeros(4, outputs, dtype=dtype, device=device))
    if call.name == "KNNAccuracy":
        return Neighbours(call.with_defaults()["k"], device)
    filled = {}
    if "num_classes" in call.entry.parameters:
        scores = inputs[0].dim() > 1 and inputs[0].is_floating_point()
        filled["num_classes"] = inputs[0].shape[1] if scores else num_classes
    return Delegate(call, filled, lambda *tensors: tensors, device)


def mean(device: torch.device) -> Accumulator:
    """The mean of one number for each sample."""
    return Mean(torch.zeros(2, dtype=_widest(device), device=device))


def _widest(device: torch.device) -> torch.dtype:
    """The dtype of sums."""
    return torch.float32 if device.type == "mps" else torch.float64


def _of_classes(
    call: Call, inputs: Sequence[Tensor], num_classes: int | None, logits: bool, device: torch.device
) -> Accumulator:
    kind = classes_of(call, inputs[0], inputs[1], num_classes)
    top_k = call.arguments.get("top_k") or 1
    if top_k > kind.count:
        message = f"`top_k` of `{call.name}` is {top_k}, and there are {kind.count} classes"
        raise YamlnetError(message, exit_code=1)
    if kind.task != "multilabel" and call.name in COUNTED and _is_counted(call, top_k):
        return _counted(call, kind, logits, device, top_k)
    filled: dict[str, Any] = {"task": kind.task, "num_classes": kind.count, "num_labels": kind.count}
    if kind.task == "binary":
        del filled["num_classes"]
    parameters = call.entry.parameters
    given = {name: value for name, value in filled.items() if name in parameters}

    def prepare(prediction: Tensor, target: Tensor, *others: Tensor) -> Sequence[Tensor]:
        if prediction.is_floating_point() and logits:
            prediction = as_probabilities(prediction, kind.task)
        if kind.task == "binary" and prediction.numel() == target.numel():
            prediction = prediction.reshape(target.shape)
        return prediction, target.long(), *others

    return Delegate(call, given, prepare, device)


def _is_counted(call: Call, top_k: int) -> bool:
    own = {"average", "ignore_index", "num_classes", "task", "threshold", "top_k"}
    known = call.arguments.get("average", "micro") in AVERAGES and (top_k == 1 or call.name == "Accuracy")
    return known and _are_defaults(call, set(call.arguments) - own)


def _are_defaults(call: Call, names: set[str]) -> bool:
    return all(call.arguments[name] == call.entry.parameters[name].default for name in names)


def _counted(call: Call, kind: Classes, logits: bool, device: torch.device, top_k: int) -> Accumulator:
    said, size = call.arguments, kind.count + 1
    average, ignored = said.get("average", "micro"), said.get("ignore_index")
    if top_k > 1 and kind.task == "multiclass":
        return TopK(top_k, average, ignored, torch.zeros(2, size, dtype=torch.int64, device=device))
    threshold = None
    if kind.task == "binary":
        share = said.get("threshold", 0.5)
        threshold = math.log(share / (1 - share)) if logits and 0 < share < 1 else share
    counts = torch.zeros(size, size, dtype=torch.int64, device=device)
    return Confusion(call.name, average, threshold, ignored, counts)
