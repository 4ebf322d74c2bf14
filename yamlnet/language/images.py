"""The data section and its images' shape -> their shape after `transforms`, and what doesn't fit them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Field
from yamlnet.catalog.pictures import TO_ONE_SIZE, Misfit, Picture
from yamlnet.catalog.shaping import after
from yamlnet.diagnostics import Mistake
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Data

Shape = tuple[int, ...]

COLOURING = ("Grayscale", "RGB")
"""Transforms that change how many channels there are."""

UNKNOWN = Picture()
"""Images of which nothing is known before they are read."""


def training(data: Data) -> tuple[Call, ...]:
    """All that is done to a training image, in order."""
    return (*data.augment, *data.transforms.train)


def evaluating(data: Data) -> tuple[Call, ...]:
    """All that is done to the images of the other splits, in order."""
    return data.transforms.evaluation


def first_resize(data: Data) -> Call | None:
    """The `Resize` that comes first for all splits, and so may be done while images are read."""
    first = [calls[0] for calls in (training(data), evaluating(data)) if calls]
    if len(first) < 2 or any(call.name != "Resize" for call in first):
        return None
    return first[0] if first[0].arguments == first[1].arguments else None


def picture_of(shape: Shape | None) -> Picture:
    """What is known of images of this shape, [channels, height, width]; None where that isn't known."""
    return UNKNOWN if shape is None or len(shape) != 3 else Picture(*shape)


def result(calls: Sequence[Call], picture: Picture) -> Picture:
    """What the images are like after all calls. Raises Misfit."""
    for call in calls:
        picture = after(call, picture)
    return picture


def after_transforms(field: Field, data: Data, picture: Picture) -> Field:
    """The field of such images as the network is given them to evaluate, else as it is trained on them.

    As it was where something doesn't fit.
    """
    try:
        found = result(evaluating(data), picture)
        found = found if found.shape is not None else result(training(data), picture)
    except Misfit:
        return field
    channels = None if field.channels is None else found.channels
    return replace(field, shape=found.shape or field.shape, channels=channels)


def changes(calls: Sequence[Call], picture: Picture) -> list[tuple[Call, Shape | None]]:
    """The calls that change the shape of images, all of which fit them, and the shape after each."""
    found: list[tuple[Call, Shape | None]] = []
    for call in calls:
        before, picture = picture, after(call, picture)
        if (before.channels, before.height, before.width) != (
            picture.channels,
            picture.height,
            picture.width,
        ):
            found.append((call, picture.shape))
    return found


def misfits(data: Data, shape: Shape | None, picture: Picture) -> list[Mistake]:
    """What can't be done to images of this shape, or where it isn't known, of which only `picture` is."""
    found = {
        mistake.path: mistake
        for calls in (training(data), evaluating(data))
        for mistake in (
            _flat(calls, shape) if shape is not None and len(shape) != 3 else _misfits(calls, picture)
        )
    }
    return list(found.values())


def _flat(calls: Sequence[Call], shape: Shape) -> Iterator[Mistake]:
    """Calls for what is named `image`, but isn't one: one mean and one deviation fit everything."""
    for call in calls:
        of_one = all(isinstance(value, int | float) or len(value) == 1 for value in call.arguments.values())
        if call.name != "Normalize" or not of_one:
            message = f"`{call.name}` takes images in [channels, height, width], and these are {list(shape)}"
            yield Mistake("wrong-value", call.path, message, at=name_place(call.path, call.name))


def _misfits(calls: Sequence[Call], picture: Picture) -> Iterator[Mistake]:
    varying: Call | None = None
    for call in calls:
        try:
            found = after(call, picture)
        except Misfit as misfit:
            yield _mistake(misfit, misfit.call or call)
            channels = None if call.name in COLOURING else picture.channels
            found = Picture(channels, normalized=picture.normalized or call.name == "Normalize")
        varying = (call if not picture.varies else varying) if found.varies else None
        picture = found
    if varying is not None:
        message = f"`{varying.name}` gives images of different sizes, which make no batch"
        yield Mistake(
            "wrong-value", varying.path, message, TO_ONE_SIZE, at=name_place(varying.path, varying.name)
        )


def _mistake(misfit: Misfit, call: Call) -> Mistake:
    if misfit.parameter is not None and misfit.parameter in call.arguments:
        return Mistake("wrong-value", call.argument_path(misfit.parameter), misfit.message, misfit.help)
    at = name_place(call.path, call.name)
    return Mistake("wrong-value", call.path, misfit.message, misfit.help, at=at)
