"""The values of a field in; a digest of them out, the same wherever they are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor

from yamlnet.data.ragged import Ragged, Values
from yamlnet.data.steps import Images
from yamlnet.data.stored import Stored
from yamlnet.data.workers import Task, Workers


class Digest(Protocol):
    """What bytes are counted into, as hashlib's."""

    def update(self, content: bytes | memoryview, /) -> None: ...


def add(digest: Digest, name: str, values: Values, workers: Workers) -> None:
    """Counts in a field with its name, types and shapes; `workers` decode what is in files of pictures.

    Raises:
        YamlnetError: what is stored can't be read.
    """
    for dtype, shape, contents in _contents(values, workers):
        digest.update(f"{name} {dtype} {list(shape)}\n".encode())
        for each in contents:
            digest.update(each.contiguous().numpy().data)


def _contents(
    values: Values, workers: Workers
) -> Iterator[tuple[torch.dtype, Iterable[int], Iterable[Tensor]]]:
    """The type, shape and values of a field as one, or image by image where sizes differ."""
    if isinstance(values, Tensor):
        yield values.dtype, values.shape, [values]
        return
    images = values if isinstance(values, Ragged) else chain.from_iterable(_read(values, workers))
    if values.shape is None:
        yield from ((image.dtype, image.shape, [image]) for image in images)
    else:
        yield values.dtype, (len(values), *values.shape), images


def _read(values: Stored, workers: Workers) -> Iterator[Images]:
    """All samples in order, some at a time."""

    def read(task: Task) -> Images:
        return values.read(torch.tensor(task.samples))

    samples = torch.arange(len(values))
    tasks = (Task(part.tolist(), ()) for part in torch.split(samples, values.num_together))
    return workers.stream(read)(tasks) if values.source.is_decoded else map(read, tasks)
