"""What is known of images at one place among the transforms, and what a transform may find wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.transforms import OF_SEVERAL
from yamlnet.diagnostics import plural

GEOMETRIC = frozenset(
    """
    CenterCrop ElasticTransform GaussianBlur GaussianNoise Identity Normalize Pad RandomAffine
    RandomChannelPermutation RandomCrop RandomErasing RandomHorizontalFlip RandomPerspective RandomResize
    RandomResizedCrop RandomRotation RandomShortestSize RandomVerticalFlip RandomZoomOut Resize ScaleJitter
    """.split()
)
"""Transforms that don't ask what a value means, nor how many channels there are; others are for colours."""

ANY_CHANNELS = frozenset({"RGB", "RandomEqualize", "RandomPosterize"})
"""Transforms of colours for any number of channels; the others take grey or RGB."""

RANGES = frozenset("degrees scale ratio brightness contrast saturation hue side_range scale_range".split())
"""Parameters whose two numbers are a least and a greatest one."""

TO_ONE_SIZE = "`Resize: [HEIGHT, WIDTH]` or `CenterCrop` after it gives all images one size"


class Misfit(Exception):
    """What is wrong with a call, or one in it, for such images; `parameter` is the one to blame."""

    def __init__(self, message: str, help: str | None = None, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.parameter = parameter
        self.call: Call | None = None


@dataclass(frozen=True)
class Picture:
    """What is known of images at one place: what is None isn't known, or differs from image to image.

    `varies` tells that sizes differ because of a transform; `normalized` that values are no colours any more.
    """

    channels: int | None = None
    height: int | None = None
    width: int | None = None
    normalized: bool = False
    varies: bool = False

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """[channels, height, width] where all of it is known."""
        if self.channels is None or self.height is None or self.width is None:
            return None
        return self.channels, self.height, self.width

    def sized(self, height: int | None, width: int | None) -> Picture:
        """The same in another size."""
        still = self.varies and (height is None or width is None)
        return replace(self, height=height, width=width, varies=still)


def check_values(name: str, picture: Picture) -> None:
    """Whether a transform of colours finds colours. Raises Misfit."""
    if name in GEOMETRIC or name in OF_SEVERAL:
        return
    if picture.normalized:
        raise Misfit(
            f"`{name}` is for colours, and after `Normalize` there are none", "`Normalize` comes last"
        )
    if picture.channels not in (None, 1, 3) and name not in ANY_CHANNELS:
        count = plural(picture.channels or 0, "channel")
        raise Misfit(f"`{name}` takes images of 1 or 3 channels, and these have {count}")


def check_range(name: str, parameter: str, value: Any) -> None:
    """Whether a range rises. Raises Misfit."""
    is_range = parameter in RANGES or (parameter == "shear") or (name, parameter) in _OTHER_RANGES
    if not is_range or value is None:
        return
    if not isinstance(value, Sequence):
        if value < 0:
            message = f"`{parameter}` of `{name}` must be at least 0, not {value}"
            help = f"one number stands for the range from {value} to {-value}, and [LEAST, GREATEST] for any"
            raise Misfit(message, help, parameter)
        return
    for least, greatest in zip(value[::2], value[1::2], strict=True):
        if least > greatest:
            message = f"`{parameter}` of `{name}` is [least, greatest], and {least} is above {greatest}"
            raise Misfit(message, parameter=parameter)


_OTHER_RANGES = {("GaussianBlur", "sigma"), ("JPEG", "quality")}


def check_colour(name: str, parameter: str, value: Any, picture: Picture) -> None:
    """Whether there is a value for each channel, or one for all, and bytes for bytes. Raises Misfit."""
    values = value if isinstance(value, Sequence) else [] if value is None else [value]
    if isinstance(value, Sequence) and picture.channels is not None:
        check_count(name, parameter, value, picture.channels)
    if not picture.normalized and any(not 0 <= one <= 255 for one in values):
        wrong = next(one for one in values if not 0 <= one <= 255)
        message = f"`{parameter}` must be from 0 to 255, as the images' values, not {wrong}"
        raise Misfit(message, parameter=parameter)


def check_count(name: str, parameter: str, values: Sequence[float], channels: int) -> None:
    """Whether there is a value for each channel, or one for all. Raises Misfit."""
    if len(values) not in (1, channels):
        raise Misfit(
            f"`{parameter}` of `{name}` has {plural(len(values), 'value')}, "
            f"but the images have {plural(channels, 'channel')}",
            parameter=parameter,
        )
