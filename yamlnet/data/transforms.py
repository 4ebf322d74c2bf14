"""Calls of transforms that draw nothing in; what they do to a whole batch out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.paddings import parse
from yamlnet.data import per_image
from yamlnet.data.padding import pad


def scale(images: Tensor) -> Tensor:
    """Bytes scaled to [0, 1] by the operations of torchvision's `ToDtype`; other numbers copied."""
    if images.dtype is torch.uint8:
        return images.to(torch.float32).mul_(1 / 255)
    return images.to(torch.float32, copy=True)


class Normalize:
    """Subtracts a mean and divides by a standard deviation, per channel, as torchvision's transform."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.mean, self.std = (_per_channel(arguments[name]) for name in ("mean", "std"))

    def __call__(self, images: Tensor) -> Tensor:
        """Changes float32 images [batch, channels, height, width] in place."""
        if self.mean.device != images.device:
            self.mean, self.std = self.mean.to(images.device), self.std.to(images.device)
        return images.sub_(self.mean).div_(self.std)


def _per_channel(value: float | Sequence[float]) -> Tensor:
    """[channels, 1, 1]; one value for all takes a shorter way through torch when it has no axes."""
    values = torch.tensor(value, dtype=torch.float32).flatten()
    return values[0] if values.numel() == 1 else values.view(-1, 1, 1)


def fixed(call: Call) -> Callable[[Tensor], Tensor]:
    """What a call does to images [batch, channels, height, width].

    Raises:
        YamlnetError: torchvision is needed, and can't be imported.
    """
    arguments = call.with_defaults()
    if call.name == "Normalize":
        return Normalize(arguments)
    if call.name == "Pad":
        padding, mode, fill = parse(arguments["padding"]), arguments["padding_mode"], arguments["fill"]
        return lambda images: pad(images, padding, mode, fill)
    transform: Callable[[Tensor], Tensor] = per_image.make(call)
    return transform
