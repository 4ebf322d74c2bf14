"""Colours of a batch are changed as torchvision changes those of each image, and as it draws the changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.data.counters import keys
from yamlnet.data.jitter import BLENDED, ColorJitter, shift_hue
from yamlnet.data.steps import Draws

from .calls import transform
from .laws import NUM_OURS, NUM_THEIRS, assert_same_law
from .reference import v2

COUNT = 200
CASES: list[dict[str, Any]] = [
    {"brightness": 0.4},
    {"contrast": [0.2, 1.8]},
    {"saturation": 0.9},
    {"hue": 0.5},
    {"hue": [-0.1, 0.3]},
    {"brightness": 0.4, "saturation": 0.4},
    {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    {"brightness": [1, 1], "contrast": 2.0, "hue": 0},
]


def jitter(**arguments: Any) -> ColorJitter:
    return ColorJitter(transform("ColorJitter", **arguments).with_defaults())


def images_of(channels: int, dtype: torch.dtype) -> Tensor:
    drawn = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, channels, 9, 11), dtype=torch.uint8, generator=drawn)
    images[0], images[1] = 0, 255
    images[2] = images[2, :1]
    return images if dtype is torch.uint8 else images / 255


def changes(draws: Draws, image: int, channels: int, has_hue: bool) -> list[tuple[str, float]]:
    """What is done to an image, in order."""
    kinds, kept, hue = (values[image] for values in draws)
    done: list[tuple[str, float]] = []
    for slot in range(len(kept) + 1):
        if has_hue and slot == len(kept) // 2:
            done.append(("hue", float(hue)))
        if slot < len(kept) and kinds[slot].any():
            done.append((BLENDED[int(kinds[slot].argmax())], float(kept[slot])))
    return done


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_each_image_is_torchvisions(arguments: dict[str, Any], dtype: torch.dtype, channels: int) -> None:
    images, step = images_of(channels, dtype), jitter(**arguments)
    draws = step.draw(keys(0, torch.arange(COUNT)), (channels, 9, 11))
    ours = step(images, draws)
    has_hue = channels == 3 and "hue" in arguments and arguments["hue"] != 0
    for number, image in enumerate(images):
        expected = image
        for name, factor in changes(draws, number, channels, has_hue):
            expected = getattr(v2.functional, f"adjust_{name}")(expected, factor)
        far = (ours[number].double() - expected.double()).abs()
        if dtype is torch.uint8:
            # a last bit that differs may make one less of a whole number, and of its hue a little more
            assert float((far > 0).double().mean()) < 0.05
            assert float(far.max()) <= (12 if has_hue else 3)
        else:
            assert float(far.max()) < 1e-4


def test_hues_go_round() -> None:
    colours = images_of(3, torch.float32)
    assert torch.allclose(shift_hue(colours, torch.zeros(1, 1, 1)), colours, atol=1e-6)
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    assert shift_hue(red, torch.full((1, 1, 1), 1 / 3)).flatten().tolist() == pytest.approx(
        [0, 1, 0], abs=1e-6
    )


@pytest.mark.parametrize("arguments", CASES, ids=str)
def test_changes_are_drawn_as_torchvision_draws_them(arguments: dict[str, Any]) -> None:
    """Each factor, and the place that it has among those that are used."""
    names = [*BLENDED, "hue"]
    theirs = v2.ColorJitter(**arguments)
    used = [name for name in names if getattr(theirs, name) is not None]
    step, has_hue = jitter(**arguments), "hue" in used
    draws = step.draw(keys(0, torch.arange(NUM_OURS // 8)), (3, 9, 11))
    ours = []
    for image in range(NUM_OURS // 8):
        done = changes(draws, image, 3, has_hue)
        assert sorted(name for name, _ in done) == sorted(used)
        order = [name for name, _ in done]
        ours.append([dict(done)[name] for name in used] + [float(order.index(name)) for name in used])
    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(NUM_THEIRS):
            drawn = theirs.make_params([])
            order = [names[i] for i in drawn["fn_idx"].tolist() if names[i] in used]
            factors = [drawn[f"{name}_factor"] for name in used]
            found.append(factors + [float(order.index(name)) for name in used])
    assert_same_law(torch.tensor(ours), torch.tensor(found))
