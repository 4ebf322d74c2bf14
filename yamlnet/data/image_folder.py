"""A folder with a folder of images for each class in; the images, targets and the classes' names out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError


def read_image_folder(root: Path) -> tuple[dict[str, Tensor], tuple[str, ...], tuple[str, ...]]:
    """What torchvision's `ImageFolder` finds, as RGB.

    Returns:
        The fields `image`, uint8 [samples, 3, height, width], and `target`, int64 [samples], in the order
        of the classes' and files' names; the classes' names; and the files.

    Raises:
        YamlnetError: there are no images, one can't be read, or they differ in size.
    """
    try:
        found = import_torchvision().datasets.ImageFolder(root)
    except OSError as error:
        raise YamlnetError(
            f"no images in `{root}`: {_first_line(error)}",
            help="an `ImageFolder` has one folder for each class, and that class's images in it",
        ) from error
    paths = [Path(path) for path, _ in found.samples]
    first = _read_image(paths[0])
    images = torch.empty(len(paths), *first.shape, dtype=torch.uint8)
    for index, path in enumerate(paths):
        image = _read_image(path)
        if image.shape != first.shape:
            raise YamlnetError(
                "all images of an `ImageFolder` must have one size: "
                f"`{paths[0]}` is {_size(first)}, `{path}` is {_size(image)} (height x width)"
            )
        images[index] = image
    files = tuple(map(str, paths))
    return {"image": images, "target": torch.tensor(found.targets)}, tuple(found.classes), files


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


def _size(image: Tensor) -> str:
    return f"{image.shape[1]} x {image.shape[2]}"


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0] or type(error).__name__
    return text[:1].lower() + text[1:]
