"""The data section and its splits in; where training and evaluation take their batches from out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from yamlnet.data.batches import CPU, NO_DRAWS, Batches
from yamlnet.data.ragged import Values, sample_shape
from yamlnet.data.splits import Prepared, Split
from yamlnet.language.experiment import Data, Draw
from yamlnet.language.images import evaluating, picture_of, result, training

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
    device = prepared.device
    train = Batches(prepared.train, data.batch_size, training(data), seed, data.draw, device)
    others = (evaluation(data, split, device) for split in (prepared.validation, prepared.test))
    return Sources(train, *others)


def evaluation(data: Data, split: Split | None, device: torch.device) -> Source | None:
    """As `in_order`, with what is drawn for each sample; None of no split."""
    return None if split is None else in_order(data, split, data.draw, device)


def in_order(
    data: Data, split: Split, draw: Mapping[str, Draw] = NO_DRAWS, device: torch.device = CPU
) -> Source:
    """Batches in order, of about `MAX_EVALUATION_ELEMENTS` numbers and at least the file's `batch_size`."""
    elements = max(prod(_shape(data, name, values)) for name, values in split.fields.items())
    size = max(data.batch_size, min(MAX_EVALUATION_BATCH, MAX_EVALUATION_ELEMENTS // max(1, elements)))
    return Batches(split, size, evaluating(data), draw=draw, device=device)


def _shape(data: Data, name: str, values: Values) -> tuple[int, ...]:
    """The shape of a sample, of images after `transforms`."""
    shape = sample_shape(values)
    after = result(evaluating(data), picture_of(shape)).shape if name == "image" else None
    return after or shape or ()
