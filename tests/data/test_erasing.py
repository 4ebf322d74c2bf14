"""Erased rectangles of a batch are torchvision's, and are drawn as it draws them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.data.counters import keys
from yamlnet.data.erasing import RandomErasing

from .calls import transform
from .laws import NUM_OURS, NUM_THEIRS, assert_same_law
from .reference import v2

SHAPE = (3, 12, 17)
COUNT = 50


def erasing(**arguments: Any) -> RandomErasing:
    return RandomErasing(transform("RandomErasing", **arguments).with_defaults())


@pytest.mark.parametrize("value", [0.0, 7, [1, 2, 3], [4]])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_each_image_is_torchvisions(dtype: torch.dtype, value: Any) -> None:
    drawn = torch.Generator().manual_seed(0)
    images = torch.randint(8, 256, (COUNT, *SHAPE), dtype=torch.uint8, generator=drawn).to(dtype)
    step = erasing(p=0.8, value=value)
    ends, own = step.draw(keys(0, torch.arange(COUNT)), SHAPE)
    erased = step(images, (ends, own))
    values = torch.tensor(value if isinstance(value, list) else [value])[:, None, None]
    for image, found, (top, left, bottom, right) in zip(images, erased, ends.tolist(), strict=True):
        expected = v2.functional.erase(image, top, left, bottom - top, right - left, values)
        assert torch.equal(found, expected)
    assert bool((erased != images).any())


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"p": 1.0},
        {"scale": [0.3, 1.0], "ratio": [0.2, 8.0]},  # many of which don't fit
        {"p": 0.9, "scale": [0.1, 0.1], "ratio": [1, 1]},
    ],
    ids=str,
)
def test_rectangles_are_drawn_as_torchvision_draws_them(arguments: dict[str, Any]) -> None:
    ends = erasing(**arguments).draw(keys(0, torch.arange(NUM_OURS)), SHAPE)[0]
    theirs = v2.RandomErasing(**arguments)
    found: list[list[int]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(NUM_THEIRS):
            drawn: dict[str, Any] = {"v": None}
            if float(torch.rand(1)) < theirs.p:
                drawn = theirs.make_params([torch.empty(SHAPE)])
            top, left, height, width = (drawn[key] for key in "ijhw") if drawn["v"] is not None else [0] * 4
            found.append([top, left, top + height, left + width])
    assert_same_law(ends, torch.tensor(found))


def test_random_values_are_normal_and_each_image_has_its_own() -> None:
    step = erasing(p=1.0, value="random", scale=[0.5, 0.6])
    images = torch.full((200, 3, 20, 20), 9.0)
    draws = step.draw(keys(0, torch.arange(200)), (3, 20, 20))
    erased = step(images, draws)
    values: Tensor = erased[erased != 9]
    assert float(values.mean()) == pytest.approx(0, abs=0.02)
    assert float(values.std()) == pytest.approx(1, abs=0.02)
    assert len(values.unique()) > 0.9 * len(values)
    some = torch.tensor([3, 77])
    assert torch.equal(step(images[some], (draws[0][some], draws[1][some])), erased[some])
