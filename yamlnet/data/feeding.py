"""The images of a split and what is done to them in; the images of each batch, on the device, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.crops import RandomCrop
from yamlnet.data.pipeline import Steps, done_once, steps
from yamlnet.data.ragged import Values, select
from yamlnet.data.steps import Draws, Images, Shape
from yamlnet.diagnostics import YamlnetError

Feed = Callable[[int], Tensor]
"""A field of an epoch: the number of a batch in, the field's values in that batch out."""

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Crop:
    """A crop that comes first: it is the gather itself, out of all windows of the resident images."""

    crop: RandomCrop
    shape: Shape
    steps: Steps

    def rows(self, samples: Tensor, order: Tensor, epoch: int, purpose: tuple[str, ...]) -> Tensor:
        """Which of the windows those of the samples are in an epoch: int64 [samples]."""
        ((places,),) = self.steps.draws(order, epoch, *purpose)
        return self.crop.rows(samples, places, self.shape)


class ImageFeeds:
    """The images of a split, batch by batch: on the CPU while something takes one after another."""

    def __init__(
        self, images: Values, batch_size: int, calls: Sequence[Call], seed: int, device: torch.device
    ) -> None:
        """Does once what can be done before any epoch.

        Raises:
            YamlnetError: a call doesn't fit the images, or the device has too little memory.
        """
        self._batch_size = batch_size
        self._device = device
        self._images, rest = done_once(images, steps(calls, images, seed))
        self._early, self._late = rest.divided()
        self._crop: Crop | None = None
        if isinstance(self._images, Tensor) and not self._early:
            self._images = moved(self._images, device)
            first = self._late.placed[0]
            if isinstance(first.step, RandomCrop) and first.shape is not None:
                self._crop = Crop(first.step, first.shape, Steps((first,), seed))
                self._images = first.step.windows(self._images)
                self._late = Steps(self._late.placed[1:], seed)

    def in_order(self, order: Tensor) -> Feed:
        """The images in the order of the split; nothing of it is copied that need not be."""
        if not isinstance(self._images, Tensor) or self._early or self._crop:
            return self.drawn(order, order, 0)
        parts = torch.split(self._images, self._batch_size)
        late = self._by_batch(self._late.draws(order, 0), self._device)
        return lambda batch: _batch(self._late.apply(parts[batch], late(batch)))

    def drawn(self, samples: Tensor, order: Tensor, epoch: int, *purpose: str) -> Feed:
        """The images of these samples, changed as the seed, the epoch and the numbers in `order` say."""
        rows = samples if self._crop is None else self._crop.rows(samples, order, epoch, purpose)
        early = self._by_batch(self._early.draws(order, epoch, *purpose), CPU)
        late = self._by_batch(self._late.draws(order, epoch, *purpose), self._device)
        parts = torch.split(rows.to(CPU if self._early else self._device), self._batch_size)

        def feed(batch: int) -> Tensor:
            chosen = select(self._images, parts[batch])
            given = chosen if isinstance(chosen, Tensor) else list(chosen)
            images = _batch(self._early.apply(given, early(batch)))
            return _batch(self._late.apply(images.to(self._device), late(batch)))

        return feed

    def _by_batch(self, draws: Sequence[Draws], device: torch.device) -> Callable[[int], Sequence[Draws]]:
        parts = [[torch.split(values.to(device), self._batch_size) for values in drawn] for drawn in draws]
        return lambda batch: [tuple(values[batch] for values in drawn) for drawn in parts]


def _batch(images: Images) -> Tensor:
    if isinstance(images, Tensor):
        return images
    sizes = " and ".join(sorted({f"{image.shape[1]} x {image.shape[2]}" for image in images})[:2])
    raise YamlnetError(
        f"the images of a batch differ in size: {sizes} (height x width)",
        help="`Resize: [HEIGHT, WIDTH]` in `transforms` gives all images one size",
        exit_code=1,
    )


def moved(values: Tensor, device: torch.device) -> Tensor:
    """The values on the device.

    Raises:
        YamlnetError: it has too little memory.
    """
    try:
        return values.to(device)
    except torch.OutOfMemoryError as error:
        size = values.nbytes / 2**20
        raise YamlnetError(f"the data don't fit on `{device}`: {size:,.0f} MiB more were needed") from error
