"""A folder with a folder of images for each class in; the images, targets and the classes' names out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.ragged import Ragged, Values
from yamlnet.data.steps import together
from yamlnet.diagnostics import YamlnetError


def read_image_folder(root: Path) -> tuple[dict[str, Values], tuple[str, ...]]:
    """What torchvision's `ImageFolder` finds, as RGB.

    Returns:
        The fields `image`, uint8 [samples, 3, height, width] or, where they differ in size, `Ragged`, and
        `target`, int64 [samples], in the order of the classes' and files' names; and the classes' names.

    Raises:
        YamlnetError: there are no images, or one can't be read.
    """
    try:
        found = import_torchvision().datasets.ImageFolder(root)
    except OSError as error:
        raise YamlnetError(
            f"no images in `{root}`: {_first_line(error)}",
            help="an `ImageFolder` has one folder for each class, and that class's images in it",
        ) from error
    paths = [Path(path) for path, _ in found.samples]
    read = [_read_image(path) for path in paths]
    images = together(read)
    values = images if isinstance(images, Tensor) else Ragged(images, [str(path) for path in paths])
    return {"image": values, "target": torch.tensor(found.targets)}, tuple(found.classes)


def _read_image(path: Path) -> Tensor:
    """One image as uint8 [3, height, width]."""
    from PIL import Image

    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except Exception as error:  # what a decoder raises for a damaged file depends on the format
        raise YamlnetError(f"can't read the image `{path}`: {_first_line(error)}") from error
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return values.view(image.height, image.width, 3).permute(2, 0, 1)


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return text[:1].lower() + text[1:]
