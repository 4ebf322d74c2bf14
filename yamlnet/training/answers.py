"""An output of a network for a batch, and what the loss makes of it, in; each sample's answer out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from yamlnet.catalog.losses import OF_VALUES, loss_of
from yamlnet.data.encoding import Categories, Encoding, Numbers
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Experiment, MetricTerm, Term
from yamlnet.language.nodes import Expression
from yamlnet.language.tables import targets_of
from yamlnet.training.criteria import Scores, scores_of
from yamlnet.training.objective import Criteria

Kind = Literal["classes", "labels", "values"]

LOG_SOFTMAX = {
    "AdaptiveLogSoftmaxWithLoss": True,
    "CrossEntropyLoss": False,
    "LinearCrossEntropyLoss": False,
    "NLLLoss": True,
}
"""Losses of one class out of several; whether the scores of classes are logarithms of probabilities."""

SIGMOID = {"BCEWithLogitsLoss": True, "MultiLabelSoftMarginLoss": True, "BCELoss": False}
"""Losses of yes or no; whether the sigmoid is the loss's own."""

OF_CLASSES = "torchmetrics.classification."
"""Where metrics of classes are."""


@dataclass(frozen=True)
class Meaning:
    """What compares an output, a loss or else a metric of classes, and how its target was made.

    `scores` makes a number for each class of it, where the loss has weights for that.
    """

    loss: str
    target: Encoding | None
    scores: Scores | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """One output for one sample: the probability of each class or label, or the `values` that it is.

    Of `classes` one is right, and the probabilities add up to one; each of several `labels` may be. Their
    probabilities are [classes], or of a map [classes, ...] with a class, or labels, at each place.
    """

    kind: Kind
    values: Tensor
    names: tuple[str, ...] = ()

    @property
    def is_map(self) -> bool:
        """Whether there is an answer at each of several places."""
        return self.kind != "values" and self.values.dim() > 1

    @property
    def chosen(self) -> Tensor:
        """The number of the most probable class, at each place of a map; of labels whether each holds."""
        return self.values.argmax(0) if self.kind == "classes" else self.values >= 0.5

    def name(self, position: int) -> str | int:
        """A class by its name, else its number."""
        return self.names[position] if position < len(self.names) else position

    def best(self, count: int) -> list[tuple[str | int, float]]:
        """The most probable classes first, each with its probability."""
        return self._first(self.values, count)

    def shares(self, count: int) -> list[tuple[str | int, float]]:
        """The classes or labels that hold at most places of a map, each with its share of the places."""
        chosen = self.chosen if self.kind == "labels" else _at_each(self.chosen, len(self.values))
        found = self._first(chosen.flatten(1).to(torch.float32).mean(1), count)
        return [(name, part) for name, part in found if part > 0]

    def _first(self, values: Tensor, count: int) -> list[tuple[str | int, float]]:
        found = values.topk(min(count, len(values)))
        return [(self.name(i), p) for p, i in zip(found.values.tolist(), found.indices.tolist(), strict=True)]


def _at_each(classes: Tensor, count: int) -> Tensor:
    """Where each class is: bool [classes, ...]."""
    return torch.stack([classes == number for number in range(count)])


def meanings(
    experiment: Experiment, encodings: Mapping[str, Encoding], inputs: frozenset[str], criteria: Criteria
) -> dict[str, Meaning]:
    """By output, the first loss that compares it with a target, else the first metric of classes.

    What is made of an input of the network is no class, but where the loss says so.
    """
    assert experiment.data is not None
    of_classes = [name for name, encoding in encodings.items() if isinstance(encoding, Categories)]
    targets = targets_of(experiment.data) or of_classes
    only = targets[0] if targets else "target"
    found: dict[str, Meaning] = {}
    terms: list[Term | MetricTerm] = [] if experiment.loss is None else [*experiment.loss.terms.values()]
    for term in (*terms, *experiment.metrics.values()):
        word = _word(term)
        match term.inputs:
            case (str(output), str(field), *_) if word and field not in inputs:
                target = encodings.get(only if field == "target" else field)
                scores = scores_of(experiment.loss, criteria, output)
                found.setdefault(output, Meaning(word, target, scores))
            case (str(output), Expression() as compared, *_) if word:
                is_input = inputs.issuperset(compared.formula.names)
                is_true_or_false = any(sign in compared.formula.text for sign in "<>=")
                if word in LOG_SOFTMAX or is_true_or_false or not is_input:
                    found.setdefault(output, Meaning(word, None))
    return found


def _word(term: Term | MetricTerm) -> str | None:
    """The loss that a term computes, where it tells what the output is, or that it is a metric of classes."""
    if isinstance(term, Term):
        loss = None if term.call is None else loss_of(term.call)
        return loss if loss in LOG_SOFTMAX or loss in SIGMOID or loss in OF_VALUES else None
    is_of_classes = term.call is not None and term.call.entry.target.startswith(OF_CLASSES)
    return OF_CLASSES if is_of_classes else None


def answers(name: str, values: Tensor, meaning: Meaning | None, num_samples: int) -> list[Answer]:
    """An output of a batch, sample by sample.

    Raises:
        YamlnetError: there isn't something for each sample.
    """
    if values.dim() == 0 or len(values) != num_samples:
        raise YamlnetError(f"`{name}` is {list(values.shape)}: nothing for each of {num_samples} samples")
    if meaning is None or not values.is_floating_point():
        return [Answer("values", value) for value in values]
    if meaning.scores is not None:
        values = meaning.scores(values)
    names = meaning.target.names if isinstance(meaning.target, Categories) else ()
    found = _probabilities(values, meaning)
    if found is not None:
        kind, probabilities = found
        return [Answer(kind, each, names) for each in probabilities]
    if meaning.loss in OF_VALUES and isinstance(meaning.target, Numbers):
        values = _unscaled(values, meaning.target)
    return [Answer("values", value) for value in values]


def _probabilities(values: Tensor, meaning: Meaning) -> tuple[Kind, Tensor] | None:
    """The probabilities [samples, classes or labels, ...]; None where the output is no such thing."""
    if meaning.loss in LOG_SOFTMAX and values.dim() >= 2:
        return "classes", values.exp() if LOG_SOFTMAX[meaning.loss] else values.softmax(1)
    if meaning.loss in SIGMOID:
        yes = values.sigmoid() if SIGMOID[meaning.loss] else values
        if values.dim() > 2 and values.shape[1] != 1:
            return ("labels", yes) if values.dim() > 3 else ("classes", torch.stack([1 - yes, yes], dim=1))
        if values[0].numel() == 1 or values.dim() > 2:
            yes = yes.reshape(len(yes), 1, *values.shape[2:])
            return "classes", torch.cat([1 - yes, yes], dim=1)
        return "labels", yes
    if meaning.loss == OF_CLASSES and values.dim() == 2 and values.shape[1] > 1:
        is_given = bool((values >= 0).all()) and bool(((values.sum(1) - 1).abs() < 1e-3).all())
        return "classes", values if is_given else values.softmax(1)
    return None


def _unscaled(values: Tensor, target: Numbers) -> Tensor:
    """Numbers as the table has them, where each is compared with one of its columns."""
    shift, scale = (torch.tensor(each, dtype=torch.float64) for each in (target.shift, target.scale))
    if values[0].numel() != len(shift):
        return values
    return values.to(torch.float64).mul(scale).add(shift).to(values.dtype)
