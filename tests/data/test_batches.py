"""Batches: whole, in order or shuffled, resumable, and equal to torchvision's to the bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.batches import Batches
from yamlnet.data.pipeline import steps
from yamlnet.data.splits import Split
from yamlnet.diagnostics import YamlnetError

from .calls import transform
from .reference import v2

NUM_SAMPLES = 50
CROP = transform("RandomCrop", size=5, padding=2)
FLIP = transform("RandomHorizontalFlip")


def split_of(channels: int = 1) -> Split:
    """Random images whose targets are their numbers."""
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (NUM_SAMPLES, channels, 6, 7), dtype=torch.uint8, generator=numbers)
    return Split({"image": images, "target": torch.arange(NUM_SAMPLES)})


def joined(batches: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """All images and all targets, in the order of the batches."""
    return torch.cat([batch["image"] for batch in batches]), torch.cat([batch["target"] for batch in batches])


def by_sample(batches: list[dict[str, Tensor]]) -> Tensor:
    images, targets = joined(batches)
    return images[targets.argsort()]


@pytest.mark.parametrize(
    "arguments",
    [
        {"mean": [0.1307], "std": [0.3081]},
        {"mean": 0.1307, "std": 0.3081},
        {"mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]},
        {"mean": [0.4914, 0.4822, 0.4465], "std": [0.3]},
    ],
    ids=str,
)
def test_images_are_torchvisions_to_the_bit(arguments: dict[str, Any]) -> None:
    split = split_of(channels=3)
    batches = Batches(split, 8, [transform("Normalize", **arguments)])
    lists = {name: value if isinstance(value, list) else [value] for name, value in arguments.items()}
    theirs = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(**lists)])
    images, _ = joined(list(batches.epoch(0)))
    assert torch.equal(images, theirs(split.fields["image"]))


def test_every_value_of_a_byte_is_scaled_as_torchvision_scales_it() -> None:
    image = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    split = Split({"image": image, "target": torch.zeros(1, dtype=torch.int64)})
    (batch,) = Batches(split, 1, []).epoch(0)
    assert torch.equal(batch["image"], v2.functional.to_dtype(image, torch.float32, scale=True))


@pytest.mark.parametrize(("batch_size", "count"), [(8, 7), (10, 5), (50, 1), (64, 1), (1, 50)])
@pytest.mark.parametrize("seed", [None, 0])
def test_an_epoch_is_every_sample_once(batch_size: int, count: int, seed: int | None) -> None:
    split = split_of()
    batches = Batches(split, batch_size, [], seed=seed)
    found = list(batches.epoch(0))
    assert len(batches) == len(found) == count
    assert [len(batch["target"]) for batch in found[:-1]] == [batch_size] * (count - 1)
    images, targets = joined(found)
    assert sorted(targets.tolist()) == list(range(NUM_SAMPLES))
    assert (targets.tolist() == list(range(NUM_SAMPLES))) == (seed is None)
    assert torch.equal(images, split.fields["image"][targets].to(torch.float32) * (1 / 255))


def test_shuffles_follow_from_seed_and_epoch() -> None:
    def order(seed: int, epoch: int, augment: tuple[Call, ...] = ()) -> list[int]:
        batches = Batches(split_of(), 8, augment, seed)
        return joined(list(batches.epoch(epoch)))[1].tolist()

    assert order(0, 3) == order(0, 3) == order(0, 3, (CROP, FLIP))
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16


@pytest.mark.parametrize("augment", [(), (CROP,), (FLIP,), (CROP, FLIP), (FLIP, CROP), (CROP, CROP)])
@pytest.mark.parametrize("start", [0, 3, 6, 7])
def test_an_epoch_goes_on_where_it_stopped(augment: tuple[Call, ...], start: int) -> None:
    batches = Batches(split_of(), 8, augment, seed=1)
    straight = list(batches.epoch(5))[start:]
    resumed = list(Batches(split_of(), 8, augment, seed=1).epoch(5, start))
    assert len(resumed) == len(straight) == 7 - start
    for one, other in zip(resumed, straight, strict=True):
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["target"], other["target"])


def test_in_order_goes_on_where_it_stopped() -> None:
    batches = Batches(split_of(), 8, [])
    _, targets = joined(list(batches.epoch(0, 4)))
    assert targets.tolist() == list(range(32, NUM_SAMPLES))


@pytest.mark.parametrize("augment", [(CROP,), (FLIP,), (CROP, FLIP), (FLIP, CROP)])
def test_augmentation_does_not_depend_on_the_batch(augment: tuple[Call, ...]) -> None:
    def images(batch_size: int, epoch: int, seed: int = 0) -> Tensor:
        return by_sample(list(Batches(split_of(), batch_size, augment, seed).epoch(epoch)))

    assert torch.equal(images(7, 0), images(50, 0))
    assert not torch.equal(images(7, 0), images(7, 1))
    assert not torch.equal(images(7, 0), images(7, 0, seed=1))


@pytest.mark.parametrize(
    "augment", [(CROP,), (FLIP,), (CROP, FLIP), (FLIP, CROP), (FLIP, FLIP), (CROP, CROP)]
)
def test_draws_belong_to_the_sample(augment: tuple[Call, ...]) -> None:
    images = split_of(channels=3).fields["image"]
    found = by_sample(list(Batches(split_of(channels=3), 8, augment, seed=9).epoch(4)))
    assert torch.equal(found, steps(augment, images, 9)(images, torch.arange(NUM_SAMPLES), 4))


def test_batches_are_not_overwritten() -> None:
    split = split_of()
    before = split.fields["image"].clone()
    first, *_ = found = list(Batches(split, 8, [transform("Normalize", mean=0.5, std=0.5)]).epoch(0))
    kept = first["image"].clone()
    found[1]["image"].zero_()
    assert torch.equal(first["image"], kept)
    assert torch.equal(split.fields["image"], before)


def test_other_fields_come_along() -> None:
    fields = {**split_of().fields, "weight": torch.arange(NUM_SAMPLES) * 0.5}
    for seed in (None, 0):
        for batch in Batches(Split(fields), 8, [], seed=seed).epoch(0):
            assert torch.equal(batch["weight"], batch["target"] * 0.5)


@pytest.mark.parametrize("values", [[0.1, 0.2], []])
def test_normalize_needs_a_value_for_each_channel(values: list[float]) -> None:
    with pytest.raises(YamlnetError, match="but the images have 3 channels"):
        Batches(split_of(channels=3), 8, [transform("Normalize", mean=values, std=0.5)])


@pytest.mark.parametrize("seed", [None, 5])
def test_each_sample_of_a_batch_is_known_by_its_place_in_the_data_set(seed: int | None) -> None:
    numbers = torch.arange(100, 160)
    whole = Split({"x": torch.arange(200)}, place="line {}".format).select(numbers)
    batches = Batches(whole.select(torch.arange(0, 60, 2)), 7, [], seed=seed)
    for epoch in range(2):
        for number, batch in enumerate(batches.epoch(epoch)):
            assert batches.samples(epoch, number) == [f"line {value}" for value in batch["x"].tolist()]
