"""A split on the device in; its batches, epoch by epoch, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.augment import RandomCrop, make_augmentations
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Split
from yamlnet.data.transforms import make_transforms


class Batches:
    """The batches of a split: gathered by index, augmented, scaled to [0, 1] and transformed.

    With a seed, each epoch is shuffled anew; without one, the samples come in order, and nothing is
    augmented. The order follows from the seed and the epoch; what augmentation does to a sample from the
    seed, the epoch and the sample. Neither depends on the device, nor on where in the epoch one begins.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        transforms: Sequence[Call],
        augment: Sequence[Call] = (),
        seed: int | None = None,
    ) -> None:
        """Makes ready what doesn't change from batch to batch.

        Raises:
            YamlnetError: a transform or an augmentation doesn't fit the images.
        """
        images = split.fields["image"]
        self.num_samples = len(split)
        self._batch_size = batch_size
        self._seed = seed
        self._device = images.device
        self._others = {name: values for name, values in split.fields.items() if name != "image"}
        self._transforms = make_transforms(transforms, _channels(images), images.device)
        self._augmentations = make_augmentations(augment, images.shape[1:]) if seed is not None else []
        # a crop that comes first is the gather itself, out of all windows of the resident images
        first = self._augmentations[0] if self._augmentations else None
        self._crop = first if isinstance(first, RandomCrop) else None
        self._per_batch = self._augmentations[1:] if self._crop else self._augmentations
        self._images = self._crop.windows(images) if self._crop else images

    def __len__(self) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-self.num_samples // self._batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Tensor]]:
        """The batches of an epoch, from the `start`-th on.

        Each has `image`, float32 [batch, channels, height, width], and the split's other fields, such as
        `target`, int64 [batch].
        """
        if self._seed is None:
            return self._in_order(start)
        return self._shuffled(self._seed, epoch, start)

    def _in_order(self, start: int) -> Iterator[dict[str, Tensor]]:
        images = self._by_batch(self._images)
        others = {name: self._by_batch(values) for name, values in self._others.items()}
        for batch in range(start, len(self)):
            yield {
                "image": self._finish(images[batch]),
                **{name: parts[batch] for name, parts in others.items()},
            }

    def _shuffled(self, seed: int, epoch: int, start: int) -> Iterator[dict[str, Tensor]]:
        order = torch.randperm(self.num_samples, generator=generator(seed, "shuffle", epoch))
        draws = [
            augmentation.draw(self.num_samples, generator(seed, "augment", position, epoch))[order]
            for position, augmentation in enumerate(self._augmentations)
        ]
        rows = self._by_batch(self._crop.rows(order, draws.pop(0)) if self._crop else order)
        drawn = [self._by_batch(values) for values in draws]
        order = order.to(self._device)
        others = {
            name: self._by_batch(values.index_select(0, order)) for name, values in self._others.items()
        }
        for batch in range(start, len(self)):
            images = self._images.index_select(0, rows[batch])
            for augmentation, values in zip(self._per_batch, drawn, strict=True):
                images = augmentation(images, values[batch])
            yield {"image": self._finish(images), **{name: parts[batch] for name, parts in others.items()}}

    def _by_batch(self, values: Tensor) -> tuple[Tensor, ...]:
        return torch.split(values.to(self._device), self._batch_size)

    def _finish(self, images: Tensor) -> Tensor:
        """uint8 images scaled to [0, 1] by the operations of torchvision's `ToDtype`, and transformed."""
        is_image = images.dtype is torch.uint8
        scaled = images.to(torch.float32).mul_(1 / 255) if is_image else images.clone()
        for transform in self._transforms:
            scaled = transform(scaled)
        return scaled


def _channels(images: Tensor) -> int:
    return images.shape[1] if images.dim() > 1 else 1
