"""Augmentation draws for each image what torchvision's transforms draw for one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.data.augment import RandomCrop, RandomHorizontalFlip, make_augmentations
from yamlnet.diagnostics import YamlnetError

from .calls import transform
from .reference import v2

IMAGES = torch.arange(4 * 3 * 5 * 6, dtype=torch.int64).remainder(251).to(torch.uint8).view(4, 3, 5, 6)

GEOMETRIES: list[dict[str, Any]] = [
    {"size": 3},
    {"size": [5, 6]},
    {"size": [4, 2], "padding": 1},
    {"size": [5, 6], "padding": [2, 1]},
    {"size": 5, "padding": [2, 1, 0, 3]},
    {"size": 8, "pad_if_needed": True},
    {"size": [7, 4], "padding": [0, 1], "pad_if_needed": True},
]


def crop_of(shape: torch.Size, **arguments: Any) -> RandomCrop:
    (crop,) = make_augmentations([transform("RandomCrop", **arguments)], shape)
    assert isinstance(crop, RandomCrop)
    return crop


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("arguments", GEOMETRIES, ids=str)
def test_every_crop_is_torchvisions(arguments: dict[str, Any], mode: str) -> None:
    said = {**arguments, "padding_mode": mode, "fill": 9}
    crop = crop_of(IMAGES.shape[1:], **said)
    theirs = v2.RandomCrop(**said)
    padding = theirs.make_params([IMAGES])["padding"]
    padded = v2.functional.pad(IMAGES, padding, fill=9, padding_mode=mode)
    height, width = theirs.size
    for top in range(padded.shape[-2] - height + 1):
        for left in range(padded.shape[-1] - width + 1):
            draws = torch.full((len(IMAGES),), top * padded.shape[-1] + left)
            expected = v2.functional.crop(padded, top, left, height, width)
            assert torch.equal(crop(IMAGES, draws), expected)


def test_crops_are_drawn_evenly() -> None:
    crop = crop_of(IMAGES.shape[1:], size=[4, 4], padding=[1, 0])
    draws = crop.draw(100_000, torch.Generator().manual_seed(0))
    places, counts = draws.unique(return_counts=True)
    assert places.tolist() == [top * 8 + left for top in range(2) for left in range(5)]
    # 10,000 of each are expected, with a standard deviation of 95
    assert int((counts - 10_000).abs().max()) < 400


def test_each_image_has_a_crop_of_its_own() -> None:
    crop = crop_of(IMAGES.shape[1:], size=3)
    draws = torch.tensor([0, 1, 6, 7])
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    expected = [image[:, y : y + 3, x : x + 3] for image, (y, x) in zip(IMAGES, places, strict=True)]
    assert torch.equal(crop(IMAGES, draws), torch.stack(expected))


def test_flips_are_torchvisions() -> None:
    flip = RandomHorizontalFlip(0.5)
    draws = torch.tensor([255, 0, 255, 0], dtype=torch.uint8).view(4, 1, 1, 1)
    before = IMAGES.clone()
    flipped = flip(IMAGES, draws)
    assert torch.equal(IMAGES, before)
    assert torch.equal(flipped[[0, 2]], v2.functional.horizontal_flip(IMAGES[[0, 2]]))
    assert torch.equal(flipped[[1, 3]], IMAGES[[1, 3]])


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_flips_are_as_frequent_as_said(p: float) -> None:
    (flip,) = make_augmentations([transform("RandomHorizontalFlip", p=p)], IMAGES.shape[1:])
    draws = flip.draw(100_000, torch.Generator().manual_seed(0))
    assert set(draws.unique().tolist()) <= {0, 255}
    assert float(draws.eq(255).double().mean()) == pytest.approx(p, abs=0.006 if 0 < p < 1 else 0)


def test_a_crop_sets_the_size_for_what_follows() -> None:
    calls = [transform("RandomCrop", size=4), transform("RandomCrop", size=5)]
    with pytest.raises(YamlnetError, match=r"can't cut 5 x 5 out of images of 4 x 4"):
        make_augmentations(calls, (1, 6, 6))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 33}, r"can't cut 33 x 33 out of images of 28 x 28"),
        ({"size": [28, 33], "padding": 2}, r"can't cut 28 x 33 out of padded images of 32 x 32"),
        ({"size": 28, "padding": 28, "padding_mode": "reflect"}, r"`reflect` can't pad 28 pixels by 28"),
        ({"size": 28, "padding": 29, "padding_mode": "symmetric"}, r"`symmetric` can't pad 28 pixels by 29"),
        ({"size": 28, "padding": 1, "fill": 256}, r"`fill` must be from 0 to 255"),
    ],
)
def test_impossible_crops_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        crop_of(torch.Size((1, 28, 28)), **arguments)
    assert caught.value.exit_code == 1


def test_a_transform_is_no_augmentation() -> None:
    with pytest.raises(YamlnetError, match="`Normalize` is no augmentation"):
        make_augmentations([transform("Normalize", mean=0.1, std=0.3)], (1, 28, 28))


def test_the_farthest_mirror_is_torchvisions() -> None:
    image: Tensor = torch.arange(5, dtype=torch.uint8).view(1, 1, 1, 5)
    for mode, padding in (("symmetric", [5, 0]), ("reflect", [4, 0]), ("edge", [9, 0])):
        width = 5 + 2 * padding[0]
        crop = crop_of(image.shape[1:], size=[1, width], padding=padding, padding_mode=mode)
        expected = v2.functional.pad(image, padding, padding_mode=mode)
        assert torch.equal(crop(image, torch.zeros(1, dtype=torch.int64)), expected)
