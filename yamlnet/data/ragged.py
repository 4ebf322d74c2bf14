"""Images of different sizes, held one by one in the place of a tensor; and what all forms of values share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yamlnet.data.steps import Images
from yamlnet.data.stored import Stored


@dataclass(frozen=True, eq=False)
class Ragged:
    """Images [channels, height, width] with as many channels each; `names` says where each comes from."""

    images: Sequence[Tensor]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.images)

    @property
    def shape(self) -> None:
        """The images have none in common."""

    @property
    def channels(self) -> int:
        """How many channels each has."""
        return self.images[0].shape[0]

    @property
    def dtype(self) -> torch.dtype:
        """What the values are."""
        return self.images[0].dtype

    def select(self, samples: Tensor) -> Ragged:
        """Some of the images, by their positions: int64 [samples]."""
        chosen = samples.tolist()
        return Ragged([self.images[i] for i in chosen], [self.names[i] for i in chosen])

    def in_words(self) -> str:
        """Two images that differ, and their sizes."""
        other = next(i for i, image in enumerate(self.images) if image.shape != self.images[0].shape)
        sizes = [f"`{self.names[i]}` is {_size(self.images[i])}" for i in (0, other)]
        return f"{sizes[0]}, {sizes[1]} (height x width)"


def _size(image: Tensor) -> str:
    return f"{image.shape[1]} x {image.shape[2]}"


Values = Tensor | Ragged | Stored
"""The values of a field, the first axis counting samples."""


def select(values: Values, samples: Tensor) -> Values:
    """Those of some samples, by their positions: int64 [samples]; what is stored isn't read."""
    return values.index_select(0, samples) if isinstance(values, Tensor) else values.select(samples)


def gathered(values: Values, samples: Tensor) -> Images:
    """Those of some samples in memory: a batch, or images of different sizes one by one."""
    if isinstance(values, Stored):
        return values.read(samples)
    return values.index_select(0, samples) if isinstance(values, Tensor) else list(values.select(samples))


def sample_shape(values: Values) -> tuple[int, ...] | None:
    """The shape of one sample, None where they differ."""
    if isinstance(values, Tensor):
        return tuple(values.shape[1:])
    return values.shape
