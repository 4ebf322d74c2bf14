"""A split in; its batches on the device, epoch by epoch, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.draws import choice
from yamlnet.data.feeding import Feed, ImageFeeds, moved
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Split
from yamlnet.language.experiment import Draw

NO_DRAWS: Mapping[str, Draw] = {}
EVALUATION_SEED = 0
"""What is drawn to evaluate is the same each time."""

CPU = torch.device("cpu")


class Batches:
    """The batches of a split: gathered by index; images augmented, transformed and scaled to [0, 1].

    With a seed, each epoch is shuffled anew; without one, the samples come in order, and no call may draw
    at random. The order follows from the seed and the epoch; what augmentation does to a sample, and which
    others are drawn beside it, from the seed, the epoch and the sample. None of it depends on the device, nor
    on where in the epoch one begins.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        calls: Sequence[Call] = (),
        seed: int | None = None,
        draw: Mapping[str, Draw] = NO_DRAWS,
        device: torch.device = CPU,
    ) -> None:
        """Makes ready what doesn't change from batch to batch.

        `calls` are what is done to the images, `draw` names what is drawn for each sample.

        Raises:
            YamlnetError: a call doesn't fit the images, or the device has too little memory.
        """
        self.num_samples = len(split)
        self._numbers, self._place = split.numbers, split.place
        self._batch_size = batch_size
        self._seed = seed
        self._device = device
        self._choices = {name: choice(split.tensors, one) for name, one in draw.items()}
        images = split.fields.get("image")
        self._images = None if images is None else ImageFeeds(images, batch_size, calls, seed or 0, device)
        others = {name: values for name, values in split.tensors.items() if name != "image"}
        self._others = {name: moved(values, device) for name, values in others.items()}

    def __len__(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-self.num_samples // self._batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on.

        Each has the split's fields, their first axis counting its samples: an `image` is float32
        [batch, channels, height, width]. A sample that is drawn has them too, as `NAME.image`.
        """
        feeds = self._in_order() if self._seed is None else self._shuffled(self._seed, epoch)
        for batch in range(start, len(self)):
            yield {name: feed(batch) for name, feed in feeds.items()}

    def samples(self, epoch: int, batch: int) -> list[str]:
        """What people call the samples of a batch: `sample 17` of the data set, a file, a line."""
        order = torch.arange(self.num_samples) if self._seed is None else self._order(self._seed, epoch)
        places = order[batch * self._batch_size : (batch + 1) * self._batch_size]
        if self._numbers is not None:
            places = self._numbers[places]
        return [self._place(place) for place in places.tolist()]

    def _order(self, seed: int, epoch: int) -> Tensor:
        return torch.randperm(self.num_samples, generator=generator(seed, "shuffle", epoch))

    def _in_order(self) -> Mapping[str, Feed]:
        images, order = self._images, torch.arange(self.num_samples)
        feeds = self._feeds(images.in_order(order) if images else None, self._others)
        for name, one in self._choices.items():
            partners = one.draw(generator(EVALUATION_SEED, "draw", name))
            image = images.drawn(partners, order, 0) if images else None
            feeds |= self._feeds(image, self._at(partners), f"{name}.")
        return feeds

    def _shuffled(self, seed: int, epoch: int) -> Mapping[str, Feed]:
        images, order = self._images, self._order(seed, epoch)
        feeds = self._feeds(images.drawn(order, order, epoch) if images else None, self._at(order))
        for name, one in self._choices.items():
            partners = one.draw(generator(seed, "draw", name, epoch))[order]
            image = images.drawn(partners, order, epoch, name) if images else None
            feeds |= self._feeds(image, self._at(partners), f"{name}.")
        return feeds

    def _feeds(self, image: Feed | None, others: Mapping[str, Tensor], prefix: str = "") -> dict[str, Feed]:
        feeds = {} if image is None else {f"{prefix}image": image}
        return feeds | {prefix + name: self._feed(values) for name, values in others.items()}

    def _at(self, samples: Tensor) -> Mapping[str, Tensor]:
        """The fields but images of these samples, in this order."""
        rows = samples.to(self._device)
        return {name: values.index_select(0, rows) for name, values in self._others.items()}

    def _feed(self, values: Tensor) -> Callable[[int], Tensor]:
        return torch.split(values, self._batch_size).__getitem__
