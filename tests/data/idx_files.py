"""Values in; the bytes of an IDX file, or a folder of such files, out."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def idx_bytes(sizes: Sequence[int], values: bytes, code: int = 0x08) -> bytes:
    """An IDX file that says `sizes` and holds `values`, whether they agree or not."""
    return struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes) + values


def images_and_labels(count: int, shape: Sequence[int] = (5, 4), seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random images uint8 [count, *shape] and labels uint8 [count] of three classes."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator)
    return images, (torch.arange(count) % 3).to(torch.uint8)


def write_part(folder: Path, prefix: str, images: Tensor, labels: Tensor, gzipped: bool = False) -> None:
    """The two files of one part."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx_bytes(values.shape, bytes(values.flatten().tolist()))
        if gzipped:
            (folder / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
        else:
            (folder / f"{prefix}-{name}-ubyte").write_bytes(content)
