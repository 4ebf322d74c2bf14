"""Arguments of `ColorJitter` in; the step that does it to a whole batch out.

Letters of axes: N images, S slots in order, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.data.affine import Range
from yamlnet.data.counters import uniforms
from yamlnet.data.steps import Draws, Shape

BLENDED = ("brightness", "contrast", "saturation")
"""What blends an image with another one: with black, with the mean of its grey, with its grey."""

GREY = (0.2989, 0.587, 0.114)
"""How much red, green and blue count in torchvision's grey."""


class ColorJitter:
    """Changes brightness, contrast, saturation and hue in random order, as torchvision's transform.

    The hue is changed once for each image, and blended as often before it and after it as any image needs:
    so all images take the same path, and a blend that isn't an image's own is one with nothing.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.ranges = {name: _range(arguments[name], 1) for name in BLENDED}
        self.ranges["hue"] = _range(arguments["hue"], 0)

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """Which blend is in each slot, and how much of the image is kept in it, and the change of hue.

        Returns:
            float32 [N, S, 3], 1 for the blend that is there; float32 [N, S] and [N].
        """
        drawn = uniforms(keys, 8).double()
        place = drawn[:, :4].argsort(1).argsort(1)
        used = [i for i, name in enumerate(BLENDED) if self._changes(name, shape[0])]
        has_hue = self._changes("hue", shape[0])
        num_slots = len(used) * (2 if has_hue else 1)
        kinds = torch.zeros(len(keys), num_slots, 3)
        kept = torch.ones(len(keys), num_slots)
        images = torch.arange(len(keys))
        for i in used:
            slot = place[:, used].lt(place[:, i : i + 1]).sum(1)
            if has_hue:
                slot += place[:, i].gt(place[:, 3]) * len(used)
            kinds[images, slot, i] = 1
            kept[images, slot] = _between(drawn[:, 4 + i], self.ranges[BLENDED[i]]).float()
        return kinds, kept, _between(drawn[:, 7], self.ranges["hue"]).float()

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        kinds, kept, hue = draws
        is_bytes = not images.is_floating_point()
        top = 255.0 if is_bytes else 1.0
        values = images.to(torch.float32)
        has_hue = self._changes("hue", images.shape[1])
        before, after = kept.shape[1] // (2 if has_hue else 1), kept.shape[1]
        for slot in range(before):
            values = self._blend(values, kinds[:, slot], kept[:, slot], top)
        if has_hue:
            values = shift_hue(values / top, hue.view(-1, 1, 1))
            # bytes are made of these as torchvision makes them
            values = values.mul_(255 + 1 - 1e-3).floor_() if is_bytes else values
        for slot in range(before, after):
            values = self._blend(values, kinds[:, slot], kept[:, slot], top)
        return values.to(images.dtype)

    def _changes(self, name: str, channels: int) -> bool:
        """Whether images of so many channels are changed: grey ones have neither saturation nor hue."""
        return self.ranges[name] is not None and (channels == 3 or name in ("brightness", "contrast"))

    def _blend(self, values: Tensor, kind: Tensor, kept: Tensor, top: float) -> Tensor:
        """The images as they are by the part `kept`, and by the rest the other image that the kind says."""
        kept = kept.view(-1, 1, 1, 1)
        with_mean, with_grey = kind[:, 1:].view(-1, 2, 1, 1, 1).unbind(1)
        blended = values * kept
        if self.ranges["contrast"] is not None or self.ranges["saturation"] is not None:
            grey = _grey(values, top)
            other = grey.mean((1, 2, 3), keepdim=True).mul_(with_mean) + grey * with_grey
            blended = blended.add_(other.mul_(1 - kept))
        blended = blended.clamp_(0, top)
        return blended.floor_() if top == 255 else blended


def _grey(values: Tensor, top: float) -> Tensor:
    if values.shape[1] == 1:
        return values
    red, green, blue = torch.split(values, 1, 1)
    grey = red.mul(GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    return grey.floor_() if top == 255 else grey


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turns the colours [N, 3, H, W], from 0 to 1, by a part of the circle of hues, [N, 1, 1].

    A channel of the colour with the hue h (0 to 6), the greatest value v and the chroma c is
    v - c max(0, min(k, 4 - k, 1)), with k = (n + h) mod 6 and n = 5, 3, 1 for red, green and blue.
    """
    red, green, blue = images.unbind(1)
    least, greatest = images.aminmax(dim=1)
    chroma = greatest - least
    per_chroma = torch.where(chroma > 0, chroma, 1).reciprocal_()
    hue = torch.where(
        greatest == red,
        (green - blue) * per_chroma,
        torch.where(greatest == green, (blue - red) * per_chroma + 2, (red - green) * per_chroma + 4),
    ).add_(shift * 6)
    channels = []
    for start in (5, 3, 1):
        place = (hue + start).remainder_(6)
        part = torch.minimum(place, 4 - place).clamp_(0, 1)
        channels.append(greatest - part.mul_(chroma))
    return torch.stack(channels, 1)


def _range(value: float | Sequence[float] | None, unchanged: float) -> Range | None:
    """The range of a factor, None where it always leaves the image as it is."""
    if value is None:
        return None
    if isinstance(value, int | float):
        value = (max(0, 1 - value), 1 + value) if unchanged else (-value, value)
    return None if value[0] == value[1] == unchanged else value


def _between(drawn: Tensor, limits: Range | None) -> Tensor:
    low, high = limits or (0, 0)
    return drawn * (high - low) + low
