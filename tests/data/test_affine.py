"""Turned, moved, scaled and sheared batches are torchvision's images, and are drawn as it draws them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.data.affine import RandomAffine, RandomRotation, backward, warp
from yamlnet.data.counters import keys

from .calls import transform
from .laws import NUM_OURS, NUM_THEIRS, assert_same_law
from .reference import v2

COUNT = 64
HEIGHT, WIDTH = 19, 24


def images_of(dtype: torch.dtype) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=drawn)
    return images if dtype is torch.uint8 else images / 255 - 0.5


def parameters_of(count: int) -> list[dict[str, Any]]:
    theirs = v2.RandomAffine(90, (0.3, 0.2), (0.5, 2.0), (-20, 20, -10, 30))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [theirs.make_params([torch.empty(3, HEIGHT, WIDTH)]) for _ in range(count)]


def middle(center: list[float] | None) -> Tensor:
    x, y = center or (WIDTH / 2, HEIGHT / 2)
    return torch.tensor([x - WIDTH / 2, y - HEIGHT / 2], dtype=torch.float64)


def maps_of(parameters: list[dict[str, Any]], center: list[float] | None) -> Tensor:
    columns = ("angle", "scale", "shear", "translate")
    angle, scale, shear, move = (torch.tensor([p[c] for p in parameters]).double() for c in columns)
    return backward(angle, scale, shear[:, 0], shear[:, 1], move, middle(center))


@pytest.mark.parametrize("center", [None, [3.0, 10.5]])
@pytest.mark.parametrize("fill", [0, 77, [10, 20, 200], None])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_each_image_is_torchvisions(
    dtype: torch.dtype, mode: str, fill: Any, center: list[float] | None
) -> None:
    images, parameters = images_of(dtype), parameters_of(COUNT)
    ours = warp(images, maps_of(parameters, center), mode, fill)
    theirs = torch.stack(
        [
            v2.functional.affine(image, **one, interpolation=mode, fill=fill, center=center)
            for image, one in zip(images, parameters, strict=True)
        ]
    )
    far = (ours.double() - theirs.double()).abs() > (
        1 if dtype is torch.uint8 and mode == "bilinear" else 1e-3
    )
    # the nearest of two pixels that are equally near depends on the last bit
    assert float(far.double().mean()) < 1e-3
    assert not torch.equal(ours, images)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_what_moves_nothing_changes_nothing(mode: str) -> None:
    images = images_of(torch.uint8)
    step = RandomAffine(transform("RandomAffine", degrees=0, interpolation=mode, fill=9).with_defaults())
    assert torch.equal(step(images, step.draw(torch.arange(COUNT), (3, HEIGHT, WIDTH))), images)


def test_moves_are_of_whole_pixels() -> None:
    images = images_of(torch.uint8)
    zero, one = torch.zeros(COUNT).double(), torch.ones(COUNT).double()
    move = torch.tensor([[2.0, -3.0]]).double().expand(COUNT, 2)
    moved = warp(images, backward(zero, one, zero, zero, move, middle(None)), "nearest", 0)
    assert torch.equal(moved[:, :, : HEIGHT - 3, 2:], images[:, :, 3:, : WIDTH - 2])
    assert not moved[:, :, HEIGHT - 3 :].any()
    assert not moved[:, :, :, :2].any()


@pytest.mark.parametrize("angle", [90.0, 180.0, 270.0])
def test_quarter_turns_are_exact(angle: float) -> None:
    images = images_of(torch.uint8)[:, :, :, :HEIGHT]
    step = RandomRotation(transform("RandomRotation", degrees=[angle, angle]).with_defaults())
    turned = step(images, step.draw(torch.arange(COUNT), (3, HEIGHT, HEIGHT)))
    assert torch.equal(turned, v2.functional.rotate(images, angle))


def drawn_by_torchvision(name: str, arguments: dict[str, Any]) -> Tensor:
    """The maps of what torchvision draws: [count, 6]."""
    theirs = getattr(v2, name)(**arguments)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        drawn = [theirs.make_params([torch.empty(3, HEIGHT, WIDTH)]) for _ in range(NUM_THEIRS)]
    still = {"translate": (0, 0), "scale": 1.0, "shear": (0.0, 0.0)}
    parameters = [{**still, **one} for one in drawn]
    if name == "RandomRotation":  # which turns the other way round
        parameters = [{**one, "angle": -one["angle"]} for one in parameters]
    return maps_of(parameters, arguments.get("center")).flatten(1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomAffine", {"degrees": 15}),
        ("RandomAffine", {"degrees": [10, 50], "center": [2.0, 3.0]}),
        ("RandomAffine", {"degrees": 0, "translate": [0.3, 0.1]}),
        ("RandomAffine", {"degrees": 0, "scale": [0.5, 2.0]}),
        ("RandomAffine", {"degrees": 0, "shear": 20}),
        ("RandomAffine", {"degrees": 0, "shear": [5, 20]}),
        ("RandomAffine", {"degrees": 0, "shear": [5, 20, -30, 10]}),
        (
            "RandomAffine",
            {"degrees": 5, "translate": [0.1, 0.2], "scale": [0.9, 1.1], "shear": [-9, 9, -4, 4]},
        ),
        ("RandomRotation", {"degrees": 30}),
        ("RandomRotation", {"degrees": [-10, 80], "center": [2.0, 3.0]}),
    ],
    ids=str,
)
def test_maps_are_drawn_as_torchvision_draws_them(name: str, arguments: dict[str, Any]) -> None:
    step = {"RandomAffine": RandomAffine, "RandomRotation": RandomRotation}[name](
        transform(name, **arguments).with_defaults()
    )
    (ours,) = step.draw(keys(0, torch.arange(NUM_OURS)), (3, HEIGHT, WIDTH))
    # what is the same for all may differ in the last bit
    assert_same_law(
        ours.flatten(1).double().round(decimals=4),
        drawn_by_torchvision(name, arguments).double().round(decimals=4),
    )
