"""The data section and its splits in; where training and evaluation take their batches from out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol

import torch
from torch import Tensor

from yamlnet.data.batches import CPU, NO_DRAWS, Batches
from yamlnet.data.ragged import Values, sample_shape
from yamlnet.data.splits import Prepared, Split
from yamlnet.data.workers import Workers
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
    workers: Workers | None = None

    def close(self) -> None:
        """Ends the processes that prepare batches; whoever takes another batch has new ones made."""
        if self.workers is not None:
            self.workers.close()


def sources(data: Data, prepared: Prepared, seed: int) -> Sources:
    """Shuffled and augmented batches to train on, and large ones in order to evaluate on."""
    device, workers = prepared.device, prepared.workers
    train = Batches(prepared.train, data.batch_size, training(data), seed, data.draw, device, workers)
    validation, test = (evaluation(data, prepared, name) for name in ("validation", "test"))
    return Sources(train, validation, test, workers)


def evaluation(
    data: Data, prepared: Prepared, split: Literal["train", "validation", "test"]
) -> Source | None:
    """As `in_order`, with what is drawn for each sample; None of a split that isn't there."""
    found = getattr(prepared, split)
    return None if found is None else in_order(data, found, data.draw, prepared.device, prepared.workers)


def in_order(
    data: Data,
    split: Split,
    draw: Mapping[str, Draw] = NO_DRAWS,
    device: torch.device = CPU,
    workers: Workers | None = None,
) -> Source:
    """Batches in order, of about `MAX_EVALUATION_ELEMENTS` numbers and at least the file's `batch_size`."""
    elements = max(prod(_shape(data, name, values)) for name, values in split.fields.items())
    size = max(data.batch_size, min(MAX_EVALUATION_BATCH, MAX_EVALUATION_ELEMENTS // max(1, elements)))
    return Batches(split, size, evaluating(data), draw=draw, device=device, workers=workers)


def _shape(data: Data, name: str, values: Values) -> tuple[int, ...]:
    """The shape of a sample, of images after `transforms`."""
    shape = sample_shape(values)
    after = result(evaluating(data), picture_of(shape)).shape if name == "image" else None
    return after or shape or ()
