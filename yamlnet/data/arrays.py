"""An array of NumPy, and an input of a network, in; a batch of samples for that input out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor

from yamlnet.data.npy import Array, read_array
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.nodes import Input


def read_npy(path: Path) -> Array:
    """The array of an `.npy` file.

    Raises:
        YamlnetError: it isn't one, or holds Python objects.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(6) != b"\x93NUMPY":
                raise YamlnetError(f"`{path}` isn't an `.npy` file")
            stream.seek(0)
            return read_array(stream, path.stat().st_size, f"`{path}`")
    except YamlnetError:
        raise
    except Exception as error:  # what a damaged file makes of its reader has many names
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        raise YamlnetError(f"can't read `{path}`: {reason}") from error


def fitted(what: str, array: Array, given: Input, is_image: bool, of_bytes: bool) -> tuple[Tensor, bool]:
    """The samples [samples, *shape], and whether the array was a batch; `[height, width]` is a grey image.

    Images are uint8 or floats from 0 to 1 (any numbers where the data's aren't `of_bytes`).

    Raises:
        YamlnetError: the array has another shape or another kind of values than the input takes.
    """
    shape = given.shape or ()
    found = array.shape
    is_grey = is_image and len(shape) == 3 and shape[0] == 1 and found != shape
    if is_grey and array.ndim in (2, 3) and found[-2:] == shape[1:]:
        array = numpy.expand_dims(array, -3)
    is_batch = array.ndim == len(shape) + 1
    sizes = array.shape[1:] if is_batch else array.shape
    if sizes != shape:
        raise YamlnetError(
            f"`{what}` is {list(found)}, and the network takes {list(shape)}, or a batch of these",
            help=_advice(sizes, shape),
        )
    if is_batch and not len(array):
        raise YamlnetError(f"`{what}` holds no samples")
    if array.dtype.kind not in "biuf":
        raise YamlnetError(f"`{what}` holds {array.dtype}, and no numbers")
    array = array if is_batch else array[None]
    of_image = is_image and (of_bytes or array.dtype == numpy.uint8)
    return (_image(what, array) if of_image else _numbers(what, array, given)), is_batch


def _advice(sizes: tuple[int, ...], shape: tuple[int, ...]) -> str | None:
    if len(shape) == 3 and sizes == (*shape[1:], shape[0]):
        return "its channels come last, and PyTorch has them first: `numpy.moveaxis(array, -1, -3)`"
    return None


def _image(what: str, array: Array) -> Tensor:
    if array.dtype == numpy.uint8:
        return torch.from_numpy(numpy.ascontiguousarray(array))
    if array.dtype.kind != "f":
        raise YamlnetError(f"`{what}` holds {array.dtype}: images are uint8, or floats from 0 to 1")
    values = _floats(what, array, "float32")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise YamlnetError(
            f"`{what}` has values from {low:g} to {high:g}: images are uint8, or floats from 0 to 1",
            help="what `transforms` do to them is done here",
        )
    return values


def _numbers(what: str, array: Array, given: Input) -> Tensor:
    dtype: torch.dtype = getattr(torch, given.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return _floats(what, array, given.dtype)
    if array.dtype.kind == "f":
        raise YamlnetError(f"`{what}` holds {array.dtype}, and the network takes {given.dtype}")
    return torch.from_numpy(array.astype(numpy.int64)).to(dtype)


def _floats(what: str, array: numpy.ndarray[Any, Any], dtype: str) -> Tensor:
    values = torch.from_numpy(array.astype(numpy.float64)).to(getattr(torch, dtype))
    if not bool(values.isfinite().all()):
        sample = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0])
        raise YamlnetError(f"`{what}` has a value in sample {sample} that isn't a finite number")
    return values
