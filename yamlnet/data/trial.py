"""The data section and what is known of its images in; the transforms that torchvision refuses to do out."""

from __future__ import annotations

from typing import Any

import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.catalog.pictures import Picture
from yamlnet.catalog.shaping import after
from yamlnet.catalog.transforms import is_random
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data import per_image
from yamlnet.data.pipeline import BATCHED
from yamlnet.diagnostics import Mistake, Path, YamlnetError
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Data
from yamlnet.language.images import evaluating, training
from yamlnet.language.known import picture


def refused(data: Data | None, facts: Facts | None) -> list[Mistake]:
    """The transforms that torchvision refuses: their arguments, or images of this shape.

    It is asked only where some are its own and draw at random: of the others all is known.
    """
    if data is None or data.fields:
        return []
    found: dict[Path, Mistake] = {}
    for calls in (training(data), evaluating(data)):
        known = picture(data, facts)
        for call in calls:
            asks = is_random(call.name) and call.name not in BATCHED
            if asks and (why := _why_not(call, known)) is not None:
                at = name_place(call.path, call.name)
                found[call.path] = Mistake("wrong-value", call.path, why, at=at)
            known = after(call, known)
    return list(found.values())


def _why_not(call: Call, known: Picture) -> str | None:
    """Why torchvision doesn't do it to such an image, which is black."""
    try:
        import_torchvision()
    except YamlnetError:  # whether it is there is a matter of the machine that trains
        return None
    try:
        transform = per_image.make(call)
        if known.shape is not None:
            dtype = torch.float32 if known.normalized else torch.uint8
            image = torch.zeros(known.shape, dtype=dtype)
            always = per_image.Drawn(call.name, _always(transform))
            always([image], (torch.zeros(1, dtype=torch.int64),))
    except YamlnetError as error:
        return error.message
    return None


def _always(transform: Any) -> Any:
    """The transform without the chance that it does nothing."""
    if isinstance(getattr(transform, "p", None), float):
        transform.p = 1.0
    return transform
