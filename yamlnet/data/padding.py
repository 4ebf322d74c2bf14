"""Images and the pixels to add on each side in; padded images out, in each of torchvision's padding modes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from yamlnet.catalog.paddings import Padding

Fill = float | Sequence[float] | None
"""A value, or one for each channel; nothing is zero."""


def pad(images: Tensor, padding: Padding, mode: str, fill: Fill = 0) -> Tensor:
    """Pads images [samples, channels, height, width]; the result is contiguous.

    `mode` is `constant`, which adds `fill`, or `edge`, `reflect` or `symmetric`.
    """
    if not any(padding):
        return images.contiguous()
    if mode == "constant":
        return _filled(images, padding, fill)
    height, width = images.shape[-2:]
    rows = _sources(height, padding.top, padding.bottom, mode, images.device)
    columns = _sources(width, padding.left, padding.right, mode, images.device)
    return images.index_select(-2, rows).index_select(-1, columns)


def colours(fill: Fill, images: Tensor) -> Tensor:
    """The value of each channel, in the images' dtype: [channels or 1, 1, 1]."""
    values = (fill or [0]) if isinstance(fill, Sequence) else [fill or 0]
    # a list's copy to a GPU would be waited for
    each = [torch.full((1, 1, 1), value, device=images.device) for value in values]
    return torch.cat(each).to(images.dtype)


def _filled(images: Tensor, padding: Padding, fill: Fill) -> Tensor:
    sides = [padding.left, padding.right, padding.top, padding.bottom]
    if isinstance(fill, Sequence) and len(fill) > 1:
        count, _, height, width = images.shape
        shape = (count, len(fill), *padding.around(height, width))
        padded = colours(fill, images).expand(shape).contiguous()
        padded[..., padding.top : padding.top + height, padding.left : padding.left + width] = images
        return padded
    return functional.pad(images, sides, value=fill[0] if isinstance(fill, Sequence) else fill or 0)


def _sources(size: int, before: int, after: int, mode: str, device: torch.device) -> Tensor:
    """For each pixel of a padded row the pixel it is taken from: int64 [before + size + after]."""
    places = torch.arange(-before, size + after, device=device)
    if mode == "edge":
        return places.clamp(0, size - 1)
    if mode == "reflect":
        return (size - 1) - ((size - 1) - places.abs()).abs()
    return torch.where(places < 0, -1 - places, torch.where(places >= size, 2 * size - 1 - places, places))
