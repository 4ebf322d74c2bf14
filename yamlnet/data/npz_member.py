"""An array in an `.npz` file in; its form from the header alone, and a block of samples on disk, out."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy
from numpy.lib import format as npy

from yamlnet.data.spill import Spill
from yamlnet.data.stored import Block, open_file
from yamlnet.data.unpacking import ARRAYS, require_growth
from yamlnet.diagnostics import YamlnetError

CHUNK = 2**20
LOCAL_HEADER = struct.Struct("<4s22xHH")
"""What stands before a file in an archive: a signature, and how long its name and its extra field are."""


@dataclass(frozen=True)
class Member:
    """An array whose header was read: the values begin at the byte `start` of the file in the archive."""

    path: Path
    name: str
    dtype: numpy.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool
    start: int

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def block(
        self, shape: tuple[int, ...], kept: numpy.dtype[Any], check: Callable[[int, Any], object]
    ) -> Block:
        """The samples, each of such a shape and type, after all of them were read once.

        What is compressed is unpacked into a file of its own. `check` is given the number of the first value
        and some values.

        Raises:
            YamlnetError: the array can't stay on disk, or the disk doesn't take what is unpacked.
            BadZipFile, OSError, EOFError, ValueError, zlib.error: the file is damaged.
        """
        if self.is_fortran:
            raise YamlnetError(
                f"`{self.name}` in `{self.path}` is too large for `data.memory`, and can't stream: "
                "its samples don't follow one another",
                help="`numpy.ascontiguousarray` before it is saved puts them in order",
            )
        with ZipFile(self.path) as archive:
            member = archive.getinfo(f"{self.name}.npy")
            require_growth(self.path, self.path.stat().st_size, member.file_size, ARRAYS)
            spill = None if member.compress_type == ZIP_STORED else Spill()
            with archive.open(member) as stream:
                stream.read(self.start)
                found = 0
                for chunk in _chunks(stream):
                    check(found // self.dtype.itemsize, numpy.frombuffer(chunk, self.dtype))
                    found += len(chunk)
                    if spill is not None:
                        spill.add(chunk)
        if found != prod(self.shape) * self.dtype.itemsize:
            raise BadZipFile(f"`{self.name}` holds {found:,} bytes, not {list(self.shape)} of {self.dtype}")
        if spill is not None:
            return Block(spill.file, str(self.path), 0, len(self), shape, self.dtype, kept)
        file = open_file(self.path)
        before = os.pread(file.handle, LOCAL_HEADER.size, member.header_offset).ljust(LOCAL_HEADER.size)
        signature, *lengths = LOCAL_HEADER.unpack(before)
        if signature != b"PK\3\4":
            raise BadZipFile(f"`{self.name}` isn't where the archive says")
        start = member.header_offset + LOCAL_HEADER.size + sum(lengths) + self.start
        return Block(file, str(self.path), start, len(self), shape, self.dtype, kept)


def read_member(path: Path, name: str) -> Member | None:
    """An array by its name, of which the header alone is read; None of what isn't numbers.

    Raises:
        BadZipFile, OSError, EOFError, ValueError, zlib.error: the file is damaged.
    """
    with ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            return None
        with archive.open(f"{name}.npy") as stream:
            version = npy.read_magic(stream)
            if version not in HEADERS:
                return None
            shape, is_fortran, dtype = HEADERS[version](stream)
            if dtype.kind not in "biuf" or min(shape, default=0) < 1:
                return None
            return Member(path, name, dtype, shape, is_fortran and len(shape) > 1, stream.tell())


HEADERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
