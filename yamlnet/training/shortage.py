"""Work that may need more memory than there is in; an error that says how much, and what to change, out."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from yamlnet.diagnostics import YamlnetError

SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "out of memory",
)
"""What torch says where it isn't an `OutOfMemoryError`."""

ADVICE = (
    "a smaller `data.batch_size` takes less, with `train.accumulate` for the same step; "
    "so does `train.precision: bf16`"
)

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "bytes": 1}


@contextmanager
def memory_named(estimate: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """What runs out of memory within is one line; `estimate` says what a training step needs and
    what to change, if it can.

    Raises:
        YamlnetError: there was not enough memory.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        asked = _asked(str(error))
    # only here what the failed work held is let go of
    try:
        needs = estimate()
    except Exception:  # memory may still be short
        needs = None
    message = "out of memory" + (f": {asked} more were asked for" if asked else "")
    raise YamlnetError(message, help=needs or ADVICE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is short, of the device or of the machine."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(sign in str(error).split("\n")[0] for sign in SIGNS)


def _asked(text: str) -> str | None:
    """How much was asked for at last, as torch tells it."""
    match = re.search(r"[Tt]ried to allocate ([\d.]+) (\w+)", text)
    if match is None or match[2].rstrip(".") not in UNITS:
        return None
    return gigabytes(float(match[1]) * UNITS[match[2]])


def gigabytes(size: float) -> str:
    """`1.25 GB`, `310 MB`."""
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):,.1f} MB"
