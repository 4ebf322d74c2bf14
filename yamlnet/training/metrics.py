"""Predictions and targets of many batches in; one number, from sums and counts on the device, out.

Definitions are torchmetrics'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from yamlnet.diagnostics import YamlnetError

AVERAGES = ("micro", "macro", "weighted")
TINY = 1e-4
"""What torchmetrics takes for no variance."""


class Accumulator(Protocol):
    """What a metric follows from, on the device."""

    def state(self) -> Mapping[str, Tensor]:
        """All of it."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from there."""

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Goes on, from nothing, from what several have counted."""

    def reset(self) -> None:
        """Forgets everything."""

    def update(self, *inputs: Sequence[Tensor]) -> None:
        """Counts batches in, in order: for each input of the metric, the tensors of all the batches.

        Where they are split into calls changes no bit of the state.
        """

    def compute(self) -> float:
        """The metric over all samples counted, `nan` over none; reads from the device."""


class Sums:
    """An accumulator whose tensors keep their shape: zeros where nothing was counted."""

    def state(self) -> Mapping[str, Tensor]:
        """The tensors, the very ones."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Copies them back."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Adds them up."""
        for name, tensor in self.state().items():
            for state in states:
                tensor += state[name].to(tensor.device)

    def reset(self) -> None:
        """Makes them zeros."""
        for tensor in self.state().values():
            tensor.zero_()


@dataclass(eq=False)
class Confusion(Sums):
    """Accuracy, precision, recall or F1 from a matrix of counts.

    `counts` is `[classes + 1, classes + 1]`, true class by predicted class, its last row and column for what
    is no class (a target of `ignore_index`). `threshold` divides one number for each sample into two classes;
    None where there is a number for each class, or the class itself.
    """

    name: str
    average: str
    threshold: float | None
    ignore_index: int | None
    counts: Tensor

    @property
    def num_classes(self) -> int:
        return len(self.counts) - 1

    def update(self, *inputs: Sequence[Tensor]) -> None:
        predictions, targets = inputs
        true = _known(_flat(targets).long(), self.num_classes, self.ignore_index)
        cell = self._predicted(predictions).add(true, alpha=self.num_classes + 1)
        self.counts.view(-1).index_add_(0, cell, torch.ones_like(cell))

    def _predicted(self, predictions: Sequence[Tensor]) -> Tensor:
        """The class that is predicted for each sample."""
        first, threshold = predictions[0], self.threshold
        if not first.is_floating_point():
            return _known(_flat(predictions).long(), self.num_classes)
        if threshold is not None:
            return _known(_flat([p > threshold for p in predictions]).long(), self.num_classes)
        if first.dim() == 2:
            predictions = [torch.cat(list(predictions))]
        classes = _flat([p.max(1).indices for p in predictions])  # up to three times as fast as `argmax`
        return classes if first.shape[1] <= self.num_classes else _known(classes, self.num_classes)

    def compute(self) -> float:
        whole = self.counts.double().cpu()
        counts, outside = whole[:-1], whole[-1]
        if not counts.any():
            return _nothing(self.num_classes, outside, self.ignore_index)
        hits, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)[:-1]
        if self.threshold is not None and self.name != "Accuracy":
            return float(self._score(hits[1], true[1], predicted[1]))
        if self.threshold is not None or self.average == "micro":
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
class TopK(Sums):
    """The share of samples whose class is among the `k` most likely.

    `counts` is `[2, classes + 1]`: hits, and samples, by true class.
    """

    k: int
    average: str
    ignore_index: int | None
    counts: Tensor

    def update(self, *inputs: Sequence[Tensor]) -> None:
        predictions, targets = inputs
        scores = torch.cat([p.movedim(1, -1).reshape(-1, p.shape[1]) for p in predictions])
        true = _flat(targets).long()
        hit = (scores.topk(self.k).indices == true[:, None]).any(1)
        index = _known(true, self.counts.shape[1] - 1, self.ignore_index)
        self.counts.index_add_(1, index, torch.stack([hit.long(), torch.ones_like(true)]))

    def compute(self) -> float:
        whole = self.counts.double().cpu()
        hits, all_ = whole[:, :-1]
        if not all_.any():
            return _nothing(len(all_), whole[:, -1], self.ignore_index)
        if self.average == "micro":
            return float(hits.sum() / all_.sum())
        weights = all_ if self.average == "weighted" else (all_ > 0).double()
        return float((hits / all_.clamp(min=1) * weights).sum() / weights.sum())


@dataclass(eq=False)
class Mean(Sums):
    """The mean over the samples; `sums` is `[2]`: the sum, and how many."""

    sums: Tensor

    def update(self, *inputs: Sequence[Tensor]) -> None:
        (values,) = inputs
        total, count = self.sums
        for value in values:
            total += value.to(total.dtype).sum()
        count += sum(map(len, values))

    def compute(self) -> float:
        total, count = self.sums.tolist()
        return total / count if count else float("nan")


@dataclass(eq=False)
class MeanError(Sums):
    """The mean of |difference| ** `power` over all elements; `sums` is `[2]`: the sum, and how many."""

    power: int
    sums: Tensor

    def update(self, *inputs: Sequence[Tensor]) -> None:
        predictions, targets = inputs
        _check_shapes(predictions, targets)
        dtype = self.sums.dtype
        norms = torch._foreach_norm(
            torch._foreach_sub([p.to(dtype) for p in predictions], [t.to(dtype) for t in targets]),
            self.power,
        )
        total, count = self.sums
        for error in torch.stack(norms) ** self.power:
            total += error
        count += sum(prediction.numel() for prediction in predictions)

    def compute(self) -> float:
        total, count = self.sums.tolist()
        return total / count if count else float("nan")


@dataclass(eq=False)
class Determination(Sums):
    """R2, the mean over the outputs of how much of their variance is explained.

    `sums` is `[4, outputs]`: how many samples, the targets, their squares, and the squared differences.
    """

    sums: Tensor

    def update(self, *inputs: Sequence[Tensor]) -> None:
        predictions, targets = inputs
        _check_shapes(predictions, targets)
        count, sums = self.sums[0], self.sums[1:]
        for prediction, target in zip(predictions, targets, strict=True):
            true = target.to(sums.dtype).reshape(len(target), -1)
            wrong = prediction.to(sums.dtype).reshape(len(target), -1) - true
            sums += torch.stack((true, true.square(), wrong.square())).sum(1)
        count += sum(map(len, targets))

    def compute(self) -> float:
        count, total, squares, wrong = self.sums.double().cpu()
        if count[0] < 2:
            return float("nan")
        spread = squares - total**2 / count
        scores = torch.where(spread > TINY, 1 - wrong / spread, 0.0)
        return float(torch.where(wrong > TINY, scores, 1.0).mean())


def _check_shapes(predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for prediction, target in zip(predictions, targets, strict=True):
        if prediction.shape != target.shape:
            raise YamlnetError(
                "a mean error needs equal shapes, but the model's output is "
                f"{list(prediction.shape)} and the target {list(target.shape)}, the batch first"
            )


def _nothing(num_classes: int, outside: Tensor, ignored: int | None) -> float:
    """The metric where no sample counts: there are none, all are ignored, or they are of no known class."""
    if ignored is None and outside.any():
        raise YamlnetError(f"it compares classes, and no target is one of 0 to {num_classes - 1}")
    return float("nan")


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of them all, in order."""
    if len(tensors) == 1:
        return tensors[0].reshape(-1)
    return torch.cat([t if t.dim() == 1 else t.reshape(-1) for t in tensors])


def _known(classes: Tensor, num_classes: int, ignored: int | None = None) -> Tensor:
    """Class numbers, those out of range as `num_classes`."""
    known = classes.clamp(-1, num_classes).remainder_(num_classes + 1)
    return known if ignored is None else torch.where(classes == ignored, num_classes, known)
