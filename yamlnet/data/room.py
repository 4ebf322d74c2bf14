"""The memory that data may take in; what of them is held in it, first come first served, out."""

from __future__ import annotations

from yamlnet.diagnostics import YamlnetError, size


class Room:
    """So many bytes, of which what is read takes its part; None sets no limit."""

    def __init__(self, num_bytes: int | None) -> None:
        self.left = num_bytes

    def take(self, num_bytes: int) -> bool:
        """Whether so many bytes fit; they are taken then."""
        if self.left is None:
            return True
        fits = num_bytes <= self.left
        self.left -= num_bytes if fits else 0
        return fits

    def require(self, num_bytes: int, what: str) -> None:
        """Takes room for what can't be anywhere but in memory.

        Raises:
            YamlnetError: it doesn't fit.
        """
        if not self.take(num_bytes):
            assert self.left is not None
            raise YamlnetError(
                f"{what} take {size(num_bytes)}, and `data.memory` leaves {size(self.left)}",
                help="they can't stream from disk: a larger `data.memory` holds them, and an `Npz` file of "
                "arrays, or a folder of images, streams",
            )


UNLIMITED = Room(None)
