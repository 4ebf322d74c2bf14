"""Arguments of `RandomErasing` in; the step that does it to a whole batch out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from yamlnet.data.counters import normals, uniforms
from yamlnet.data.padding import Fill, colours
from yamlnet.data.steps import Draws, Shape

TRIALS = 10
"""How often torchvision draws a rectangle anew that is larger than the image."""


class RandomErasing:
    """Erases a random rectangle with probability `p`, as torchvision's transform of that name."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.p: float = arguments["p"]
        self.scale = arguments["scale"]
        self.ratio = arguments["ratio"]
        value = arguments["value"]
        self.value: Fill = None if value == "random" else value
        self.draws_values = value == "random"

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """Each rectangle's top, left, bottom and right, int64 [count, 4], and its key, [count].

        All four are 0 for an image that is left as it is.
        """
        _, image_height, image_width = shape
        drawn = uniforms(keys, 3 + 2 * TRIALS).double()
        areas, ratios = drawn[:, 3 : 3 + TRIALS], drawn[:, 3 + TRIALS :]
        areas = (areas * (self.scale[1] - self.scale[0]) + self.scale[0]) * (image_height * image_width)
        low, high = map(math.log, self.ratio)
        ratios = (ratios * (high - low) + low).exp()
        heights, widths = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
        fits = (heights < image_height) & (widths < image_width)
        first = fits.to(torch.int8).argmax(1, keepdim=True)
        height, width = heights.gather(1, first)[:, 0], widths.gather(1, first)[:, 0]
        erases = fits.any(1) & (drawn[:, 0] < self.p)
        top = (drawn[:, 1] * (image_height - height + 1)).floor()
        left = (drawn[:, 2] * (image_width - width + 1)).floor()
        ends = torch.stack([top, left, top + height, left + width], 1)
        return ends.mul_(erases.unsqueeze(1)).long(), keys

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        ends, keys = draws
        top, left, bottom, right = ends.view(-1, 4, 1, 1, 1).unbind(1)
        y = torch.arange(images.shape[2], device=images.device).view(-1, 1)
        x = torch.arange(images.shape[3], device=images.device)
        erased = (y >= top) & (y < bottom) & (x >= left) & (x < right)
        return torch.where(erased, self._values(images, keys), images)

    def _values(self, images: Tensor, keys: Tensor) -> Tensor:
        if self.draws_values:
            return normals(keys, images[0].numel()).view(images.shape).to(images.dtype)
        if isinstance(self.value, int | float):
            return torch.full((), self.value, device=images.device).to(images.dtype)
        return colours(self.value, images)
