"""Samples that stay on disk in; those of any rows, read when they are asked for, out."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy
import torch
from torch import Tensor

from yamlnet.data.steps import Images
from yamlnet.diagnostics import YamlnetError

CHUNK = 2**22
"""Bytes that are read together where all samples are gone through."""

BYTES: numpy.dtype[Any] = numpy.dtype(numpy.uint8)


class OpenFile:
    """A file that is open as long as this is there, to be read at any place by any process forked since."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        weakref.finalize(self, os.close, handle)

    def read_into(self, buffer: memoryview, start: int, name: str) -> None:
        """Fills the buffer with the bytes from `start` on; `name` is the file's in messages.

        Raises:
            YamlnetError: the file can't be read, or ends before.
        """
        read_into(self.handle, buffer, start, name)


def open_file(path: Path) -> OpenFile:
    """A file to read from; raises OSError."""
    return OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


class Source(Protocol):
    """What samples are read from: by any process that was forked since it was made, at any time.

    `shape` is that of a sample, None where they differ. `is_decoded` tells that reading is work.
    """

    @property
    def is_decoded(self) -> bool: ...

    @property
    def shape(self) -> tuple[int, ...] | None: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def channels(self) -> int: ...

    @property
    def num_bytes(self) -> int:
        """What all samples would take in memory."""

    def __len__(self) -> int: ...

    def read(self, rows: Sequence[int]) -> Images:
        """The samples of some rows: a tensor, or images of different sizes one by one.

        Raises:
            YamlnetError: they can't be read.
        """

    def in_words(self, row: int) -> str:
        """What a picture is called, and its size."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Rows of a source, int64 [samples], in the place of a tensor or of `Ragged`."""

    source: Source
    rows: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of one sample, None where they differ."""
        return self.source.shape

    @property
    def dtype(self) -> torch.dtype:
        """What the values are."""
        return self.source.dtype

    @property
    def channels(self) -> int:
        """How many channels each image has."""
        return self.source.channels

    @property
    def nbytes(self) -> int:
        """What the samples would take in memory."""
        return self.source.num_bytes * len(self) // len(self.source)

    def select(self, samples: Tensor) -> Stored:
        """Some of the samples, by their positions: int64 [samples]."""
        return replace(self, rows=self.rows.index_select(0, samples))

    def read(self, samples: Tensor) -> Images:
        """Reads some of the samples, by their positions: int64 [samples]."""
        return self.source.read(self.rows.index_select(0, samples).tolist())

    @property
    def num_together(self) -> int:
        """How many samples are read at a time where all are gone through."""
        return max(1, CHUNK * len(self) // max(1, self.nbytes))

    def in_words(self) -> str:
        """Two images that differ, and their sizes."""
        rows = self.rows.tolist()
        first = self.source.in_words(rows[0])
        size = first.rpartition("` is ")[2]
        others = (self.source.in_words(row) for row in rows)
        return f"{first}, {next(o for o in others if not o.endswith(f'` is {size}'))} (height x width)"


def stored(source: Source) -> Stored:
    """All samples of a source."""
    return Stored(source, torch.arange(len(source)))


@dataclass(frozen=True, eq=False)
class Block:
    """Samples of one shape, one after another in an open file from the byte `start` on.

    `written` is what the file holds, `kept` what becomes of it. `name` is the file's in messages.
    """

    file: OpenFile
    name: str
    start: int
    count: int
    shape: tuple[int, ...]
    written: numpy.dtype[Any] = BYTES
    kept: numpy.dtype[Any] = BYTES

    is_decoded = False

    def __len__(self) -> int:
        return self.count

    @property
    def dtype(self) -> torch.dtype:
        """What is read."""
        return torch.from_numpy(numpy.empty(0, self.kept)).dtype

    @property
    def channels(self) -> int:
        """How many channels each image has."""
        return self.shape[0]

    @property
    def num_bytes(self) -> int:
        """What all samples would take in memory."""
        return self.count * prod(self.shape) * self.kept.itemsize

    def read(self, rows: Sequence[int]) -> Tensor:
        """The samples of some rows; those that stand together are read together."""
        values = numpy.empty((len(rows), *self.shape), dtype=self.written)
        size = prod(self.shape) * self.written.itemsize
        buffer = values.reshape(-1).view(numpy.uint8).data
        handle, read, start = self.file.handle, os.preadv, self.start
        for first, last in _runs(rows):
            part, begin = buffer[first * size : last * size], start + rows[first] * size
            try:
                whole = read(handle, [part], begin) == len(part)
            except OSError:
                whole = False
            if not whole:  # rarely: it goes on where a signal broke in, or says what is wrong
                self.file.read_into(part, begin, self.name)
        return torch.from_numpy(values.astype(self.kept, copy=False))

    def in_words(self, row: int) -> str:
        """All have one shape."""
        return f"`{self.name}` is {self.shape[-2]} x {self.shape[-1]}"


@dataclass(frozen=True, eq=False)
class Scattered:
    """Images uint8 [channels, height, width] of different sizes, one after another in an open file.

    `starts` are the bytes that they begin at, int64 [samples]; `sizes` their heights and widths, int64
    [samples, 2]; `names` what they are called.
    """

    file: OpenFile
    channels: int
    starts: Tensor
    sizes: Tensor
    names: Sequence[str]

    is_decoded = False
    shape = None
    dtype = torch.uint8

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def num_bytes(self) -> int:
        """What all images would take in memory."""
        return self.channels * int(self.sizes.prod(1).sum())

    def read(self, rows: Sequence[int]) -> Images:
        """The images of some rows."""
        images = []
        for row in rows:
            height, width = self.sizes[row].tolist()
            image = torch.empty(self.channels, height, width, dtype=torch.uint8)
            view = image.view(-1).numpy().data
            self.file.read_into(view, int(self.starts[row]), self.names[row])
            images.append(image)
        return images

    def in_words(self, row: int) -> str:
        """What an image is called, and its size."""
        height, width = self.sizes[row].tolist()
        return f"`{self.names[row]}` is {height} x {width}"


def read_into(file: int, buffer: memoryview, start: int, name: str) -> None:
    """As `OpenFile.read_into`, of a file's number."""
    while buffer:
        try:
            count = os.preadv(file, [buffer], start)
        except OSError as error:
            raise YamlnetError(f"can't read `{name}`: {(error.strerror or str(error)).lower()}") from error
        if not count:
            raise YamlnetError(f"`{name}` ends at byte {start:,}: it was cut while it was in use")
        buffer, start = buffer[count:], start + count


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Where rows that follow one another begin and end."""
    ends = [end for end in range(1, len(rows)) if rows[end] != rows[end - 1] + 1]
    return list(zip([0, *ends], [*ends, len(rows)], strict=True))
