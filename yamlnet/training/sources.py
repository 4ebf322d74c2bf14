"""The data section and its splits in; where training and evaluation take their batches from out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from yamlnet.data.batches import Batches
from yamlnet.data.ragged import Values, sample_shape
from yamlnet.data.splits import Prepared, Split
from yamlnet.language.experiment import Data
from yamlnet.language.images import evaluating, picture_of, result, training

MAX_EVALUATION_BATCH = 1024
MAX_EVALUATION_ELEMENTS = 2**20


class Source(Protocol):
    """The batches of a split; their number is its length."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on; the same ones whatever `start` is."""


@dataclass(frozen=True)
class Sources:
    """Where each split's batches come from; None where there is no such split."""

    train: Source
    validation: Source | None = None
    test: Source | None = None


def sources(data: Data, prepared: Prepared, seed: int) -> Sources:
    """Shuffled and augmented batches to train on, and large ones in order to evaluate on."""
    device = prepared.device
    train = Batches(prepared.train, data.batch_size, training(data), seed, device)
    others = (evaluation(data, split, device) for split in (prepared.validation, prepared.test))
    return Sources(train, *others)


def evaluation(data: Data, split: Split | None, device: torch.device) -> Source | None:
    """Batches in order, of about `MAX_EVALUATION_ELEMENTS` numbers and at least the file's `batch_size`."""
    if split is None:
        return None
    elements = max(prod(_shape(data, values)) for values in split.fields.values())
    size = max(data.batch_size, min(MAX_EVALUATION_BATCH, MAX_EVALUATION_ELEMENTS // max(1, elements)))
    return Batches(split, size, evaluating(data), device=device)


def _shape(data: Data, values: Values) -> tuple[int, ...]:
    """The shape of a sample, of images after `transforms`."""
    shape = sample_shape(values)
    return result(evaluating(data), picture_of(shape)).shape or shape or ()
