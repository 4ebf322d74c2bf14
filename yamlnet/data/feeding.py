"""The images of a split and what is done to them in; the images of each batch, on the device, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.crops import RandomCrop
from yamlnet.data.pipeline import Steps, done_once, num_once, steps
from yamlnet.data.ragged import Values, gathered
from yamlnet.data.steps import Draws, Images, Shape
from yamlnet.data.stored import Stored
from yamlnet.data.workers import Task, Workers
from yamlnet.diagnostics import YamlnetError

Feed = Callable[[int], Iterator[Tensor]]
"""A field of an epoch: the number of the first batch in, the field's values from there on, batch by batch."""


@dataclass(frozen=True)
class Preparation:
    """What is done to samples before they go to the device, batch by batch, here or in a worker."""

    values: Values
    steps: Steps

    def __call__(self, task: Task) -> Tensor:
        """A batch of the samples, changed as the steps say; of the same bits whatever process does it."""
        chosen = gathered(self.values, torch.tensor(task.samples))
        with _one_thread():
            draws = self.steps.draws(torch.tensor(task.order), task.epoch, *task.purpose)
            return _batch(self.steps.apply(chosen, draws))


class StreamFeeds:
    """Values that are prepared batch by batch, ahead of time where there are workers."""

    def __init__(
        self, preparation: Preparation, late: Steps, batch_size: int, device: torch.device, workers: Workers
    ) -> None:
        """`late` is done on the device."""
        self._batch_size, self._device = batch_size, device
        self._late = late
        self._stream = workers.stream(preparation)

    def in_order(self, order: Tensor) -> Feed:
        """The values in the order of the split."""
        return self.drawn(order, order, 0)

    def drawn(self, samples: Tensor, order: Tensor, epoch: int, *purpose: str) -> Feed:
        """The values of these samples, changed as the seed, the epoch and the numbers in `order` say."""
        parts, numbers = (torch.split(values, self._batch_size) for values in (samples, order))

        def feed(start: int) -> Iterator[Tensor]:
            tasks = (
                Task(part.tolist(), number.tolist(), epoch, purpose)
                for part, number in zip(parts[start:], numbers[start:], strict=True)
            )
            for number, found in zip(numbers[start:], self._stream(tasks), strict=True):
                draws = self._late.draws(number, epoch, *purpose)
                values = _batch(found).to(self._device, non_blocking=True)
                late = [tuple(drawn.to(self._device, non_blocking=True) for drawn in each) for each in draws]
                yield _batch(self._late.apply(values, late))

        return feed


@dataclass(frozen=True)
class Crop:
    """A crop that comes first: it is the gather itself, out of all windows of the resident images."""

    crop: RandomCrop
    shape: Shape
    steps: Steps

    def rows(self, samples: Tensor, order: Tensor, epoch: int, purpose: tuple[str, ...]) -> Tensor:
        """Which of the windows those of the samples are in an epoch: int64 [samples]."""
        ((places,),) = self.steps.draws(order, epoch, *purpose)
        return self.crop.rows(samples, places, self.shape)


class ResidentFeeds:
    """Images that are on the device, all of them, and changed there."""

    def __init__(self, images: Tensor, late: Steps, batch_size: int, device: torch.device) -> None:
        """Raises YamlnetError where the device has too little memory."""
        self._batch_size, self._device = batch_size, device
        self._images, self._steps = moved(images, device), late
        self._crop: Crop | None = None
        first = late.placed[0]
        if isinstance(first.step, RandomCrop) and first.shape is not None:
            self._crop = Crop(first.step, first.shape, Steps((first,), late.seed))
            self._images = first.step.windows(self._images)
            self._steps = Steps(late.placed[1:], late.seed)

    def in_order(self, order: Tensor) -> Feed:
        """The images in the order of the split; nothing of it is copied that need not be."""
        if self._crop:
            return self.drawn(order, order, 0)
        parts = torch.split(self._images, self._batch_size)
        return self._feed(parts.__getitem__, self._steps.draws(order, 0), len(parts))

    def drawn(self, samples: Tensor, order: Tensor, epoch: int, *purpose: str) -> Feed:
        """The images of these samples, changed as the seed, the epoch and the numbers in `order` say."""
        rows = samples if self._crop is None else self._crop.rows(samples, order, epoch, purpose)
        parts = torch.split(rows.to(self._device), self._batch_size)
        draws = self._steps.draws(order, epoch, *purpose)
        return self._feed(lambda batch: self._images.index_select(0, parts[batch]), draws, len(parts))

    def _feed(self, gather: Callable[[int], Tensor], draws: Sequence[Draws], num_batches: int) -> Feed:
        split = [
            [torch.split(values.to(self._device), self._batch_size) for values in drawn] for drawn in draws
        ]

        def feed(start: int) -> Iterator[Tensor]:
            for batch in range(start, num_batches):
                late = [tuple(values[batch] for values in drawn) for drawn in split]
                yield _batch(self._steps.apply(gather(batch), late))

        return feed


def image_feeds(
    images: Values, batch_size: int, calls: Sequence[Call], seed: int, device: torch.device, workers: Workers
) -> StreamFeeds | ResidentFeeds:
    """The images of a split: on the device from the start, unless they are stored or change one by one.

    Does once what can be done before any epoch; to what is stored workers do it each time.

    Raises:
        YamlnetError: a call doesn't fit the images, or the device has too little memory.
    """
    all_steps = steps(calls, images, seed)
    if isinstance(images, Stored):
        early, late = all_steps.divided(num_once(images, all_steps))
        return StreamFeeds(Preparation(images, early), late, batch_size, device, workers)
    found, rest = done_once(images, all_steps)
    early, late = rest.divided()
    if isinstance(found, Tensor) and not early:
        return ResidentFeeds(found, late, batch_size, device)
    return StreamFeeds(Preparation(found, early), late, batch_size, device, workers)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within it torch computes with one thread, as workers do: some sums depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _batch(images: Images) -> Tensor:
    if isinstance(images, Tensor):
        return images
    sizes = " and ".join(sorted({f"{image.shape[1]} x {image.shape[2]}" for image in images})[:2])
    raise YamlnetError(
        f"the images of a batch differ in size: {sizes} (height x width)",
        help="`Resize: [HEIGHT, WIDTH]` in `transforms` gives all images one size",
        exit_code=1,
    )


def moved(values: Tensor, device: torch.device) -> Tensor:
    """The values on the device.

    Raises:
        YamlnetError: it has too little memory.
    """
    try:
        return values.to(device)
    except torch.OutOfMemoryError as error:
        size = values.nbytes / 2**20
        raise YamlnetError(f"the data don't fit on `{device}`: {size:,.0f} MiB more were needed") from error
