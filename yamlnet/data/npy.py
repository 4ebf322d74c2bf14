"""A stream with one array of NumPy in; the array out, once its header is known to tell the truth."""

from __future__ import annotations

import math
from typing import IO, Any

import numpy
from numpy.lib import format

from yamlnet.diagnostics import YamlnetError

Array = numpy.ndarray[Any, numpy.dtype[Any]]
HEADERS = {(1, 0): format.read_array_header_1_0, (2, 0): format.read_array_header_2_0}


def read_array(stream: IO[bytes], size: int, what: str) -> Array:
    """The array in a stream of so many bytes, which messages call `what`; Python objects are refused.

    Raises:
        YamlnetError: it is no array, holds Python objects, or is shorter than its header says.
        Exception: whatever else a damaged stream raises.
    """
    try:
        version = format.read_magic(stream)
        shape, _, dtype = HEADERS[version](stream)
        promised, found = math.prod(shape) * dtype.itemsize, size - stream.tell()
    except Exception as error:  # a header is written in Python, and so are the ways to be wrong
        raise YamlnetError(f"{what} doesn't begin as an array of NumPy does") from error
    if dtype.hasobject:
        message = f"{what} holds Python objects, which only code could read"
        raise YamlnetError(message, help="save it as an array of numbers or texts")
    if promised > found or any(length < 0 for length in shape):
        raise YamlnetError(
            f"{what} is truncated: its header says {dtype} in {list(shape)}, "
            f"so expected {promised:,} bytes of values, found {found:,}"
        )
    stream.seek(0)
    array: Array = format.read_array(stream, allow_pickle=False)
    return array
