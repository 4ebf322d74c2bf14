"""The data section and its splits in; where training and evaluation take their batches from out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

from torch import Tensor

from yamlnet.data.batches import NO_DRAWS, Batches
from yamlnet.data.splits import Prepared, Split
from yamlnet.language.experiment import Data, Draw

MAX_EVALUATION_BATCH = 1024
MAX_EVALUATION_ELEMENTS = 2**20


class Source(Protocol):
    """The batches of a split; their number is its length."""

    def __len__(self) -> int: ...

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on; the same ones whatever `start` is."""

    def samples(self, epoch: int, batch: int) -> list[str]:
        """What people call the samples of a batch."""


@dataclass(frozen=True)
class Sources:
    """Where each split's batches come from; None where there is no such split."""

    train: Source
    validation: Source | None = None
    test: Source | None = None


def sources(data: Data, prepared: Prepared, seed: int) -> Sources:
    """Shuffled and augmented batches to train on, and large ones in order to evaluate on."""
    transforms = data.transforms
    train = Batches(prepared.train, data.batch_size, transforms.train, data.augment, seed, data.draw)
    return Sources(train, evaluation(data, prepared.validation), evaluation(data, prepared.test))


def evaluation(data: Data, split: Split | None) -> Source | None:
    """As `in_order`, with what is drawn for each sample; None of no split."""
    return None if split is None else in_order(data, split, data.draw)


def in_order(data: Data, split: Split, draw: Mapping[str, Draw] = NO_DRAWS) -> Source:
    """Batches in order, of about `MAX_EVALUATION_ELEMENTS` numbers and at least the file's `batch_size`."""
    elements = max(prod(values.shape[1:]) for values in split.fields.values())
    size = max(data.batch_size, min(MAX_EVALUATION_BATCH, MAX_EVALUATION_ELEMENTS // elements))
    return Batches(split, size, data.transforms.evaluation, draw=draw)
