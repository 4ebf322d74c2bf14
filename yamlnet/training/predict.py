"""A trained network and samples in; each sample's classes with their probabilities, or its outputs, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from yamlnet.catalog.losses import OF_VALUES, loss_of
from yamlnet.data.encoding import Categories, Encoding, Numbers
from yamlnet.data.given import Given, Origin
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Experiment
from yamlnet.language.tables import targets_of
from yamlnet.training.evaluate import SEED
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.sources import evaluation

Kind = Literal["classes", "labels", "values"]

LOG_SOFTMAX = {"CrossEntropyLoss": False, "NLLLoss": True}
"""Losses of one class out of several; whether the network itself ends in log_softmax."""

SIGMOID = {"BCEWithLogitsLoss": True, "MultiLabelSoftMarginLoss": True, "BCELoss": False}
"""Losses of yes or no; whether the sigmoid is the loss's own."""


@dataclass(frozen=True)
class Meaning:
    """What the loss makes of an output: which loss compares it, and how its target was made of the data."""

    loss: str
    target: Encoding | None


@dataclass(frozen=True, eq=False)
class Answer:
    """One output for one sample: the probability of each class or label, or the `values` that it is.

    Of `classes` one is right, and the probabilities add up to one; each of several `labels` may be.
    """

    kind: Kind
    values: Tensor
    names: tuple[str, ...] = ()

    def name(self, position: int) -> str | int:
        """A class by its name, else its number."""
        return self.names[position] if position < len(self.names) else position

    def best(self, count: int) -> list[tuple[str | int, float]]:
        """The most probable classes first, each with its probability."""
        found = self.values.topk(min(count, len(self.values)))
        return [(self.name(i), p) for p, i in zip(found.values.tolist(), found.indices.tolist(), strict=True)]


@dataclass(frozen=True)
class Predicted:
    """A sample and its outputs by name: `output`, or `output.NAME` for each of several."""

    origin: Origin
    answers: Mapping[str, Answer]


def predictions(
    network: nn.Module, given: Given, experiment: Experiment, encodings: Mapping[str, Encoding]
) -> list[Predicted]:
    """Runs the network, in evaluation mode, on batches that are scaled and transformed as for evaluation."""
    assert experiment.data is not None
    source = evaluation(experiment.data, given.split, torch.device("cpu"))
    assert source is not None
    meanings = _meanings(experiment, encodings, frozenset(given.split.fields))
    origins = iter(given.origins)
    found: list[Predicted] = []
    with drawn_apart(torch.device("cpu"), SEED), torch.inference_mode():
        for batch in source.epoch(0):
            fields = [batch[name] for name in given.split.fields]
            outputs = dict(_outputs(_run(network, fields), "output"))
            answers = {
                name: _answers(name, values, meanings.get(name), len(fields[0]))
                for name, values in outputs.items()
            }
            for position in range(len(fields[0])):
                one = {name: each[position] for name, each in answers.items()}
                found.append(Predicted(next(origins), one))
    return found


def _run(network: nn.Module, fields: list[Tensor]) -> Any:
    try:
        return network(*fields)
    except (RuntimeError, IndexError, ValueError) as error:  # such as a number that an Embedding hasn't
        reason = str(error).strip().split("\n")[0]
        raise YamlnetError(f"the network can't take these inputs: {reason}") from error


def _outputs(output: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of what a network gives, named as in `from`."""
    if isinstance(output, Tensor):
        yield name, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from _outputs(value, f"{name}.{key}")
    elif isinstance(output, list | tuple):
        for position, value in enumerate(output):
            yield from _outputs(value, f"{name}.{position}")


def _meanings(
    experiment: Experiment, encodings: Mapping[str, Encoding], inputs: frozenset[str]
) -> dict[str, Meaning]:
    """By output, the first loss that compares it with a target; what it makes of an input is no class."""
    assert experiment.data is not None
    targets = targets_of(experiment.data) or ("target",)
    found: dict[str, Meaning] = {}
    for term in () if experiment.loss is None else experiment.loss.terms.values():
        match term.inputs:
            case (str(output), str(field), *_) if term.call is not None and field not in inputs:
                target = encodings.get(targets[0] if field == "target" else field)
                found.setdefault(output, Meaning(loss_of(term.call), target))
    return found


def _answers(name: str, values: Tensor, meaning: Meaning | None, num_samples: int) -> list[Answer]:
    """An output of a batch, sample by sample."""
    if values.dim() == 0 or len(values) != num_samples:
        raise YamlnetError(f"`{name}` is {list(values.shape)}: nothing for each of {num_samples} samples")
    if meaning is None or not values.is_floating_point():
        return [Answer("values", value) for value in values]
    names = meaning.target.names if isinstance(meaning.target, Categories) else ()
    if meaning.loss in LOG_SOFTMAX and values.dim() == 2:
        probabilities = values.exp() if LOG_SOFTMAX[meaning.loss] else values.softmax(1)
        return [Answer("classes", each, names) for each in probabilities]
    if meaning.loss in SIGMOID and values.dim() <= 2:
        yes = values.sigmoid() if SIGMOID[meaning.loss] else values
        if values[0].numel() == 1:
            yes = yes.reshape(-1, 1)
            return [Answer("classes", each, names) for each in torch.cat([1 - yes, yes], dim=1)]
        return [Answer("labels", each, names) for each in yes]
    if meaning.loss in OF_VALUES and isinstance(meaning.target, Numbers):
        values = _unscaled(values, meaning.target)
    return [Answer("values", value) for value in values]


def _unscaled(values: Tensor, target: Numbers) -> Tensor:
    """Numbers as the table has them, where each is compared with one of its columns."""
    shift, scale = (torch.tensor(each, dtype=torch.float64) for each in (target.shift, target.scale))
    if values[0].numel() != len(shift):
        return values
    return values.to(torch.float64).mul(scale).add(shift).to(values.dtype)
