"""What data is like, known before a byte of it is read where the data set is a fixed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One field of a batch: its shape without the batch, and its dtype as PyTorch names it."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Facts:
    """What the network, the loss and the schedule may know of the data.

    `fields` are the batch's fields as the model sees them (an image is float32 in [channels, height,
    width]); `targets` names those that are no input. Counts are of samples; `train` is what is left
    after the validation and test shares are split off.
    """

    fields: Mapping[str, Field]
    targets: tuple[str, ...] = ("target",)
    num_classes: int | None = None
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    classes: tuple[str, ...] | None = None


def share(count: int, part: float | int) -> int:
    """How many of `count` samples a part is: a share (float) of them, at least one, or a number (int)."""
    return part if isinstance(part, int) else max(1, round(count * part))
