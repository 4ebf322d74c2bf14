"""Files of pictures in; their pixels, decoded when they are asked for, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.pictures import Picture as Known
from yamlnet.catalog.shaping import after
from yamlnet.data.picture_head import opened
from yamlnet.data.pictures import pixels
from yamlnet.data.steps import Images
from yamlnet.data.transforms import fixed

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

CHANNELS = 3


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Pictures that stay in their files, as RGB, resized where that is said.

    `sizes` are the heights and widths that come of it.
    """

    paths: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    resize: Call | None

    is_decoded = True
    dtype = torch.uint8
    channels = CHANNELS

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of a picture, None where they differ."""
        return (CHANNELS, *self.sizes[0]) if len(set(self.sizes)) == 1 else None

    @property
    def num_bytes(self) -> int:
        """What all pictures would take in memory."""
        return CHANNELS * sum(map(prod, self.sizes))

    def read(self, rows: Sequence[int]) -> Images:
        """Decodes some pictures.

        Raises:
            YamlnetError: one can't be read.
        """
        resize = None if self.resize is None else fixed(self.resize)
        images: list[Tensor] = []
        for row in rows:
            image = pixels(in_colour(self.paths[row]), CHANNELS)
            images.append(image if resize is None else resize(image.unsqueeze(0)).squeeze(0))
        return images if self.shape is None else torch.stack(images)

    def in_words(self, row: int) -> str:
        """What a picture is called, and its size."""
        height, width = self.sizes[row]
        return f"`{self.paths[row]}` is {height} x {width}"


def picture_files(paths: Sequence[str], resize: Call | None) -> PictureFiles:
    """The files, of which the sizes alone are read; not even these where all become one size.

    Raises:
        YamlnetError: one can't be read.
    """
    known = Known(CHANNELS) if resize is None else after(resize, Known(CHANNELS))
    if known.height is not None and known.width is not None:
        return PictureFiles(paths, [(known.height, known.width)] * len(paths), resize)
    sizes = []
    for path in paths:
        found = Known(CHANNELS, *_size(path))
        found = found if resize is None else after(resize, found)
        assert found.height is not None
        assert found.width is not None
        sizes.append((found.height, found.width))
    return PictureFiles(paths, sizes, resize)


def in_colour(path: str) -> Picture:
    """A picture of a file as RGB.

    Raises:
        YamlnetError: it can't be read.
    """
    with opened(path) as file:
        return file.convert("RGB")


def _size(path: str) -> tuple[int, int]:
    """The height and width that the file's header says."""
    with opened(path) as file:
        return file.height, file.width


def first_line(error: Exception) -> str:
    """The first line of what an exception says."""
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return text[:1].lower() + text[1:]
