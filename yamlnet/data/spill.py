"""Values that don't fit in memory in; a file without a name that holds them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from yamlnet import disk
from yamlnet.data.ragged import Values
from yamlnet.data.room import Room
from yamlnet.data.stored import Block, OpenFile, Scattered, Stored, stored
from yamlnet.diagnostics import YamlnetError


class Spill:
    """A file that is written once, from its beginning, and is there as long as a process has it open."""

    def __init__(self) -> None:
        """Raises YamlnetError where no file can be made."""
        with _advised():
            handle, self._folder = disk.scratch()
        self.file = OpenFile(handle)
        self.size = 0

    def add(self, content: bytes | memoryview) -> None:
        """Adds bytes to its end.

        Raises:
            YamlnetError: the disk doesn't take them.
        """
        with _advised():
            disk.add(self.file.handle, self._folder, content)
        self.size += len(content)


@contextmanager
def _advised() -> Iterator[None]:
    try:
        yield
    except YamlnetError as error:
        help = "what is larger than `data.memory` is unpacked there; `TMPDIR` names another folder"
        raise YamlnetError(error.message, help) from error


class SpilledImages:
    """Images uint8 [channels, height, width] that are written to a file one after another."""

    def __init__(self) -> None:
        self._spill = Spill()
        self._shapes: list[tuple[int, ...]] = []
        self._starts: list[int] = []

    def append(self, image: Tensor) -> None:
        """Adds an image; raises YamlnetError where the disk doesn't take it."""
        self._shapes.append(tuple(image.shape))
        self._starts.append(self._spill.size)
        self._spill.add(image.contiguous().view(-1).numpy().data)

    def coloured(self) -> SpilledImages:
        """The same with three channels, which grey ones have one of."""
        before = self.finished([""] * len(self._shapes)).source
        return spilled_images(before.read([row])[0].repeat(3, 1, 1) for row in range(len(before)))

    def finished(self, names: Sequence[str]) -> Stored:
        """All images, read from the file; `names` are what they are called."""
        file, shapes = self._spill.file, self._shapes
        if len(set(shapes)) == 1:
            return stored(Block(file, "the unpacked images", 0, len(shapes), shapes[0]))
        sizes = torch.tensor(shapes)[:, 1:]
        return stored(Scattered(file, shapes[0][0], torch.tensor(self._starts), sizes, names))


def kept(fields: Mapping[str, Tensor], room: Room) -> Mapping[str, Values]:
    """Fields with their images in a file where `room` doesn't take these."""
    images = fields["image"]
    return fields if room.take(images.nbytes) else {**fields, "image": spilled_images(images).finished(())}


def spilled_images(images: Iterable[Tensor]) -> SpilledImages:
    """Images, written to a file."""
    spilled = SpilledImages()
    for image in images:
        spilled.append(image)
    return spilled
