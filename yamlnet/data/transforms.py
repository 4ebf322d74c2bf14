"""Calls of `transforms` in; for each a function of a whole float batch out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError, plural


class Normalize:
    """Subtracts a mean and divides by a standard deviation, per channel, as torchvision's transform."""

    def __init__(self, call: Call, channels: int, device: torch.device) -> None:
        """For images of so many channels.

        Raises:
            YamlnetError: another number of values than channels.
        """
        values = [torch.tensor(call.arguments[name], dtype=torch.float32) for name in ("mean", "std")]
        for name, value in zip(("mean", "std"), values, strict=True):
            if value.numel() not in (1, channels):
                raise YamlnetError(
                    f"`{name}` of `Normalize` has {plural(value.numel(), 'value')}, "
                    f"but the images have {plural(channels, 'channel')}",
                    exit_code=1,
                )
        # one value for all channels takes a shorter way through torch when it has no axes
        self.mean, self.std = (
            value.flatten()[0].to(device) if value.numel() == 1 else value.view(-1, 1, 1).to(device)
            for value in values
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Changes float32 images [batch, channels, height, width] in place."""
        return images.sub_(self.mean).div_(self.std)


def make_transforms(calls: Sequence[Call], channels: int, device: torch.device) -> list[Normalize]:
    """One transform for each call, for images of so many channels.

    Raises:
        YamlnetError: a call doesn't fit such images, or isn't for `transforms`.
    """
    for call in calls:
        if call.name != "Normalize":
            raise YamlnetError(
                f"`{call.name}` draws at random, and can't be under `transforms`",
                help="say it under `augment`",
                exit_code=1,
            )
    return [Normalize(call, channels, device) for call in calls]
