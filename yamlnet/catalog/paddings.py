"""torchvision's `padding` in; the pixels that are added on each side of an image out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Padding(NamedTuple):
    """Pixels to add on each side of an image."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def around(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the padded image."""
        return height + self.top + self.bottom, width + self.left + self.right

    def at_least(self, height: int, width: int, needed_height: int, needed_width: int) -> Padding:
        """This padding, and what the padded image lacks on top of it on either side, as `pad_if_needed`."""
        padded_height, padded_width = self.around(height, width)
        more_height, more_width = max(0, needed_height - padded_height), max(0, needed_width - padded_width)
        return Padding(
            self.left + more_width, self.top + more_height, self.right + more_width, self.bottom + more_height
        )


def parse(value: float | Sequence[float] | None) -> Padding:
    """One number, [horizontal, vertical], or [left, top, right, bottom]."""
    sides = [value or 0] if value is None or isinstance(value, int | float) else list(value)
    return Padding(*(int(side) for side in sides * (4 // len(sides))))


def too_far(padding: Padding, mode: str, height: int, width: int) -> tuple[int, int, int] | None:
    """The pixels, those to add and the most that can be added, where an image is too small to be mirrored."""
    if mode not in ("reflect", "symmetric"):
        return None
    sides = ((height, padding.top), (height, padding.bottom), (width, padding.left), (width, padding.right))
    limits = ((size, added, size - 1 if mode == "reflect" else size) for size, added in sides)
    return next(((size, added, limit) for size, added, limit in limits if added > limit), None)
