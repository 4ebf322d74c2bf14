"""The forms of what is done to images: to a whole batch at once, or to one image after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Shape = tuple[int, int, int]
"""[channels, height, width]."""

Draws = tuple[Tensor, ...]
"""What was drawn for each of some images: the first axis of each tensor counts them."""

Images = Tensor | list[Tensor]
"""A batch [samples, channels, height, width]; where sizes differ a list of [channels, height, width]."""


class Step(Protocol):
    """What happens to an image follows from its draws alone, and these from its key."""

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """The draws for images of this shape, from their keys: int64 [samples] on the CPU."""

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """The images [samples, channels, height, width], each changed as its draws say."""


class Fixed:
    """A step that draws nothing: the same function of every image."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def draw(self, keys: Tensor, shape: Shape) -> Draws:
        """Nothing."""
        return ()

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        return self.function(images)


@dataclass(frozen=True)
class OneByOne:
    """A step as a function of one image [channels, height, width] and its key, an int64 [1]."""

    function: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, images: Images, draws: Draws) -> Images:
        """The images one after another; a batch again where all come out in one size."""
        (keys,) = draws
        results = [self.function(image, key) for image, key in zip(images, torch.split(keys, 1), strict=True)]
        return together(results)


def one_by_one(step: Step) -> OneByOne:
    """A step for images of different sizes."""

    def change(image: Tensor, key: Tensor) -> Tensor:
        channels, height, width = image.shape
        return step(image.unsqueeze(0), step.draw(key, (channels, height, width))).squeeze(0)

    return OneByOne(change)


def together(images: Sequence[Tensor]) -> Images:
    """A batch where all images are of one size, else the list."""
    return torch.stack(list(images)) if len({image.shape for image in images}) == 1 else list(images)
