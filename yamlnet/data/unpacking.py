"""A packed file in; what it unpacks to out, as long as that is no more than such a file may hold.

A megabyte of gzip can stand for a gigabyte of zeros. Data shrink to a tenth or a fiftieth: what would grow by
far more is a mistake or an attack, and is refused before it takes the memory.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from yamlnet.diagnostics import YamlnetError

MAX_GROWTH = 200
"""How many times as large data may be as the file they are packed in."""

ARRAYS, ROWS = 256 * 2**20, 8 * 2**20
"""The bytes that a file may unpack to in any case; rows take far more memory than they have letters."""

SPARE = 512 * 2**20
"""The bytes of memory that reading leaves free."""


class Unpacked(gzip.GzipFile):
    """A gzip file that is read no further than its size allows."""

    def __init__(self, path: Path, always: int) -> None:
        super().__init__(path)
        self.path, self.total, self.packed, self.always = path, 0, path.stat().st_size, always

    def read(self, size: int | None = -1) -> bytes:
        """As any file."""
        everything = size is None or size < 0
        return self._counted(super().read(_limit(self.packed, self.always) + 1 if everything else size))

    def read1(self, size: int = -1) -> bytes:
        """As any file."""
        return self._counted(super().read1(size))

    def _counted(self, content: bytes) -> bytes:
        self.total += len(content)
        require_growth(self.path, self.packed, self.total, self.always)
        return content


def require_growth(path: Path, packed: int, unpacked: int, always: int) -> None:
    """Raises YamlnetError where a file would grow too much; to so many bytes it may `always`."""
    limit = _limit(packed, always)
    if unpacked > limit:
        raise YamlnetError(
            f"`{path}` has {packed:,} bytes and would unpack to {unpacked:,} or more; the limit is {limit:,}",
            help="a file that really holds so much of the same may be unpacked before",
        )


def _limit(packed: int, always: int) -> int:
    return max(always, MAX_GROWTH * packed)


def require_memory(what: str, num_bytes: int) -> None:
    """Raises YamlnetError where `what` takes more memory than is free."""
    free = _free_memory()
    if num_bytes > free:
        raise YamlnetError(
            f"{what} {num_bytes / 2**30:,.1f} GiB of memory, and {free / 2**30:,.1f} GiB are free"
        )


def _free_memory() -> int:
    """What this machine could still give, of all it has where it doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
