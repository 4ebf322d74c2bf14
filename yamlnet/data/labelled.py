"""The call of a torchvision data set in; its parts, each with images and targets, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from yamlnet.catalog import types
from yamlnet.catalog.entry import Call
from yamlnet.catalog.vision import import_torchvision
from yamlnet.catalog.vision_sets import Labelled, labelled
from yamlnet.data.downloads import made, reason
from yamlnet.data.pictures import Form, stacked
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.spill import kept
from yamlnet.diagnostics import YamlnetError

Fields = Mapping[str, Values]
Parts = Mapping[str, Fields]


def read_labelled(
    call: Call, resize: Call | None, room: Room = UNLIMITED
) -> tuple[Parts, tuple[str, ...] | None]:
    """Every part that the set has, and its classes' names where it tells them.

    Each has `image`, uint8 [samples, channels, height, width] or `Ragged`, resized where images may differ
    in size; and `target`, int64 [samples] or [samples, labels].

    Raises:
        YamlnetError: the set isn't there, can't be downloaded, or is damaged.
    """
    known = labelled(call)
    assert known is not None
    found: dict[str, Fields] = {}
    names: tuple[str, ...] | None = None
    for part, said in known.parts.items():
        data_set = _opened(call, said)
        try:
            found[part] = _fields(data_set, known, resize, room)
        except YamlnetError:
            raise
        except Exception as error:  # what a decoder raises for a damaged file depends on the format
            raise YamlnetError(f"can't read `{call.name}`: {reason(error)}") from error
        names = names or _names(data_set, known)
    return found, names


def _opened(call: Call, part: Mapping[str, Any]) -> Any:
    cls = getattr(import_torchvision().datasets, call.name)
    parameters = call.entry.parameters
    arguments = {
        name: types.to_python(parameters[name].type, value)
        for name, value in call.with_defaults().items()
        if name != "download"
    }
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
    if "download" not in parameters:
        try:
            return cls(**arguments, **part)
        except Exception as error:
            raise YamlnetError(f"can't read `{call.name}`: {reason(error)}") from error
    allowed = bool(call.with_defaults()["download"])
    return made(
        call.name,
        lambda download: cls(**arguments, **part, download=download),
        arguments["root"],
        allowed,
    )


def _fields(data_set: Any, known: Labelled, resize: Call | None, room: Room) -> Fields:
    held = _held(data_set)
    if held is not None:
        return kept(held, room)
    targets: list[Any] = []

    def pictures() -> Iterator[tuple[str, Any]]:
        for index in range(len(data_set)):
            picture, target = data_set[index]
            targets.append(target)
            yield f"image {index:,}", picture

    form = Form(known.channels, None if known.size else resize)
    images = stacked(pictures(), len(data_set), form, room)
    return {"image": images, "target": torch.stack([torch.as_tensor(t) for t in targets]).to(torch.int64)}


def _held(data_set: Any) -> Mapping[str, Tensor] | None:
    """Images and targets of a set that holds all of them as arrays of bytes."""
    data = getattr(data_set, "data", None)
    targets = next((t for k in ("targets", "labels") if (t := getattr(data_set, k, None)) is not None), None)
    if isinstance(data, numpy.ndarray):
        data = torch.from_numpy(data)
    if targets is None or not isinstance(data, Tensor) or data.dtype is not torch.uint8:
        return None
    images = data.unsqueeze(1) if data.ndim == 3 else data
    if images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2)
    labels = torch.as_tensor(targets).to(torch.int64)
    return {"image": images.contiguous(), "target": labels[:, 0] if labels.ndim > 1 else labels}


def _names(data_set: Any, known: Labelled) -> tuple[str, ...] | None:
    """The names of the classes; of several for one, such as `("tench", "Tinca tinca")`, the first."""
    given = next((n for k in ("classes", "categories") if (n := getattr(data_set, k, None))), None)
    if not isinstance(given, list | tuple) or known.target:
        return None
    names = tuple(str(name[0] if isinstance(name, tuple | list) else name) for name in given)
    return names if len(names) == known.num_classes else None
