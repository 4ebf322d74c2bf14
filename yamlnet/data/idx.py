"""An IDX file, gzipped or not, in; its values as a tensor out.

The format, http://yann.lecun.com/exdb/mnist: two zero bytes, the type of the values, the number of
dimensions, each size as four bytes, then the values; all of it big-endian.
"""

from __future__ import annotations

import gzip
import math
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import torch
from torch import Tensor

from yamlnet.data.spill import Spill
from yamlnet.data.stored import Block, open_file
from yamlnet.data.unpacking import ARRAYS, Unpacked
from yamlnet.diagnostics import YamlnetError

DTYPES = {
    0x08: torch.uint8,
    0x09: torch.int8,
    0x0B: torch.int16,
    0x0C: torch.int32,
    0x0D: torch.float32,
    0x0E: torch.float64,
}
CHUNK = 1 << 20
MAX_DIMENSIONS = 8


def read_idx(path: Path) -> Tensor:
    """The values of an IDX file, in the shape and dtype that its header says.

    A name that ends in `.gz` is unpacked while it is read. No more is read than the header promises,
    and memory grows with what is there, not with what is promised, up to the limits of `unpacking`.

    Raises:
        YamlnetError: the file can't be read, isn't IDX, or is shorter or longer than its header says.
    """
    with _named(path), _open(path) as stream:
        return _read(stream, path)


def idx_form(path: Path) -> tuple[torch.dtype, tuple[int, ...]]:
    """The type and the shape of the values, as the header says; raises as `read_idx`."""
    with _named(path), _open(path) as stream:
        return _read_header(stream, path)


def stored_idx(path: Path) -> Block:
    """The bytes of an IDX file, which stay there, or are unpacked into another; raises as `read_idx`."""
    with _named(path), _open(path) as stream:
        dtype, (count, *shape) = _read_header(stream, path)
        assert dtype is torch.uint8
        if path.suffix != ".gz":
            _check_size(path, (count, *shape), path.stat().st_size - stream.tell())
            return Block(open_file(path), str(path), stream.tell(), count, tuple(shape))
        spill = Spill()
        for chunk in _chunks(stream, count * math.prod(shape)):
            spill.add(chunk)
        _check_size(path, (count, *shape), spill.size)
        return Block(spill.file, str(path), 0, count, tuple(shape))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What reading raises within names the file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise YamlnetError(f"`{path}` is a damaged gzip file: {_lower(str(error))}") from error
    except OSError as error:
        raise YamlnetError(f"can't read `{path}`: {_lower(error.strerror or str(error))}") from error


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, Unpacked(path, ARRAYS)) if path.suffix == ".gz" else path.open("rb")


def _read(stream: BinaryIO, path: Path) -> Tensor:
    dtype, shape = _read_header(stream, path)
    num_bytes = math.prod(shape) * dtype.itemsize
    values = bytearray()
    for chunk in _chunks(stream, num_bytes):
        values += chunk
    _check_size(path, shape, len(values), dtype.itemsize)
    return _native(torch.frombuffer(values, dtype=torch.uint8), dtype).reshape(shape)


def _chunks(stream: BinaryIO, num_bytes: int) -> Iterator[bytes]:
    """What is there of so many bytes, and one more where there is more."""
    left = num_bytes + 1
    while left and (chunk := stream.read(min(CHUNK, left))):
        left -= len(chunk)
        yield chunk


def _check_size(path: Path, shape: Sequence[int], found: int, item_size: int = 1) -> None:
    num_bytes = math.prod(shape) * item_size
    if found < num_bytes:
        raise YamlnetError(
            f"`{path}` is truncated: its header says {list(shape)}, "
            f"so expected {num_bytes:,} bytes of values, found {found:,}"
        )
    if found > num_bytes:
        raise YamlnetError(
            f"`{path}` goes on after its values: its header says {list(shape)}, "
            f"so expected {num_bytes:,} bytes of values"
        )


def _read_header(stream: BinaryIO, path: Path) -> tuple[torch.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[3] == 0:
        raise YamlnetError(
            f"`{path}` isn't an IDX file: it begins with {magic.hex(' ') or 'nothing'}",
            help="the first four bytes are 00 00, the type of the values and the number of dimensions",
        )
    if magic[2] not in DTYPES:
        known = ", ".join(f"{code:02x}" for code in DTYPES)
        raise YamlnetError(
            f"`{path}` has values of an unknown type: expected one of {known}, found {magic[2]:02x}"
        )
    if magic[3] > MAX_DIMENSIONS:
        raise YamlnetError(f"`{path}` has {magic[3]} dimensions: more than {MAX_DIMENSIONS} are no data set")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise YamlnetError(
            f"`{path}` is truncated in its header: "
            f"expected {4 * magic[3]} bytes for the sizes of {magic[3]} dimensions, found {len(sizes)}"
        )
    shape = struct.unpack(f">{magic[3]}I", sizes)
    if 0 in shape:
        raise YamlnetError(f"`{path}` is empty: its header says {list(shape)}")
    return DTYPES[magic[2]], shape


def _native(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Big-endian bytes as numbers of this machine."""
    if dtype.itemsize > 1 and sys.byteorder == "little":
        values = values.view(-1, dtype.itemsize).flip(1).flatten()
    return values.view(dtype)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
