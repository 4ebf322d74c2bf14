"""A split in; its batches on the device, epoch by epoch, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.crops import RandomCrop
from yamlnet.data.pipeline import Steps, done_once, steps
from yamlnet.data.ragged import Values, select
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Split
from yamlnet.data.steps import Draws, Shape
from yamlnet.diagnostics import YamlnetError

Feed = Callable[[int], Tensor]
"""A field of an epoch: the number of a batch in, the field's values in that batch out."""

CPU = torch.device("cpu")


class Batches:
    """The batches of a split: gathered by index; images augmented, transformed and scaled to [0, 1].

    With a seed, each epoch is shuffled anew; without one, the samples come in order, and no call may draw
    at random. The order follows from the seed and the epoch; what augmentation does to a sample from the
    seed, the epoch and the sample. Neither depends on the device, nor on where in the epoch one begins.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        calls: Sequence[Call] = (),
        seed: int | None = None,
        device: torch.device = CPU,
    ) -> None:
        """Makes ready what doesn't change from batch to batch; `calls` are what is done to the images.

        Raises:
            YamlnetError: a call doesn't fit the images, or the device has too little memory.
        """
        self.num_samples = len(split)
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        fields = dict(split.fields)
        images = fields.pop("image", None)
        self._images = None if images is None else _Images(images, batch_size, calls, seed or 0, device)
        self._others = {name: _moved(values, device) for name, values in fields.items()}

    def __len__(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-self.num_samples // self._batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on.

        Each has the split's fields, their first axis counting its samples: an `image` is float32
        [batch, channels, height, width].
        """
        feeds = self._in_order() if self._seed is None else self._shuffled(self._seed, epoch)
        for batch in range(start, len(self)):
            yield {name: feed(batch) for name, feed in feeds.items()}

    def _in_order(self) -> Mapping[str, Feed]:
        images = {} if self._images is None else {"image": self._images.in_order(self.num_samples)}
        return images | {name: self._feed(values) for name, values in self._others.items()}

    def _shuffled(self, seed: int, epoch: int) -> Mapping[str, Feed]:
        order = torch.randperm(self.num_samples, generator=generator(seed, "shuffle", epoch))
        images = {} if self._images is None else {"image": self._images.shuffled(order, epoch)}
        order = order.to(self._device)
        others = {name: self._feed(values.index_select(0, order)) for name, values in self._others.items()}
        return images | others

    def _feed(self, values: Tensor) -> Feed:
        return torch.split(values, self._batch_size).__getitem__


class _Images:
    """The images of a split, batch by batch: on the CPU while something takes one after another."""

    def __init__(
        self, images: Values, batch_size: int, calls: Sequence[Call], seed: int, device: torch.device
    ) -> None:
        self._batch_size = batch_size
        self._device = device
        self._images, rest = done_once(images, steps(calls, images, seed))
        self._early, self._late = rest.divided()
        self._crop: _Crop | None = None
        if isinstance(self._images, Tensor) and not self._early:
            self._images = _moved(self._images, device)
            first = self._late.placed[0]
            if isinstance(first.step, RandomCrop) and first.shape is not None:
                self._crop = _Crop(first.step, first.shape, Steps((first,), seed))
                self._images = first.step.windows(self._images)
                self._late = Steps(self._late.placed[1:], seed)

    def in_order(self, count: int) -> Feed:
        """The images in the order of the split, of which there are so many."""
        if isinstance(self._images, Tensor) and not self._early:
            parts = torch.split(self._images, self._batch_size)
            draws = self._late.draws(torch.arange(0), 0)
            return lambda batch: _batch(self._late.apply(parts[batch], draws))
        return self.shuffled(torch.arange(count), 0)

    def shuffled(self, order: Tensor, epoch: int) -> Feed:
        """The images in an order, each augmented as the seed, the epoch and the image's number say."""
        rows = order if self._crop is None else self._crop.rows(order, epoch)
        early = self._by_batch(self._early.draws(order, epoch), CPU)
        late = self._by_batch(self._late.draws(order, epoch), self._device)
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


@dataclass(frozen=True)
class _Crop:
    """A crop that comes first: it is the gather itself, out of all windows of the resident images."""

    crop: RandomCrop
    shape: Shape
    steps: Steps

    def rows(self, order: Tensor, epoch: int) -> Tensor:
        """Which of the windows those of the samples are in an epoch: int64 [samples]."""
        ((places,),) = self.steps.draws(order, epoch)
        return self.crop.rows(order, places, self.shape)


def _batch(images: Tensor | list[Tensor]) -> Tensor:
    if isinstance(images, Tensor):
        return images
    sizes = " and ".join(sorted({f"{image.shape[1]} x {image.shape[2]}" for image in images})[:2])
    raise YamlnetError(
        f"the images of a batch differ in size: {sizes} (height x width)",
        help="`Resize: [HEIGHT, WIDTH]` in `transforms` gives all images one size",
        exit_code=1,
    )


def _moved(values: Values, device: torch.device) -> Tensor:
    assert isinstance(values, Tensor)
    try:
        return values.to(device)
    except torch.OutOfMemoryError as error:
        size = values.nbytes / 2**20
        raise YamlnetError(f"the data don't fit on `{device}`: {size:,.0f} MiB more were needed") from error
