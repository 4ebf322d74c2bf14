"""Arguments of `RandomAffine` and `RandomRotation` in; the steps that do it to a whole batch out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from yamlnet.data.counters import uniforms
from yamlnet.data.padding import Fill, colours
from yamlnet.data.steps import Draws, Shape

Range = Sequence[float]


class RandomAffine:
    """Turns, moves, scales and shears an image at random, as torchvision's transform of that name."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.degrees = around_zero(arguments["degrees"])
        self.translate: Range = arguments["translate"] or (0, 0)
        self.scale: Range = arguments["scale"] or (1, 1)
        shear = around_zero(arguments["shear"] or 0)
        self.shear: Range = (*shear, 0, 0)[:4]
        self.center: Range | None = arguments["center"]
        self.mode: str = arguments["interpolation"]
        self.fill: Fill = arguments["fill"]

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """For each image the map from its pixels back to those it takes: float32 [count, 2, 3]."""
        drawn = uniforms(keys, 6).double()
        _, height, width = shape
        moves = [
            (-part * size, part * size) for part, size in zip(self.translate, (width, height), strict=True)
        ]
        ranges = (self.degrees, self.scale, self.shear[:2], self.shear[2:], *moves)
        values = [_between(drawn[:, i], *limits) for i, limits in enumerate(ranges)]
        angle, scale, shear_x, shear_y = values[:4]
        move = torch.stack(values[4:], 1).round_()
        return (backward(angle, scale, shear_x, shear_y, move, _middle(self.center, shape)),)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        (maps,) = draws
        return warp(images, maps, self.mode, self.fill)


class RandomRotation:
    """Turns an image by a random angle, counter-clockwise, as torchvision's transform without `expand`."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.degrees = around_zero(arguments["degrees"])
        self.center: Range | None = arguments["center"]
        self.mode: str = arguments["interpolation"]
        self.fill: Fill = arguments["fill"]

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """For each image the map from its pixels back to those it takes: float32 [count, 2, 3]."""
        angle = _between(uniforms(keys, 1).double()[:, 0], *self.degrees)
        zero = torch.zeros_like(angle)
        move = torch.zeros(len(angle), 2, dtype=torch.float64)
        return (backward(-angle, zero + 1, zero, zero, move, _middle(self.center, shape)),)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        (maps,) = draws
        return warp(images, maps, self.mode, self.fill)


def around_zero(value: float | Range) -> Range:
    """One number stands for the range from its negative to it."""
    return (-value, value) if isinstance(value, int | float) else value


def _between(drawn: Tensor, least: float, greatest: float) -> Tensor:
    return drawn * (greatest - least) + least


def _middle(center: Range | None, shape: Shape) -> Tensor:
    """The center (x, y) as seen from the image's own: float64 [2]."""
    _, height, width = shape
    x, y = (width / 2, height / 2) if center is None else center
    return torch.tensor([x - width / 2, y - height / 2], dtype=torch.float64)


def backward(
    angle: Tensor, scale: Tensor, shear_x: Tensor, shear_y: Tensor, move: Tensor, center: Tensor
) -> Tensor:
    """The inverse of: shear along x, then y, scale and turn around the center, then move.

    Args:
        angle, scale, shear_x, shear_y: [count], in degrees but for the scale.
        move: (x, y) in pixels, [count, 2]; center: (x, y) in pixels from the middle of the image, [2].

    Returns:
        float32 [count, 2, 3]; it maps (x, y, 1), in pixels from the middle.
    """
    angle, shear_x, shear_y = (degrees.deg2rad() for degrees in (angle, shear_x, shear_y))
    sine, cosine, along_x, along_y = angle.sin(), angle.cos(), shear_x.tan(), shear_y.tan()
    a, c = cosine + sine * along_y, sine - cosine * along_y
    b, d = -a * along_x - sine, cosine - c * along_x
    # the determinant of [[a, b], [c, d]] is 1
    inverse = torch.stack([d, -b, -c, a], -1).view(-1, 2, 2) / scale.view(-1, 1, 1)
    offset = center.unsqueeze(-1) - inverse @ (center + move).unsqueeze(-1)
    return torch.cat([inverse, offset], -1).to(torch.float32)


def warp(images: Tensor, maps: Tensor, mode: str, fill: Fill) -> Tensor:
    """Takes each pixel of the images [samples, channels, height, width] from where the maps lead.

    `mode` is `nearest` or `bilinear`; pixels from outside are `fill`, and blended with it at the border, as
    torchvision blends them.
    """
    height, width = images.shape[2:]
    ends = torch.stack([maps[:, 0] * (2 / width), maps[:, 1] * (2 / height)], 1)
    grid = (_places(height, width, maps.device) @ ends.mT).view(-1, height, width, 2)
    values = images if images.is_floating_point() else images.to(torch.float32)
    found = functional.grid_sample(values, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None and (mode == "bilinear" or fill != 0):
        colour = colours(fill, found) if isinstance(fill, Sequence) else fill
        inside = _inside(grid[..., 0], width, mode).mul_(_inside(grid[..., 1], height, mode))
        found = found.sub_(colour).mul_(inside.unsqueeze(1)).add_(colour)
    return found if images.is_floating_point() else found.round_().to(images.dtype)


def _places(height: int, width: int, device: torch.device) -> Tensor:
    """(x, y, 1) of every pixel, from the middle of the image: float32 [height * width, 3]."""
    y = torch.arange(height, device=device).sub((height - 1) / 2).view(-1, 1).expand(height, width)
    x = torch.arange(width, device=device).sub((width - 1) / 2).expand(height, width)
    return torch.stack([x, y, torch.ones_like(x)], -1).view(-1, 3)


def _inside(ends: Tensor, size: int, mode: str) -> Tensor:
    """How much of what is found at places from -1 to 1 along an axis comes from inside the image, of 1."""
    places = (ends + 1).mul_(size / 2).sub_(0.5)
    if mode == "nearest":
        places = places.round_()
    return torch.minimum(places + 1, size - places).clamp_(0, 1)
