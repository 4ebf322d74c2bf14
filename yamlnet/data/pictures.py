"""Pictures of a data set, one after another, in; one tensor of their bytes out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""What Pillow calls images of so many channels."""

GREY = frozenset({"1", "L"})


@dataclass(frozen=True)
class Form:
    """What all pictures of a data set are made: None takes them as they come, if they come all the same.

    `resize` is a call of torchvision's `Resize` to a height and a width. Without `channels`, pictures are
    grey where all are, else coloured.
    """

    channels: int | None = None
    resize: Call | None = None


def stacked(pictures: Iterable[tuple[str, Picture]], count: int, form: Form) -> Tensor:
    """The pictures, each with what it is called in messages, as uint8 [samples, channels, height, width].

    Raises:
        YamlnetError: they differ in size, or are more than this machine's memory holds.
    """
    images, first = torch.empty(0), ""
    for index, (name, picture) in enumerate(pictures):
        if index == 0:
            channels = form.channels or (1 if picture.mode in GREY else 3)
            size = (picture.height, picture.width) if form.resize is None else size_of(form.resize)
            images, first = _room(count, channels, size), name
        elif form.channels is None and images.shape[1] == 1 and picture.mode not in GREY:
            images = images.repeat(1, 3, 1, 1)  # what Pillow makes of grey ones
        if form.resize is None and (picture.height, picture.width) != size:
            found = f"`{first}` is {size[0]} x {size[1]}, `{name}` is {picture.height} x {picture.width}"
            raise YamlnetError(
                f"images of different sizes can't make a batch: {found} (height x width)",
                help="`transforms: [{Resize: [224, 224]}]`, for example, brings them to one size",
            )
        images[index] = pixels(picture, images.shape[1], form.resize)
    return images


def size_of(resize: Call) -> tuple[int, int]:
    """The height and width that it gives."""
    height, width = resize.arguments["size"]
    return int(height), int(width)


def pixels(picture: Picture, channels: int, resize: Call | None) -> Tensor:
    """One picture as uint8 [channels, height, width], resized as torchvision resizes pictures."""
    from PIL.Image import Resampling

    image = picture if picture.mode == MODES[channels] else picture.convert(MODES[channels])
    if resize is not None and (image.height, image.width) != size_of(resize):
        how = resize.arguments.get("interpolation", "bilinear").removesuffix("-exact")
        image = image.resize(size_of(resize)[::-1], Resampling[how.upper()])
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(image.height, image.width, channels).permute(2, 0, 1)


def _room(count: int, channels: int, size: tuple[int, int]) -> Tensor:
    needed = count * channels * size[0] * size[1]
    held = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > held:
        raise YamlnetError(
            f"{count:,} images of {size[0]} x {size[1]} take {needed / 2**30:,.0f} GiB, "
            f"and this machine has {held / 2**30:,.0f}",
            help="`transforms: [{Resize: [64, 64]}]`, for example, makes them smaller",
        )
    return torch.empty(count, channels, *size, dtype=torch.uint8)
