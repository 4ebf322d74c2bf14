"""A number in; as many of the digits that come with yamlnet, repeated, in a folder of IDX files, out."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import yamlnet

DIGITS = Path(yamlnet.__file__).parent / "data" / "mnist5k"
LABELS_HEAD, IMAGES_HEAD = 8, 16


def digits(num_samples: int) -> tuple[bytes, bytes]:
    """Pixels and labels of as many training digits, each byte one number."""
    pixels = gzip.decompress((DIGITS / "train-images-idx3-ubyte.gz").read_bytes())[IMAGES_HEAD:]
    labels = gzip.decompress((DIGITS / "train-labels-idx1-ubyte.gz").read_bytes())[LABELS_HEAD:]
    times = -(-num_samples // len(labels))
    return (pixels * times)[: num_samples * 784], (labels * times)[:num_samples]


def write(root: Path, num_samples: int) -> None:
    """Writes the training part, and the same as the test part, where torchvision's `MNIST` looks for it."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    pixels, labels = digits(num_samples)
    for part in ("train", "t10k"):
        head = struct.pack(">IIII", 2051, num_samples, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, num_samples) + labels)
