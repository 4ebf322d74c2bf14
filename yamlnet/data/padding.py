"""Images and the pixels to add on each side in; padded images out, in each of torchvision's padding modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from yamlnet.diagnostics import YamlnetError


class Padding(NamedTuple):
    """Pixels to add on each side of an image."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def at_least(self, height: int, width: int, needed_height: int, needed_width: int) -> Padding:
        """This padding, and what the padded image lacks on top of it on either side, as `pad_if_needed`."""
        more_height = max(0, needed_height - (height + self.top + self.bottom))
        more_width = max(0, needed_width - (width + self.left + self.right))
        return Padding(
            self.left + more_width, self.top + more_height, self.right + more_width, self.bottom + more_height
        )


def parse_padding(value: int | Sequence[int] | None) -> Padding:
    """torchvision's `padding`: one number, [horizontal, vertical], or [left, top, right, bottom]."""
    sides = [value or 0] if value is None or isinstance(value, int) else list(value)
    return Padding(*(sides * (4 // len(sides))))


def check_padding(padding: Padding, mode: str, fill: float, height: int, width: int) -> None:
    """Whether images of this height and width can be padded so.

    Raises:
        YamlnetError: they are too small to be mirrored that far, or `fill` is no byte.
    """
    if mode == "constant" and not 0 <= fill <= 255:
        raise YamlnetError(f"`fill` must be from 0 to 255, as the images' values, not {fill}", exit_code=1)
    if mode not in ("reflect", "symmetric"):
        return
    for size, added in (
        (height, padding.top),
        (height, padding.bottom),
        (width, padding.left),
        (width, padding.right),
    ):
        limit = size - 1 if mode == "reflect" else size
        if added > limit:
            raise YamlnetError(
                f"`{mode}` can't pad {size} pixels by {added}: it mirrors {limit} at most", exit_code=1
            )


def pad(images: Tensor, padding: Padding, mode: str, fill: float = 0) -> Tensor:
    """Pads uint8 images [samples, channels, height, width]; the result is contiguous.

    `mode` is `constant`, which adds `fill`, or `edge`, `reflect` or `symmetric`.
    """
    if not any(padding):
        return images.contiguous()
    if mode == "constant":
        sides = [padding.left, padding.right, padding.top, padding.bottom]
        return functional.pad(images, sides, value=fill)
    height, width = images.shape[-2:]
    rows = _sources(height, padding.top, padding.bottom, mode).to(images.device)
    columns = _sources(width, padding.left, padding.right, mode).to(images.device)
    return images.index_select(-2, rows).index_select(-1, columns)


def _sources(size: int, before: int, after: int, mode: str) -> Tensor:
    """For each pixel of a padded row the pixel it is taken from: int64 [before + size + after]."""
    places = torch.arange(-before, size + after)
    if mode == "edge":
        return places.clamp(0, size - 1)
    if mode == "reflect":
        return (size - 1) - ((size - 1) - places.abs()).abs()
    return torch.where(places < 0, -1 - places, torch.where(places >= size, 2 * size - 1 - places, places))
