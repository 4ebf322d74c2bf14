"""Crops and flips of a batch are torchvision's of each image, and are drawn as it draws them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.data.crops import Flip, RandomCrop
from yamlnet.data.steps import Shape
from yamlnet.diagnostics import YamlnetError

from .calls import transform
from .reference import v2

IMAGES = torch.arange(4 * 3 * 5 * 6, dtype=torch.int64).remainder(251).to(torch.uint8).view(4, 3, 5, 6)
SHAPE: Shape = (3, 5, 6)
MANY = torch.arange(100_000)

GEOMETRIES: list[dict[str, Any]] = [
    {"size": 3},
    {"size": [5, 6]},
    {"size": [4, 2], "padding": 1},
    {"size": [5, 6], "padding": [2, 1]},
    {"size": 5, "padding": [2, 1, 0, 3]},
    {"size": 8, "pad_if_needed": True},
    {"size": [7, 4], "padding": [0, 1], "pad_if_needed": True},
]


def crop_of(**arguments: Any) -> RandomCrop:
    return RandomCrop(transform("RandomCrop", **arguments).with_defaults())


@pytest.mark.parametrize("fill", [9, [9], [9, 0, 255], None])
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("arguments", GEOMETRIES, ids=str)
def test_every_crop_is_torchvisions(arguments: dict[str, Any], mode: str, fill: Any) -> None:
    if isinstance(fill, list) and len(fill) > 1 and mode != "constant":
        return  # torchvision refuses it, and so does `check`
    said = {**arguments, "padding_mode": mode, "fill": fill}
    crop = crop_of(**said)
    theirs = v2.RandomCrop(**said)
    padding = theirs.make_params([IMAGES])["padding"]
    padded = v2.functional.pad(IMAGES, padding, fill=fill, padding_mode=mode)
    height, width = theirs.size
    for top in range(padded.shape[-2] - height + 1):
        for left in range(padded.shape[-1] - width + 1):
            draws = torch.full((len(IMAGES),), top * padded.shape[-1] + left)
            expected = v2.functional.crop(padded, top, left, height, width)
            assert torch.equal(crop(IMAGES, (draws,)), expected)


def test_crops_are_drawn_evenly() -> None:
    (draws,) = crop_of(size=[4, 4], padding=[1, 0]).draw(MANY, SHAPE)
    places, counts = draws.unique(return_counts=True)
    assert places.tolist() == [top * 8 + left for top in range(2) for left in range(5)]
    # 10,000 of each are expected, with a standard deviation of 95
    assert int((counts - 10_000).abs().max()) < 400


def test_each_image_has_a_crop_of_its_own() -> None:
    draws = torch.tensor([0, 1, 6, 7])
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    expected = [image[:, y : y + 3, x : x + 3] for image, (y, x) in zip(IMAGES, places, strict=True)]
    assert torch.equal(crop_of(size=3)(IMAGES, (draws,)), torch.stack(expected))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("axis", [-1, -2])
def test_flips_are_torchvisions(axis: int, dtype: torch.dtype) -> None:
    images = IMAGES.to(dtype)
    before = images.clone()
    flipped = Flip(axis)(images, (torch.tensor([-1, 0, -1, 0], dtype=torch.int8).view(4, 1, 1, 1),))
    theirs = {-1: v2.functional.horizontal_flip, -2: v2.functional.vertical_flip}[axis]
    assert torch.equal(images, before)
    assert torch.equal(flipped[[0, 2]], theirs(images[[0, 2]]))
    assert torch.equal(flipped[[1, 3]], images[[1, 3]])


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_flips_are_as_frequent_as_said(p: float) -> None:
    (draws,) = Flip(-1, p).draw(MANY, SHAPE)
    assert set(draws.unique().tolist()) <= {0, -1}
    assert float(draws.eq(-1).double().mean()) == pytest.approx(p, abs=0.006 if 0 < p < 1 else 0)


def test_an_image_that_is_too_small_is_refused() -> None:
    with pytest.raises(YamlnetError, match=r"can't cut 5 x 5 out of an image of 4 x 9"):
        crop_of(size=5).draw(MANY[:1], (1, 4, 9))


def test_the_farthest_mirror_is_torchvisions() -> None:
    image: Tensor = torch.arange(5, dtype=torch.uint8).view(1, 1, 1, 5)
    for mode, padding in (("symmetric", [5, 0]), ("reflect", [4, 0]), ("edge", [9, 0])):
        width = 5 + 2 * padding[0]
        crop = crop_of(size=[1, width], padding=padding, padding_mode=mode)
        expected = v2.functional.pad(image, padding, padding_mode=mode)
        assert torch.equal(crop(image, (torch.zeros(1, dtype=torch.int64),)), expected)
