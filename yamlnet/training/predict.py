"""A trained network and samples in; each sample's classes with their probabilities, or its outputs, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.data.encoding import Encoding
from yamlnet.data.given import Given, Origin
from yamlnet.language.experiment import Experiment
from yamlnet.training.answers import Answer, answers, meanings
from yamlnet.training.evaluate import SEED
from yamlnet.training.objective import NO_CRITERIA, Criteria
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.sources import in_order


@dataclass(frozen=True)
class Predicted:
    """A sample and its outputs by name: `output`, or `output.NAME` for each of several."""

    origin: Origin
    answers: Mapping[str, Answer]


def predictions(
    network: nn.Module,
    given: Given,
    experiment: Experiment,
    encodings: Mapping[str, Encoding],
    criteria: Criteria = NO_CRITERIA,
) -> list[Predicted]:
    """Runs the network, in evaluation mode, on batches that are scaled and transformed as for evaluation.

    `criteria` are the losses that have weights of their own.
    """
    assert experiment.data is not None
    source = in_order(experiment.data, given.split)
    known = meanings(experiment, encodings, frozenset(given.split.fields), criteria)
    origins = iter(given.origins)
    found: list[Predicted] = []
    with drawn_apart(torch.device("cpu"), SEED), torch.inference_mode():
        for batch in source.epoch(0):
            fields = [batch[name] for name in given.split.fields]
            outputs = dict(_outputs(network(*fields), "output"))
            made = {
                name: answers(name, values, known.get(name), len(fields[0]))
                for name, values in outputs.items()
            }
            for position in range(len(fields[0])):
                one = {name: each[position] for name, each in made.items()}
                found.append(Predicted(next(origins), one))
    return found


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
