"""A split on the device in; its batches, epoch by epoch, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.augment import RandomCrop, make_augmentations
from yamlnet.data.draws import choice
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Fields, Split
from yamlnet.data.transforms import make_transforms
from yamlnet.language.experiment import Draw

Feed = Callable[[int], Tensor]
"""A field of an epoch: the number of a batch in, the field's values in that batch out."""

NO_DRAWS: Mapping[str, Draw] = {}
EVALUATION_SEED = 0
"""What is drawn to evaluate is the same each time."""


class Batches:
    """The batches of a split: gathered by index; images augmented, scaled to [0, 1] and transformed.

    With a seed, each epoch is shuffled anew; without one, the samples come in order, and nothing is
    augmented. The order follows from the seed and the epoch; what augmentation does to a sample, and which
    others are drawn beside it, from the seed, the epoch and the sample. None of it depends on the device, nor
    on where in the epoch one begins.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        transforms: Sequence[Call],
        augment: Sequence[Call] = (),
        seed: int | None = None,
        draw: Mapping[str, Draw] = NO_DRAWS,
    ) -> None:
        """Makes ready what doesn't change from batch to batch; `draw` names what is drawn for each sample.

        Raises:
            YamlnetError: a transform or an augmentation doesn't fit the images.
        """
        self.num_samples = len(split)
        self._numbers, self._place = split.numbers, split.place
        self._batch_size = batch_size
        self._seed = seed
        self._others = {name: values for name, values in split.fields.items() if name != "image"}
        self._device = next(iter(split.fields.values())).device
        self._choices = {name: choice(split.fields, one) for name, one in draw.items()}
        self._images = None
        if "image" in split.fields:
            augment = augment if seed is not None else ()
            self._images = _Images(split.fields["image"], batch_size, transforms, augment)

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
        images = self._images
        feeds = self._feeds(images.in_order() if images else None, self._others)
        for name, one in self._choices.items():
            partners = one.draw(generator(EVALUATION_SEED, "draw", name))
            image = images.in_order(partners) if images else None
            feeds |= self._feeds(image, self._at(partners), f"{name}.")
        return feeds

    def _shuffled(self, seed: int, epoch: int) -> Mapping[str, Feed]:
        order = self._order(seed, epoch)
        images = self._images
        image = images.shuffled(order, order, seed, epoch) if images else None
        feeds = self._feeds(image, self._at(order))
        for name, one in self._choices.items():
            partners = one.draw(generator(seed, "draw", name, epoch))[order]
            image = images.shuffled(partners, order, seed, epoch, name) if images else None
            feeds |= self._feeds(image, self._at(partners), f"{name}.")
        return feeds

    def _feeds(self, image: Feed | None, others: Fields, prefix: str = "") -> dict[str, Feed]:
        feeds = {} if image is None else {f"{prefix}image": image}
        return feeds | {prefix + name: self._feed(values) for name, values in others.items()}

    def _at(self, samples: Tensor) -> Fields:
        """The fields but images of these samples, in this order."""
        rows = samples.to(self._device)
        return {name: values.index_select(0, rows) for name, values in self._others.items()}

    def _feed(self, values: Tensor) -> Feed:
        return torch.split(values, self._batch_size).__getitem__


class _Images:
    """The images of a split, uint8 [samples, channels, height, width], batch by batch."""

    def __init__(
        self, images: Tensor, batch_size: int, transforms: Sequence[Call], augment: Sequence[Call]
    ) -> None:
        self._batch_size = batch_size
        self._transforms = make_transforms(transforms, images.shape[1], images.device)
        self._augmentations = make_augmentations(augment, images.shape[1:])
        # a crop that comes first is the gather itself, out of all windows of the resident images
        first = self._augmentations[0] if self._augmentations else None
        self._crop = first if isinstance(first, RandomCrop) else None
        self._per_batch = self._augmentations[1:] if self._crop else self._augmentations
        self._images = self._crop.windows(images) if self._crop else images

    def in_order(self, samples: Tensor | None = None) -> Feed:
        """The images as they are, or those of these samples, in this order."""
        if samples is None:
            images = torch.split(self._images, self._batch_size)
            return lambda batch: self._finish(images[batch])
        rows = self._by_batch(samples)
        return lambda batch: self._finish(self._images.index_select(0, rows[batch]))

    def shuffled(self, samples: Tensor, order: Tensor, seed: int, epoch: int, *purpose: str) -> Feed:
        """The images of these samples, augmented as the seed, the epoch and the numbers in `order` say."""
        draws = [
            augmentation.draw(len(order), generator(seed, "augment", position, epoch, *purpose))[order]
            for position, augmentation in enumerate(self._augmentations)
        ]
        rows = self._by_batch(self._crop.rows(samples, draws.pop(0)) if self._crop else samples)
        drawn = [self._by_batch(values) for values in draws]

        def feed(batch: int) -> Tensor:
            images = self._images.index_select(0, rows[batch])
            for augmentation, values in zip(self._per_batch, drawn, strict=True):
                images = augmentation(images, values[batch])
            return self._finish(images)

        return feed

    def _by_batch(self, values: Tensor) -> tuple[Tensor, ...]:
        return torch.split(values.to(self._images.device), self._batch_size)

    def _finish(self, images: Tensor) -> Tensor:
        """uint8 images scaled to [0, 1] by the operations of torchvision's `ToDtype`, and transformed."""
        is_image = images.dtype is torch.uint8
        scaled = images.to(torch.float32).mul_(1 / 255) if is_image else images.clone()
        for transform in self._transforms:
            scaled = transform(scaled)
        return scaled


def _channels(images: Tensor) -> int:
    return images.shape[1] if images.dim() > 1 else 1
