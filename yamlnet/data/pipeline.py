"""Calls of `augment` and `transforms` in; what they do to images, the same in every process, out.

What happens to a sample's image follows from the image, the run's seed, the epoch, the sample's number and
which transform it is. It depends neither on the batch nor on what was drawn before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.pictures import Misfit, Picture
from yamlnet.catalog.shaping import after
from yamlnet.catalog.transforms import is_random
from yamlnet.data import counters, per_image
from yamlnet.data.affine import RandomAffine, RandomRotation
from yamlnet.data.crops import Flip, RandomCrop
from yamlnet.data.erasing import RandomErasing
from yamlnet.data.jitter import ColorJitter
from yamlnet.data.per_image import Drawn
from yamlnet.data.ragged import Ragged, Values, sample_shape
from yamlnet.data.steps import Draws, Fixed, Images, OneByOne, Shape, Step, one_by_one, together
from yamlnet.data.transforms import fixed, scale
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.images import picture_of

MAX_PREPARED = 2**30
"""Bytes that images may take after what can be done to them once, where they take fewer before."""

CHUNK = 256
"""Images that are prepared together."""

BATCHED: Mapping[str, Callable[[dict[str, Any]], Step]] = {
    "ColorJitter": ColorJitter,
    "RandomAffine": RandomAffine,
    "RandomCrop": RandomCrop,
    "RandomErasing": RandomErasing,
    "RandomHorizontalFlip": lambda arguments: Flip(-1, **arguments),
    "RandomRotation": RandomRotation,
    "RandomVerticalFlip": lambda arguments: Flip(-2, **arguments),
}
"""Transforms that draw at random, and that we do to a whole batch at once."""


@dataclass(frozen=True)
class Placed:
    """A step at its place: how many random ones come before it, and the shape of the images that it takes.

    Where their sizes differ the shape is None, and the step takes one image after another. `once` tells that
    it does the same to an image in every epoch, and leaves bytes as bytes.
    """

    step: Step | OneByOne | Drawn
    number: int
    shape: Shape | None
    once: bool = False

    @property
    def one_by_one(self) -> bool:
        """Whether it takes one image after another, which is work for the CPU."""
        return isinstance(self.step, OneByOne | Drawn)


@dataclass(frozen=True)
class Steps:
    """Steps in order, as a function of images, their samples' numbers and the epoch."""

    placed: tuple[Placed, ...]
    seed: int

    def __call__(self, images: Images, samples: Tensor, epoch: int) -> Images:
        """The images after all steps; `samples` are their numbers in the split, int64 [samples]."""
        return self.apply(images, self.draws(samples, epoch))

    def __bool__(self) -> bool:
        return bool(self.placed)

    def draws(self, samples: Tensor, epoch: int, *purpose: str) -> tuple[Draws, ...]:
        """What each step draws for the samples, on the CPU: the part of the work that no image is needed for.

        The draws of some samples are those rows of the draws of all. A `purpose` has draws of its own.
        """
        return tuple(self._draw(one, samples, epoch, *purpose) for one in self.placed)

    def apply(self, images: Images, draws: Sequence[Draws]) -> Images:
        """The images after all steps, of what was drawn for them."""
        for one, drawn in zip(self.placed, draws, strict=True):
            if isinstance(one.step, OneByOne | Drawn):
                images = one.step(images, drawn)
            else:
                assert isinstance(images, Tensor)
                images = one.step(images, drawn)
        return images

    def divided(self, least: int = 0) -> tuple[Steps, Steps]:
        """The steps up to the last that takes one image after another, and at least `least`; and the rest.

        The first part is for the CPU, in this process or another; the rest is for the device that trains.
        """
        end = max([least, *(end for end, one in enumerate(self.placed, 1) if one.one_by_one)])
        return Steps(self.placed[:end], self.seed), Steps(self.placed[end:], self.seed)

    def _draw(self, one: Placed, samples: Tensor, epoch: int, *purpose: str) -> Draws:
        if isinstance(one.step, Fixed):
            return ()
        keys = counters.keys(self.seed, samples, "augment", one.number, epoch, *purpose)
        if isinstance(one.step, OneByOne | Drawn):
            return (keys,)
        assert one.shape is not None
        return one.step.draw(keys, one.shape)


def steps(calls: Sequence[Call], images: Values, seed: int = 0) -> Steps:
    """All that the calls do to such images, ending in float32; `seed` is the run's.

    Raises:
        YamlnetError: a call doesn't fit the images, or torchvision can't be imported.
    """
    shape = sample_shape(images)
    picture = (
        picture_of(shape) if shape is not None or isinstance(images, Tensor) else Picture(images.channels)
    )
    placed: list[Placed] = []
    number, is_scaled = 0, False

    def place(step: Step | Drawn, once: bool = False) -> None:
        differ = picture.shape is None and (shape is None or len(shape) == 3)
        taken = one_by_one(step) if differ and not isinstance(step, Drawn) else step
        placed.append(Placed(taken, number, picture.shape, once))

    for call in calls:
        if call.name == "Normalize" and not is_scaled:
            place(Fixed(scale))
            is_scaled = True
        place(_step(call), once=not is_random(call.name) and not is_scaled)
        number += is_random(call.name)
        picture = _after(call, picture)
    if not is_scaled:
        place(Fixed(scale))
    return Steps(tuple(placed), seed)


def _step(call: Call) -> Step | Drawn:
    arguments = call.with_defaults()
    if not is_random(call.name):
        return Fixed(fixed(call))
    if call.name in BATCHED and not arguments.get("expand"):
        return BATCHED[call.name](arguments)
    return Drawn(call.name, per_image.make(call))


def _after(call: Call, picture: Picture) -> Picture:
    try:
        return after(call, picture)
    except Misfit as misfit:
        raise YamlnetError(misfit.message, misfit.help, exit_code=1) from None


def num_once(images: Values, steps: Steps) -> int:
    """How many of the first steps do the same in every epoch, and give what isn't too large to be kept."""
    end = next(i for i, one in enumerate(steps.placed) if not one.once)
    return end if _fits(images, steps.placed[end].shape) else 0


def done_once(images: Tensor | Ragged, steps: Steps) -> tuple[Tensor | Ragged, Steps]:
    """Does once what can be done before any epoch, where the result isn't too large; and the other steps."""
    end = num_once(images, steps)
    if not end:
        return images, steps
    first, rest = Steps(steps.placed[:end], steps.seed), Steps(steps.placed[end:], steps.seed)
    none = torch.zeros(1, dtype=torch.int64)
    if isinstance(images, Tensor):
        parts = [first(part, none, 0) for part in torch.split(images, CHUNK)]
        return torch.cat([part for part in parts if isinstance(part, Tensor)]), rest
    found = together([image for one in images for image in first([one], none, 0)])
    return found if isinstance(found, Tensor) else Ragged(found, images.names), rest


def _fits(images: Values, shape: Shape | None) -> bool:
    """Whether images take little memory in a new shape, or less than now."""
    if sample_shape(images) is None or shape is None:
        return True
    assert not isinstance(images, Ragged)
    return len(images) * prod(shape) * images.dtype.itemsize <= max(MAX_PREPARED, images.nbytes)
