"""A transform's call and what is known of the images before it in; the same of those that it gives out.

Sizes are worked out as torchvision works them out, without importing it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from yamlnet.catalog import paddings
from yamlnet.catalog.entry import Call
from yamlnet.catalog.pictures import Misfit, Picture, check_colour, check_count, check_range, check_values
from yamlnet.catalog.transforms import OF_SEVERAL
from yamlnet.diagnostics import plural


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
    check_values(name, picture)
    for parameter, value in arguments.items():
        check_range(name, parameter, value)
    if "fill" in arguments:
        check_colour(name, "fill", arguments["fill"], picture)
    if name in OF_SEVERAL:
        return _after_several(name, arguments, picture)
    rule = RULES.get(name)
    return picture if rule is None else rule(name, arguments, picture)


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
            check_count(name, parameter, arguments[parameter], picture.channels)
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
        check_colour(name, "value", value, picture)
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


def _elastic(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    sigma = arguments["sigma"]
    for one in sigma if isinstance(sigma, Sequence) else [sigma]:
        reach = int(8 * one + 1) // 2  # torchvision's kernel is that wide on either side
        found = min((side for side in (picture.height, picture.width) if side is not None), default=None)
        if found is not None and reach >= found:
            message = (
                f"`sigma` {one:g} of `ElasticTransform` takes images of more than {reach} pixels, not {found}"
            )
            raise Misfit(message, "a smaller `sigma` makes displacements less smooth", "sigma")
    return picture


def _strength(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    if arguments["magnitude"] >= arguments["num_magnitude_bins"]:
        bins = arguments["num_magnitude_bins"]
        message = f"`magnitude` of `RandAugment` must be below `num_magnitude_bins`, {bins}"
        raise Misfit(message, parameter="magnitude")
    return picture


def _threshold(name: str, arguments: Mapping[str, Any], picture: Picture) -> Picture:
    check_colour(name, "threshold", arguments["threshold"], picture)
    return picture


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


RULES: Mapping[str, Callable[[str, Mapping[str, Any], Picture], Picture]] = {
    "CenterCrop": _cut,
    "ElasticTransform": _elastic,
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
