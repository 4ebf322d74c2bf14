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


def stacked(pictures: Iterable[tuple[str, Picture]], count: int, form: Form) -> Values:
    """The pictures, each with what it is called in messages, as uint8 [samples, channels, height, width].

    Pictures that differ in size are `Ragged`.

    Raises:
        YamlnetError: they are more than this machine's memory holds.
    """
    resize = None if form.resize is None else fixed(form.resize)
    names: list[str] = []
    images: Tensor | list[Tensor] = []
    for index, (name, picture) in enumerate(pictures):
        names.append(name)
        if index and form.channels is None and images[0].shape[0] == 1 and picture.mode not in GREY:
            images = _coloured(images)
        channels = images[0].shape[0] if index else form.channels or (1 if picture.mode in GREY else 3)
        image = pixels(picture, channels)
        if resize is not None:
            image = resize(image.unsqueeze(0)).squeeze(0)
        if index == 0:
            images = _room(count, image)
        if isinstance(images, Tensor) and image.shape != images.shape[1:]:
            images = list(images[:index])
        if isinstance(images, Tensor):
            images[index] = image
        else:
            images.append(image)
    return images if isinstance(images, Tensor) else Ragged(images, names)


def pixels(picture: Picture, channels: int) -> Tensor:
    """One picture as uint8 [channels, height, width]."""
    image = picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(image.height, image.width, channels).permute(2, 0, 1)


def _coloured(images: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    """What Pillow makes of grey ones."""
    if isinstance(images, Tensor):
        return images.repeat(1, 3, 1, 1)
    return [image.repeat(3, 1, 1) for image in images]


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
