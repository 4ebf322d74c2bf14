"""A folder with a folder of images for each class in; the images, targets and the classes' names out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.links import refuse_inner_links
from yamlnet.data.picture_head import opened
from yamlnet.data.pictures import Form, stacked
from yamlnet.data.ragged import Values
from yamlnet.diagnostics import YamlnetError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def read_image_folder(
    root: Path, resize: Call | None
) -> tuple[dict[str, Values], tuple[str, ...], tuple[str, ...]]:
    """What torchvision's `ImageFolder` finds, as RGB, resized where that is said.

    Returns:
        The fields `image`, uint8 [samples, 3, height, width] or, where they differ in size, `Ragged`, and
        `target`, int64 [samples], in the order of the classes' and files' names; the classes' names; and
        the files.

    Raises:
        YamlnetError: there are no images, or one can't be read.
    """
    refuse_inner_links(root)
    try:
        found = import_torchvision().datasets.ImageFolder(root)
    except OSError as error:
        raise YamlnetError(
            f"no images in `{root}`: {_first_line(error)}",
            help="an `ImageFolder` has one folder for each class, and that class's images in it",
        ) from error
    pictures = ((path, _opened(path)) for path, _ in found.samples)
    images = stacked(pictures, len(found.samples), Form(3, resize))
    files = tuple(path for path, _ in found.samples)
    return {"image": images, "target": torch.tensor(found.targets)}, tuple(found.classes), files


def _opened(path: str) -> Picture:
    with opened(path) as file:
        return file.convert("RGB")


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return text[:1].lower() + text[1:]
