"""A split in; its batches on the device, epoch by epoch, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.draws import choice
from yamlnet.data.feeding import Feed, Preparation, ResidentFeeds, StreamFeeds, image_feeds, moved
from yamlnet.data.pipeline import Steps
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Split
from yamlnet.data.stored import Stored
from yamlnet.data.workers import Workers
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
        workers: Workers | None = None,
    ) -> None:
        """Makes ready what doesn't change from batch to batch.

        `calls` are what is done to the images, `draw` names what is drawn for each sample. `workers` prepare
        what isn't on the device from the start.

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
        workers = workers or Workers(0)
        self._feeds: dict[str, StreamFeeds | ResidentFeeds] = {}
        if images is not None:
            self._feeds["image"] = image_feeds(images, batch_size, calls, seed or 0, device, workers)
        none = Steps((), 0)
        for name, values in split.fields.items():
            if isinstance(values, Stored) and name != "image":
                self._feeds[name] = StreamFeeds(Preparation(values, none), none, batch_size, device, workers)
        others = {name: values for name, values in split.tensors.items() if name not in self._feeds}
        self._others = {name: moved(values, device) for name, values in others.items()}

    def __len__(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-self.num_samples // self._batch_size)

    @property
    def is_resident(self) -> bool:
        """Whether the device holds all data: no batch is prepared elsewhere."""
        return all(isinstance(feed, ResidentFeeds) for feed in self._feeds.values())

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on.

        Each has the split's fields, their first axis counting its samples: an `image` is float32
        [batch, channels, height, width]. A sample that is drawn has them too, as `NAME.image`.
        """
        feeds = self._in_order() if self._seed is None else self._shuffled(self._seed, epoch)
        values = [feed(start) for feed in feeds.values()]
        for batch in zip(*values, strict=True):
            yield dict(zip(feeds, batch, strict=True))

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
        order = torch.arange(self.num_samples)
        feeds = {name: feed.in_order(order) for name, feed in self._feeds.items()}
        feeds |= self._parts(self._others)
        for name, one in self._choices.items():
            partners = one.draw(generator(EVALUATION_SEED, "draw", name))
            feeds |= self._drawn(partners, order, 0, prefix=f"{name}.")
        return feeds

    def _shuffled(self, seed: int, epoch: int) -> Mapping[str, Feed]:
        order = self._order(seed, epoch)
        feeds = self._drawn(order, order, epoch)
        for name, one in self._choices.items():
            partners = one.draw(generator(seed, "draw", name, epoch))[order]
            feeds |= self._drawn(partners, order, epoch, name, prefix=f"{name}.")
        return feeds

    def _drawn(
        self, samples: Tensor, order: Tensor, epoch: int, *purpose: str, prefix: str = ""
    ) -> dict[str, Feed]:
        """The fields of these samples, in this order."""
        feeds = {
            prefix + name: feed.drawn(samples, order, epoch, *purpose) for name, feed in self._feeds.items()
        }
        rows = samples.to(self._device)
        others = {prefix + name: values.index_select(0, rows) for name, values in self._others.items()}
        return feeds | self._parts(others)

    def _parts(self, fields: Mapping[str, Tensor]) -> dict[str, Feed]:
        """Fields that are in order already."""
        return {
            name: partial(_from, torch.split(values, self._batch_size)) for name, values in fields.items()
        }


def _from(parts: Sequence[Tensor], start: int) -> Iterator[Tensor]:
    return iter(parts[start:])
