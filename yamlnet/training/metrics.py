"""A metric of the file, and predictions and targets of many batches, in; one number out.

Definitions are torchmetrics' for its `multiclass` task, and for its `binary` task where the model gives one
number per sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import MetricTerm


class Accumulator(Protocol):
    """Sums on the device from which a metric follows."""

    higher_is_better: bool

    @property
    def state(self) -> Mapping[str, Tensor]:
        """All of it: zeros where nothing was counted."""

    def update(self, predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        """Counts the batches in, in order; where they are split into calls changes no bit of the state."""

    def compute(self) -> float:
        """The metric over all samples counted, `nan` over none; reads from the device."""


@dataclass(eq=False)
class Confusion:
    """Accuracy, precision, recall or F1 from a matrix of counts.

    `counts` is `[classes + 1, classes + 1]`, true class by predicted class, its last row and column for what
    is no class (a target of `ignore_index`). `binary` notes that the model gives one number per sample, which
    `threshold` divides into two classes.
    """

    name: str
    average: str
    num_classes: int
    threshold: float
    counts: Tensor
    binary: Tensor
    higher_is_better: bool = True

    @property
    def state(self) -> Mapping[str, Tensor]:
        return {"counts": self.counts, "binary": self.binary}

    def update(self, predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        predicted = [self._classes(prediction) for prediction in predictions]
        true = torch.cat([target.reshape(-1) for target in targets]).long()
        cell = _known(true, self.num_classes) * (self.num_classes + 1)
        cell += _known(torch.cat(predicted).long(), self.num_classes)
        self.counts.view(-1).index_add_(0, cell, torch.ones_like(cell))

    def _classes(self, prediction: Tensor) -> Tensor:
        if not prediction.is_floating_point():
            return prediction.reshape(-1)
        if prediction.ndim == 1 or prediction.shape[1] == 1:
            self.binary.fill_(True)
            return (prediction > self.threshold).reshape(-1)
        return prediction.argmax(1).reshape(-1)

    def compute(self) -> float:
        matrix = self.counts[: self.num_classes, : self.num_classes].double().cpu()
        if not matrix.any():
            return float("nan")
        hits, true, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
        binary = bool(self.binary)
        if self.name == "Accuracy" and (binary or self.average == "micro"):
            return float(hits.sum() / matrix.sum())
        if binary:
            return float(self._score(hits[1], true[1], predicted[1]))
        if self.average == "micro":
            return float(self._score(hits.sum(), true.sum(), predicted.sum()))
        present = ((true > 0) | (predicted > 0)).double()
        weights = true if self.average == "weighted" else present
        return float((self._score(hits, true, predicted) * weights).sum() / weights.sum())

    def _score(self, hits: Tensor, true: Tensor, predicted: Tensor) -> Tensor:
        """Per class, 0 where a class has no sample that counts."""
        if self.name == "Precision":
            return hits / predicted.clamp(min=1)
        if self.name == "F1Score":
            return 2 * hits / (true + predicted).clamp(min=1)
        return hits / true.clamp(min=1)


@dataclass(eq=False)
class TopK:
    """The share of samples whose class is among the `k` most likely.

    `counts` is `[2, classes + 1]`: hits, and samples, by true class.
    """

    k: int
    average: str
    num_classes: int
    counts: Tensor
    higher_is_better: bool = True

    @property
    def state(self) -> Mapping[str, Tensor]:
        return {"counts": self.counts}

    def update(self, predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        scores = torch.cat([p.movedim(1, -1).reshape(-1, p.shape[1]) for p in predictions])
        true = torch.cat([target.reshape(-1) for target in targets]).long()
        hit = (scores.topk(min(self.k, scores.shape[1])).indices == true[:, None]).any(1)
        self.counts.index_add_(
            1, _known(true, self.num_classes), torch.stack([hit.long(), torch.ones_like(true)])
        )

    def compute(self) -> float:
        hits, all_ = self.counts[:, : self.num_classes].double().cpu()
        if not all_.any():
            return float("nan")
        if self.average == "micro":
            return float(hits.sum() / all_.sum())
        present = all_ > 0
        return float((hits[present] / all_[present]).mean())


@dataclass(eq=False)
class MeanError:
    """The mean of |difference| ** `power` over all elements; `sums` is `[2]`: the sum, and how many."""

    power: int
    sums: Tensor
    higher_is_better: bool = False

    @property
    def state(self) -> Mapping[str, Tensor]:
        return {"sums": self.sums}

    def update(self, predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            if prediction.shape != target.shape:
                raise YamlnetError(
                    "a mean error needs equal shapes, but the model's output is "
                    f"{list(prediction.shape)} and the target {list(target.shape)}, the batch first"
                )
        dtype = self.sums.dtype
        norms = torch._foreach_norm(
            torch._foreach_sub([p.to(dtype) for p in predictions], [t.to(dtype) for t in targets]),
            self.power,
        )
        for norm in norms:
            self.sums[0] += norm**self.power
        self.sums[1] += sum(prediction.numel() for prediction in predictions)

    def compute(self) -> float:
        total, count = self.sums.tolist()
        return total / count if count else float("nan")


def make_accumulator(
    term: MetricTerm, num_classes: int | None, threshold: float, device: torch.device
) -> Accumulator:
    """The metric of the file, over nothing yet."""
    name, options = term.call.name, term.call.arguments
    if name in ("MeanSquaredError", "MeanAbsoluteError"):
        dtype = torch.float32 if device.type == "mps" else torch.float64
        return MeanError(2 if name == "MeanSquaredError" else 1, torch.zeros(2, dtype=dtype, device=device))
    if num_classes is None:
        raise YamlnetError(f"`{name}` needs classes, and this data has none", exit_code=1)
    average, size = options.get("average", "micro"), num_classes + 1
    if name == "Accuracy" and options.get("top_k", 1) > 1:
        return TopK(
            options["top_k"], average, num_classes, torch.zeros(2, size, dtype=torch.int64, device=device)
        )
    counts = torch.zeros(size, size, dtype=torch.int64, device=device)
    binary = torch.zeros((), dtype=torch.bool, device=device)
    return Confusion(name, average, num_classes, threshold, counts, binary)


def _known(classes: Tensor, num_classes: int) -> Tensor:
    """Class numbers, those out of range as `num_classes`."""
    return torch.where((classes >= 0) & (classes < num_classes), classes, num_classes)
