"""A folder of IDX files in; the images and targets of one of its parts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import torch

from yamlnet.data.idx import idx_form, read_idx, stored_idx
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.stored import stored
from yamlnet.diagnostics import YamlnetError

IMAGES = ("images-idx3-ubyte", "images-idx4-ubyte")
LABELS = ("labels-idx1-ubyte",)


def has_part(folder: Path, prefix: str) -> bool:
    """Whether both files of a part are there."""
    return all(_find(folder, prefix, stems) for stems in (IMAGES, LABELS))


def has_any_of_part(folder: Path, prefix: str) -> bool:
    """Whether one file of a part is there at least."""
    return any(_find(folder, prefix, stems) for stems in (IMAGES, LABELS))


def read_part(folder: Path, prefix: str, room: Room = UNLIMITED) -> dict[str, Values]:
    """The part `prefix` (`train`, `t10k`, `test`): `image` and `target`.

    `image` is uint8 [samples, channels, height, width]; a file of three dimensions is grey, and has one
    channel. `target` is int64 [samples]. Images that `room` doesn't take stay on disk.

    Raises:
        YamlnetError: a file is missing or damaged, or the two don't belong together.
    """
    image_file = _require(folder, prefix, IMAGES)
    label_file = _require(folder, prefix, LABELS)
    dtype, shape = idx_form(image_file)
    if dtype != torch.uint8 or len(shape) not in (3, 4):
        raise YamlnetError(
            f"`{image_file}` holds no images: expected unsigned bytes in "
            "[samples, height, width] or [samples, channels, height, width], "
            f"found {_described(dtype, shape)}"
        )
    labels = read_idx(label_file)
    if labels.is_floating_point() or labels.ndim != 1:
        raise YamlnetError(
            f"`{label_file}` holds no labels: expected integers in [samples], "
            f"found {_described(labels.dtype, labels.shape)}"
        )
    images = _images(image_file, prod(shape), room)
    if len(images) != len(labels):
        raise YamlnetError(
            f"`{image_file}` and `{label_file}` don't belong together: "
            f"{len(images):,} images, but {len(labels):,} labels"
        )
    if int(labels.min()) < 0:
        raise YamlnetError(f"`{label_file}` holds the label {int(labels.min())}: classes count from 0")
    return {"image": images, "target": labels.to(torch.int64)}


def _images(path: Path, num_bytes: int, room: Room) -> Values:
    """Images with channels, in memory where they fit."""
    if not room.take(num_bytes):
        found = stored_idx(path)
        return stored(replace(found, shape=(1, *found.shape)) if len(found.shape) == 2 else found)
    images = read_idx(path)
    return images.unsqueeze(1) if images.ndim == 3 else images


def _find(folder: Path, prefix: str, stems: tuple[str, ...]) -> Path | None:
    names = [f"{prefix}-{stem}{ending}" for stem in stems for ending in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _require(folder: Path, prefix: str, stems: tuple[str, ...]) -> Path:
    found = _find(folder, prefix, stems)
    if found is None:
        raise YamlnetError(f"no `{prefix}-{stems[0]}` or `{prefix}-{stems[0]}.gz` in `{folder}`")
    return found


def _described(dtype: torch.dtype, shape: Sequence[int]) -> str:
    return f"{str(dtype).removeprefix('torch.')} in {list(shape)}"
