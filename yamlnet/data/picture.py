"""The file of an image in; its bytes in the channels and the size that a network takes out."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from torch import Tensor

from yamlnet.data.picture_head import opened
from yamlnet.data.pictures import MODES, pixels
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.nodes import Input

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

OF_BYTES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})
"""Images whose values are bytes; the others would lose more than a conversion says."""


def read_picture(file: str, given: Input, before: Callable[[int, int], Input]) -> Tensor:
    """One image as uint8 [channels, height, width]: grey or coloured as the network takes it.

    It is never resized here: `before` tells of its height and width what image the run's `transforms` take.
    Grey is what Pillow makes of colours (0.299 R + 0.587 G + 0.114 B); transparency is left out.

    Raises:
        YamlnetError: it can't be read, is of another size, or the network takes no images.
    """
    shape = given.shape or ()
    if len(shape) != 3 or shape[0] not in MODES:
        raise YamlnetError(
            f"`{file}` is an image, and the network takes {list(shape)}",
            help="an `.npy` file holds samples of any shape",
        )
    if find_spec("PIL") is None:
        raise YamlnetError(
            f"reading the image `{file}` needs the package pillow", help="`pip install pillow`"
        )
    with opened(file) as image:
        shape = before(image.height, image.width).shape or ()
        _check(file, image, shape)
        return pixels(image, shape[0]).contiguous()


def _check(file: str, image: Picture, shape: tuple[int, ...]) -> None:
    _, height, width = shape
    if (image.height, image.width) != (height, width):
        raise YamlnetError(
            f"`{file}` is {image.height} x {image.width}, and the network takes images of "
            f"{height} x {width} (height x width)",
            help="only `Resize` or `CenterCrop` in the run's `transforms` would resize it here",
        )
    if image.mode not in OF_BYTES:
        raise YamlnetError(
            f"`{file}` has values of more than 8 bits (Pillow's mode `{image.mode}`)",
            help=f"save it in 8 bits, or as an `.npy` file of floats from 0 to 1 in {list(shape)}",
        )
