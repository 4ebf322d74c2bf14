"""A transform's call and what is known of the images before it in; the same of those that it gives out.

Sizes are worked out as torchvision works them out, without importing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from yamlnet.catalog import paddings
from yamlnet.catalog.entry import Call
from yamlnet.catalog.transforms import OF_SEVERAL
from yamlnet.diagnostics import plural

Size = tuple[int | None, int | None]

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


def after(call: Call, picture: Picture) -> Picture:
    """What the images are like that the call gives.

    Raises:
        Misfit: it can't be called on such images.
    """
    try:
        return _after(call.name, call.with_defaults(), picture)
    except Misfit as misfit:
        misfit.call = misfit.call or call
        raise


def _after(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    _check_values(name, picture)
    for parameter, value in arguments.items():
        _check_range(name, parameter, value)
    if "fill" in arguments:
        _check_colour(name, "fill", arguments["fill"], picture)
    if name in OF_SEVERAL:
        return _after_several(name, arguments, picture)
    rule = RULES.get(name)
    return picture if rule is None else rule(name, arguments, picture)


def _check_values(name: str, picture: Picture) -> None:
    """Whether a transform of colours finds colours."""
    if name in GEOMETRIC or name in OF_SEVERAL:
        return
    if picture.normalized:
        raise Misfit(
            f"`{name}` is for colours, and after `Normalize` there are none", "`Normalize` comes last"
        )
    if picture.channels not in (None, 1, 3) and name not in ANY_CHANNELS:
        count = plural(picture.channels or 0, "channel")
        raise Misfit(f"`{name}` takes images of 1 or 3 channels, and these have {count}")


def _check_range(name: str, parameter: str, value: Any) -> None:
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


def _check_colour(name: str, parameter: str, value: Any, picture: Picture) -> None:
    """A value for each channel, or one for all; bytes where the images' values are bytes."""
    values = value if isinstance(value, Sequence) else [] if value is None else [value]
    if isinstance(value, Sequence) and picture.channels is not None:
        _check_count(name, parameter, value, picture.channels)
    if not picture.normalized and any(not 0 <= one <= 255 for one in values):
        wrong = next(one for one in values if not 0 <= one <= 255)
        message = f"`{parameter}` must be from 0 to 255, as the images' values, not {wrong}"
        raise Misfit(message, parameter=parameter)


def _check_count(name: str, parameter: str, values: Sequence[float], channels: int) -> None:
    if len(values) not in (1, channels):
        raise Misfit(
            f"`{parameter}` of `{name}` has {plural(len(values), 'value')}, "
            f"but the images have {plural(channels, 'channel')}",
            parameter=parameter,
        )


def _after_several(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    """What several transforms give: of a choice, what all its transforms give alike."""
    calls: Sequence[Call] = arguments["transforms"]
    if not calls:
        raise Misfit(f"`{name}` has no transforms", parameter="transforms")
    if name == "RandomChoice":
        _check_odds(calls, arguments["p"])
        results = [after(call, picture) for call in calls]
    else:
        orders = [calls, calls[::-1]] if name == "RandomOrder" else [calls]
        results = [reduce(lambda found, call: after(call, found), order, picture) for order in orders]
        if name == "RandomApply" and arguments["p"] < 1:
            results = [picture, *(results if arguments["p"] > 0 else [])]
    if len({result.channels for result in results}) > 1:
        raise Misfit(f"`{name}` gives images of different numbers of channels", parameter="transforms")
    first = results[0]
    same = all((result.height, result.width) == (first.height, first.width) for result in results)
    varies = any(result.varies for result in results) or not same
    return replace(first if same else first.sized(None, None), varies=varies)


def _check_odds(calls: Sequence[Call], odds: Sequence[float] | None) -> None:
    if odds is not None and len(odds) != len(calls):
        message = (
            f"`p` of `RandomChoice` has {plural(len(odds), 'number')} for {plural(len(calls), 'transform')}"
        )
        raise Misfit(message, parameter="p")
    if odds is not None and not sum(odds):
        raise Misfit("`p` of `RandomChoice` chooses none", parameter="p")


def pair(value: Any) -> tuple[int, int]:
    """Height and width, of which one number is both."""
    return (int(value), int(value)) if isinstance(value, int | float) else (int(value[0]), int(value[1]))


def _cut(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    return picture.sized(*pair(arguments["size"]))


def _random_crop(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    height, width = pair(arguments["size"])
    padding = paddings.parse(arguments["padding"])
    if picture.height is not None and picture.width is not None:
        found = (picture.height, picture.width)
        if arguments["pad_if_needed"]:
            padding = padding.at_least(*found, height, width)
        _check_padding(name, padding, arguments, found)
        padded = padding.around(*found)
        if height > padded[0] or width > padded[1]:
            are = "padded " if any(padding) else ""
            message = f"`{name}` can't cut {_text((height, width))} out of {are}images of {_text(padded)}"
            help = "`pad_if_needed: true` pads what is too small"
            raise Misfit(f"{message} (height x width)", help, "size")
    return picture.sized(height, width)


def _check_padding(
    name: str, padding: paddings.Padding, arguments: Mapping[str, Any], found: tuple[int, int]
) -> None:
    mode, fill = arguments["padding_mode"], arguments["fill"]
    if mode != "constant" and isinstance(fill, Sequence) and len(fill) > 1 and any(padding):
        raise Misfit(f"`{name}` fills nothing where it pads by `{mode}`", parameter="fill")
    if (mirrored := paddings.too_far(padding, mode, *found)) is not None:
        size, added, limit = mirrored
        message = f"`{mode}` can't pad {size} pixels by {added}: it mirrors {limit} at most"
        raise Misfit(message, parameter="padding")


def _pad(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    padding = paddings.parse(arguments["padding"])
    if picture.height is None or picture.width is None:
        return picture
    _check_padding(name, padding, arguments, (picture.height, picture.width))
    return picture.sized(*padding.around(picture.height, picture.width))


def _resize(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    size, most = arguments["size"], arguments["max_size"]
    if size is None and most is None:
        raise Misfit("`Resize` needs `size`, or `max_size` for the longer side", parameter="size")
    if isinstance(size, Sequence):
        if most is not None:
            raise Misfit("`max_size` is for a `size` of one number, the shorter side", parameter="max_size")
        return picture.sized(*pair(size))
    if size is not None and most is not None and most <= size:
        raise Misfit(f"`max_size` is {most}, and the shorter side is to be {size}", parameter="max_size")
    if picture.height is None or picture.width is None:
        return picture
    height, width = resized((picture.height, picture.width), size, most)
    if not height or not width:
        raise Misfit(f"`Resize` would make images {height} x {width} (height x width)", parameter="size")
    return picture.sized(height, width)


def resized(found: tuple[int, int], shorter: int | None, most: int | None) -> tuple[int, int]:
    """Height and width where the shorter side becomes `shorter`, and the longer one `most` at most."""
    short, long = sorted(found)
    if shorter is None:
        assert most is not None
        short, long = int(most * short / long), most
    else:
        short, long = int(shorter), int(shorter * long / short)
        if most is not None and long > most:
            short, long = int(most * short / long), most
    return (short, long) if found[0] <= found[1] else (long, short)


def _varying(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    if name == "RandomResize" and arguments["min_size"] >= arguments["max_size"]:
        message = f"`min_size` of `RandomResize` must be below `max_size`, {arguments['max_size']}"
        raise Misfit(message, parameter="min_size")
    return replace(picture.sized(None, None), varies=True)


def _rotation(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    return _varying(name, arguments, picture) if arguments["expand"] else picture


def _grey(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    channels = int(arguments["num_output_channels"])
    if channels == 2:
        raise Misfit("`num_output_channels` must be 1 or 3, not 2", parameter="num_output_channels")
    return replace(picture, channels=channels)


def _coloured(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    if picture.channels == 2:
        raise Misfit("`RGB` takes grey images, or such with 3 or more channels, and these have 2")
    return picture if picture.channels is None else replace(picture, channels=max(3, picture.channels))


def _normalize(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    for parameter in ("mean", "std"):
        if isinstance(arguments[parameter], Sequence) and picture.channels is not None:
            _check_count(name, parameter, arguments[parameter], picture.channels)
    return replace(picture, normalized=True)


def _noise(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    if picture.normalized and arguments["clip"]:
        message = "`clip` of `GaussianNoise` keeps values in [0, 1], and after `Normalize` they aren't there"
        raise Misfit(message, "say `clip: false`", "clip")
    if not picture.normalized and not arguments["clip"]:
        message = "without `clip`, `GaussianNoise` would take bytes past 255 and on from 0"
        raise Misfit(message, "leave `clip` out, or let it come after `Normalize`", "clip")
    return picture


def _erasing(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    value = arguments["value"]
    if value != "random":
        _check_colour(name, "value", value, picture)
    elif not picture.normalized:
        message = "`random` values of `RandomErasing` are normally distributed, and these images are bytes"
        help = "let it come after `Normalize`: `transforms: {train: [Normalize, RandomErasing], ...}`"
        raise Misfit(message, help, "value")
    return picture


def _blur(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    kernel = pair(arguments["kernel_size"])
    if not all(size % 2 for size in kernel):
        raise Misfit("`kernel_size` of `GaussianBlur` must be odd", parameter="kernel_size")
    # torchvision's kernel is [width, height]
    for size, found in zip(kernel, (picture.width, picture.height), strict=True):
        if found is not None and size // 2 >= found:
            message = f"`GaussianBlur` can't blur {found} pixels with a kernel of {size}"
            raise Misfit(message, parameter="kernel_size")
    return picture


def _strength(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    if arguments["magnitude"] >= arguments["num_magnitude_bins"]:
        bins = arguments["num_magnitude_bins"]
        message = f"`magnitude` of `RandAugment` must be below `num_magnitude_bins`, {bins}"
        raise Misfit(message, parameter="magnitude")
    return picture


def _threshold(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    _check_colour(name, "threshold", arguments["threshold"], picture)
    return picture


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


RULES: Mapping[str, Callable[[str, Mapping[str, Any], Picture], Picture]] = {
    "CenterCrop": _cut,
    "GaussianBlur": _blur,
    "GaussianNoise": _noise,
    "Grayscale": _grey,
    "Normalize": _normalize,
    "Pad": _pad,
    "RGB": _coloured,
    "RandAugment": _strength,
    "RandomCrop": _random_crop,
    "RandomErasing": _erasing,
    "RandomResize": _varying,
    "RandomResizedCrop": _cut,
    "RandomRotation": _rotation,
    "RandomShortestSize": _varying,
    "RandomSolarize": _threshold,
    "RandomZoomOut": _varying,
    "Resize": _resize,
    "ScaleJitter": _varying,
}
"""What transforms do to the shape of an image, and what they demand of it; the others leave it."""
