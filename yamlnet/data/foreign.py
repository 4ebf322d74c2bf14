"""A data set's call by its dotted path in; its samples, stacked field by field, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from yamlnet.catalog import foreign, types
from yamlnet.catalog.entry import Call
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError

PAIR = ("image", "target")
"""The fields of samples that have no names."""


def read_foreign(call: Call, room: Room = UNLIMITED) -> dict[str, Tensor]:
    """Makes the data set and takes every sample of it: `(x, y)`, or a mapping of fields.

    Fields keep their shapes; numbers become float32 or int64, pictures and uint8 tensors uint8 [channels,
    height, width].

    Raises:
        MistakeError: its code raises, or its samples aren't all of one form.
    """
    make = foreign.held(call.entry.target)
    try:
        made = make(**_arguments(call))
        fields = []
        for sample in _samples(made):
            fields.append(_named(sample, call))
            if len(fields) == 1 and hasattr(made, "__len__"):
                _require_room(fields[0], len(made), call, room)
    except YamlnetError:
        raise
    except (Exception, SystemExit) as error:
        raise _wrong(call, f"`{call.name}` raises {foreign.reason(error)}") from error
    if not fields:
        raise _wrong(call, f"`{call.name}` has no samples")
    return {name: _stacked(name, fields, call) for name in fields[0]}


def _require_room(sample: Mapping[str, Any], count: int, call: Call, room: Room) -> None:
    """Refuses samples like this one that are too many: they are made once, and so held in memory."""
    found = [value if isinstance(value, Tensor) else torch.empty(0) for value in sample.values()]
    room.require(count * sum(value.nbytes for value in found), f"the samples of `{call.name}`")


def _arguments(call: Call) -> dict[str, Any]:
    """What the file says otherwise than the default, as Python values."""
    parameters = call.entry.parameters
    return {
        name: types.to_python(parameters[name].type, value)
        for name, value in call.arguments.items()
        if value != parameters[name].default
    }


def _samples(made: Any) -> Iterator[Any]:
    """The samples of a data set: by index where it knows how many, else as it gives them."""
    if hasattr(made, "__len__") and hasattr(made, "__getitem__") and not isinstance(made, Mapping):
        return (made[index] for index in range(len(made)))
    return iter(made)


def _named(sample: Any, call: Call) -> Mapping[str, Any]:
    if isinstance(sample, Mapping) and all(isinstance(name, str) for name in sample):
        return sample
    if isinstance(sample, tuple | list) and len(sample) == len(PAIR):
        return dict(zip(PAIR, sample, strict=True))
    message = f"a sample of `{call.name}` is a `{type(sample).__name__}`"
    raise _wrong(call, message, "a sample is a tuple (x, y), or a dict of named fields")


def _stacked(name: str, samples: list[Mapping[str, Any]], call: Call) -> Tensor:
    values: list[Tensor] = []
    for number, sample in enumerate(samples):
        if sample.keys() != samples[0].keys():
            raise _wrong(call, f"sample {number} of `{call.name}` has other fields than the first")
        try:
            value = _tensor(sample[name])
        except (TypeError, ValueError, RuntimeError):
            what = type(sample[name]).__name__
            message = f"`{name}` of a sample of `{call.name}` is a `{what}`, and no tensor"
            raise _wrong(call, message) from None
        if values and value.shape != values[0].shape:
            shapes = f"{list(value.shape)} in sample {number}, and {list(values[0].shape)} in the first"
            raise _wrong(call, f"`{name}` of `{call.name}` is {shapes}")
        values.append(value)
    return torch.stack(values)


def _tensor(value: Any) -> Tensor:
    """A field of a sample: of a picture its channels first."""
    picture = hasattr(value, "getbands")
    if picture:
        import numpy

        value = numpy.array(value)
    tensor = torch.as_tensor(value)
    if picture:
        tensor = tensor.unsqueeze(0) if tensor.dim() == 2 else tensor.permute(2, 0, 1)
    if tensor.is_floating_point():
        return tensor.to(torch.float32)
    return tensor if tensor.dtype is torch.uint8 and tensor.dim() == 3 else tensor.to(torch.int64)


def _wrong(call: Call, message: str, help: str | None = None) -> MistakeError:
    at: Literal["key", "value"] = "key" if call.path and call.path[-1] == call.name else "value"
    return MistakeError(Mistake("wrong-value", call.path, message, help, at=at))
