"""A folder with a folder of images for each class in; the images, targets and the classes' names out."""

from __future__ import annotations

from pathlib import Path

import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.links import refuse_inner_links
from yamlnet.data.picture_files import CHANNELS, first_line, in_colour, picture_files
from yamlnet.data.pictures import Form, stacked
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.stored import stored
from yamlnet.diagnostics import YamlnetError


def read_image_folder(
    root: Path, resize: Call | None, room: Room = UNLIMITED
) -> tuple[dict[str, Values], tuple[str, ...], tuple[str, ...]]:
    """What torchvision's `ImageFolder` finds, as RGB, resized where that is said.

    Images that `room` doesn't take stay in their files, and are decoded when they are asked for.

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
            f"no images in `{root}`: {first_line(error)}",
            help="an `ImageFolder` has one folder for each class, and that class's images in it",
        ) from error
    files = tuple(path for path, _ in found.samples)
    if room.left is not None and not room.take((left := picture_files(files, resize)).num_bytes):
        images: Values = stored(left)
    else:
        images = stacked(((path, in_colour(path)) for path in files), len(files), Form(CHANNELS, resize))
    return {"image": images, "target": torch.tensor(found.targets)}, tuple(found.classes), files
