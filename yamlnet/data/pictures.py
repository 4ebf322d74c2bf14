"""Pictures of a data set, one after another, in; their bytes, in one tensor where they have one size, out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.ragged import Ragged, Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.spill import SpilledImages, spilled_images
from yamlnet.data.transforms import fixed
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""What Pillow calls images of so many channels."""

GREY = frozenset({"1", "L"})


@dataclass(frozen=True)
class Form:
    """What all pictures of a data set are made: None takes them as they come.

    `resize` is a call of torchvision's `Resize`. Without `channels`, pictures are grey where all are, else
    coloured.
    """

    channels: int | None = None
    resize: Call | None = None


def stacked(
    pictures: Iterable[tuple[str, Picture]], count: int, form: Form, room: Room = UNLIMITED
) -> Values:
    """The pictures, each with what it is called in messages, as uint8 [samples, channels, height, width].

    Pictures that differ in size are `Ragged`. What `room` doesn't take goes into a file of its own.

    Raises:
        YamlnetError: they are more than this machine's memory, or its disk, holds.
    """
    resize = None if form.resize is None else fixed(form.resize)
    album = _Album(count, room)
    for name, picture in pictures:
        if form.channels is None and album.channels == 1 and picture.mode not in GREY:
            album.colour()
        channels = album.channels or form.channels or (1 if picture.mode in GREY else 3)
        image = pixels(picture, channels)
        album.add(name, image if resize is None else resize(image.unsqueeze(0)).squeeze(0))
    return album.finished()


class _Album:
    """Images as they come: in one tensor, in a list where sizes differ, on disk where they don't fit."""

    def __init__(self, count: int, room: Room) -> None:
        self._count, self._room = count, room
        self._names: list[str] = []
        self._images: Tensor | list[Tensor] | SpilledImages = []
        self._left = 0  # bytes that were taken for images still to come
        self.channels: int | None = None

    def add(self, name: str, image: Tensor) -> None:
        """Adds an image uint8 [channels, height, width]."""
        if not self._names:
            self.channels = image.shape[0]
            self._begin(image)
        index = len(self._names)
        self._names.append(name)
        if isinstance(self._images, Tensor) and image.shape != self._images.shape[1:]:
            self._left -= index * self._images[0].numel()
            self._images = list(self._images[:index])
        if isinstance(self._images, Tensor):
            self._images[index] = image
            return
        if isinstance(self._images, list) and not self._fits(image):
            self._images = spilled_images(self._images)
        self._images.append(image)

    def _begin(self, image: Tensor) -> None:
        needed = self._count * image.numel()
        if self._room.take(needed):
            self._images, self._left = _room(self._count, image), needed
        else:
            self._images = SpilledImages()

    def _fits(self, image: Tensor) -> bool:
        """Whether there is room for one more that has a size of its own."""
        self._left -= image.numel()
        if self._left >= 0:
            return True
        missing, self._left = -self._left, 0
        return self._room.take(missing)

    def colour(self) -> None:
        """Gives grey images three channels, as Pillow does."""
        images, self.channels = self._images, 3
        if isinstance(images, SpilledImages):
            self._images = images.coloured()
            return
        held = images.nbytes if isinstance(images, Tensor) else sum(image.nbytes for image in images)
        coloured = (image.repeat(3, 1, 1) for image in images[: len(self._names)])
        if not self._room.take(2 * held):
            self._images = spilled_images(coloured)
        else:
            self._images = images.repeat(1, 3, 1, 1) if isinstance(images, Tensor) else list(coloured)

    def finished(self) -> Values:
        """All of them."""
        if isinstance(self._images, SpilledImages):
            return self._images.finished(self._names)
        return self._images if isinstance(self._images, Tensor) else Ragged(self._images, self._names)


def pixels(picture: Picture, channels: int) -> Tensor:
    """One picture as uint8 [channels, height, width]."""
    image = picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(image.height, image.width, channels).permute(2, 0, 1)


def _room(count: int, image: Tensor) -> Tensor:
    """A tensor for so many images like this one."""
    needed = count * image.numel()
    held = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > held:
        raise YamlnetError(
            f"{count:,} images of {image.shape[1]} x {image.shape[2]} take {needed / 2**30:,.0f} GiB, "
            f"and this machine has {held / 2**30:,.0f}",
            help="`transforms: [{Resize: [64, 64]}]`, for example, makes them smaller",
        )
    return torch.empty(count, *image.shape, dtype=torch.uint8)
