"""What is done to an image follows from the image, seed, epoch and sample alone, in any process and batch."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.lookup import names
from yamlnet.catalog.transforms import is_random
from yamlnet.data import pipeline
from yamlnet.data.batches import Batches
from yamlnet.data.pipeline import BATCHED, Steps, done_once, steps
from yamlnet.data.ragged import Ragged
from yamlnet.data.splits import Split
from yamlnet.diagnostics import YamlnetError

from .calls import transform
from .reference import v2

COUNT = 12
USES: dict[str, dict[str, Any]] = {
    "CenterCrop": {"size": 10},
    "ColorJitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1},
    "ElasticTransform": {"sigma": 1.0},
    "GaussianBlur": {"kernel_size": 3},
    "Normalize": {"mean": [0.4, 0.5, 0.6], "std": 0.25},
    "Pad": {"padding": [1, 2, 3, 4], "fill": [5, 6, 7]},
    "RandomAdjustSharpness": {"sharpness_factor": 2},
    "RandomAffine": {"degrees": 20, "translate": [0.1, 0.2], "interpolation": "bilinear", "fill": [1, 2, 3]},
    "RandomApply": {"transforms": [transform("RandomRotation", degrees=20), transform("RandomInvert")]},
    "RandomChoice": {"transforms": [transform("RandomInvert"), transform("GaussianBlur", kernel_size=5)]},
    "RandomCrop": {"size": 11, "padding": 1, "fill": 9},
    "RandomOrder": {"transforms": [transform("RandomPosterize", bits=3), transform("RandomVerticalFlip")]},
    "RandomPosterize": {"bits": 3},
    "RandomResize": {"min_size": 8, "max_size": 14},
    "RandomResizedCrop": {"size": [9, 8]},
    "RandomRotation": {"degrees": 30},
    "RandomShortestSize": {"min_size": [8, 9, 10]},
    "RandomSolarize": {"threshold": 100},
    "Resize": {"size": [7, 9]},
    "ScaleJitter": {"target_size": [12, 12], "scale_range": [0.5, 1.5]},
}
VARYING = ("RandomResize", "RandomShortestSize", "RandomZoomOut", "ScaleJitter")
ALL = [name for name in names("transform") if name != "JPEG"]  # its operators may not be there
every_transform = pytest.mark.parametrize("name", ALL)


def calls_of(name: str) -> list[Call]:
    """A transform, and what gives its images one size."""
    found = [transform(name, **USES.get(name, {}))]
    return [*found, transform("Resize", size=[9, 9])] if name in VARYING else found


def images_of(height: int = 21, width: int = 19, count: int = COUNT) -> Tensor:
    drawn = torch.Generator().manual_seed(height)
    smooth = torch.rand(count, 3, 4, 4, generator=drawn)
    return torch.nn.functional.interpolate(smooth, (height, width), mode="bilinear").mul(255).to(torch.uint8)


def ragged() -> Ragged:
    images = [images_of(12 + i % 3, 15 - i % 2, 1)[0] for i in range(COUNT)]
    return Ragged(images, [f"{i}.png" for i in range(COUNT)])


def batch(result: Tensor | list[Tensor]) -> Tensor:
    assert isinstance(result, Tensor)
    return result


@every_transform
def test_an_image_does_not_depend_on_its_batch(name: str) -> None:
    images, samples = images_of(), torch.arange(COUNT)
    done = steps(calls_of(name), images, 5)
    whole = batch(done(images, samples, 2))
    assert whole.dtype is torch.float32
    order = torch.tensor([7, 3, 11, 0])
    assert torch.equal(batch(done(images[order], order, 2)), whole[order])
    if is_random(name):
        others = [done(images, samples, 3), done(images, samples + 100, 2)]
        others.append(steps(calls_of(name), images, 6)(images, samples, 2))
        assert all(not torch.equal(batch(other), whole) for other in others)


@every_transform
def test_nothing_else_is_drawn_otherwise(name: str) -> None:
    images = images_of()
    before, state = images.clone(), torch.random.get_rng_state()
    steps(calls_of(name), images, 5)(images, torch.arange(COUNT), 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", [name for name in ALL if is_random(name) and name not in BATCHED])
def test_images_one_by_one_are_torchvisions(name: str) -> None:
    images, samples = images_of(), torch.arange(COUNT)
    done = steps(calls_of(name), images, 5)
    ((keys,), *_) = done.draws(samples, 2)
    found = batch(done(images, samples, 2))
    theirs = pipeline.per_image.make(calls_of(name)[0])
    with torch.random.fork_rng(devices=[]):
        for image, key, ours in zip(images, keys.tolist(), found, strict=True):
            torch.manual_seed(key)
            expected = theirs(image)
            if name in VARYING:
                expected = v2.functional.resize(expected, [9, 9])
            assert torch.equal(ours, v2.functional.to_dtype(expected, torch.float32, scale=True))


@pytest.mark.parametrize("name", [name for name in ALL if not is_random(name)])
def test_what_is_not_random_is_torchvisions(name: str) -> None:
    images = images_of()
    ours = batch(steps(calls_of(name), images)(images, torch.arange(COUNT), 0))
    scaled = v2.ToDtype(torch.float32, scale=True)
    said = dict(USES.get(name, {}))
    if name == "Normalize":
        said["std"] = [said["std"]]
    theirs = getattr(v2, name)(**said)
    parts = [scaled, theirs] if name == "Normalize" else [theirs, scaled]
    assert torch.equal(ours, torch.stack([v2.Compose(parts)(image) for image in images]))


@every_transform
def test_images_of_different_sizes_are_done_one_by_one(name: str) -> None:
    images, samples = ragged(), torch.arange(COUNT)
    calls = [*calls_of(name), transform("Resize", size=[6, 6])]
    if name == "Normalize":
        calls = calls[::-1]
    found = batch(steps(calls, images, 3)(list(images), samples, 1))
    for number in (0, 5):
        alone = images.images[number].unsqueeze(0)
        one = batch(steps(calls, alone, 3)(alone, samples[number : number + 1], 1))
        assert torch.allclose(one[0], found[number], atol=1e-6)


def test_every_step_has_draws_of_its_own() -> None:
    images, samples = images_of(), torch.arange(COUNT)
    crop = transform("RandomCrop", size=5)
    flips = [transform("RandomHorizontalFlip")] * 3
    draws = [drawn[0].flatten() for drawn in steps(flips, images, 1).draws(samples, 0) if drawn]
    assert all(not torch.equal(one, other) for one, other in pairwise(draws))
    # what draws nothing changes nothing of what others draw
    plain, after = ([crop], images), ([transform("Pad", padding=1), crop], images[:, :, 1:-1, 1:-1])
    first, second = (steps(*given, 1).draws(samples, 0) for given in (plain, after))
    assert torch.equal(first[0][0], second[1][0])


CALLS = [
    transform("Resize", size=[10, 10]),
    transform("RandomHorizontalFlip"),
    transform("RandomResizedCrop", size=8),
    transform("RandomCrop", size=7),
    transform("Normalize", mean=0.5, std=0.5),
    transform("RandomErasing", value="random"),
]


@pytest.mark.parametrize("images", [images_of(), ragged()], ids=["even", "ragged"])
def test_parts_in_other_places_give_the_same(images: Tensor | Ragged) -> None:
    """Once before any epoch, then one by one as in a worker, then batched as on a device."""
    whole, samples = steps(CALLS, images, 4), torch.arange(COUNT)
    given = list(images) if isinstance(images, Ragged) else images
    expected = batch(whole(given, samples, 1))
    prepared, rest = done_once(images, whole)
    assert isinstance(prepared, Tensor)
    assert prepared.shape == (COUNT, 3, 10, 10)
    early, late = rest.divided()
    assert [len(part.placed) for part in (early, late)] == [2, 4]
    found = [late(early(prepared[part], samples[part], 1), samples[part], 1) for part in samples.split(5)]
    assert torch.equal(torch.cat([batch(one) for one in found]), expected)


def test_what_would_take_too_much_memory_is_done_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split({"image": images_of(), "target": torch.arange(COUNT)})
    calls = [transform("Resize", size=[40, 40]), transform("RandomCrop", size=30)]
    once = [batch["image"] for batch in Batches(split, 5, calls, seed=1).epoch(0)]
    monkeypatch.setattr(pipeline, "MAX_PREPARED", 10)
    assert done_once(images_of(), steps(calls, images_of()))[1].placed[0].once
    later = [batch["image"] for batch in Batches(split, 5, calls, seed=1).epoch(0)]
    assert all(torch.equal(one, other) for one, other in zip(once, later, strict=True))


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("images", [images_of(), ragged()], ids=["even", "ragged"])
def test_batches_go_on_where_they_stopped(images: Tensor | Ragged, start: int) -> None:
    split = Split({"image": images, "target": torch.arange(COUNT)})
    straight = list(Batches(split, 5, CALLS, seed=1).epoch(3))[start:]
    resumed = list(Batches(split, 5, CALLS, seed=1).epoch(3, start))
    for one, other in zip(resumed, straight, strict=True):
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["target"], other["target"])


def test_another_process_gives_the_same() -> None:
    script = """
import torch
from tests.data.test_pipeline import CALLS, COUNT, images_of, steps
torch.rand(17)
print(float(steps(CALLS, images_of(), 4)(images_of(), torch.arange(COUNT), 1).double().sum()))
"""
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    images = images_of()
    assert float(printed) == float(
        batch(steps(CALLS, images, 4)(images, torch.arange(COUNT), 1)).double().sum()
    )


def test_images_that_stay_different_make_no_batch() -> None:
    split = Split({"image": ragged(), "target": torch.arange(COUNT)})
    with pytest.raises(YamlnetError, match="the images of a batch differ in size"):
        next(Batches(split, 5, [transform("RandomHorizontalFlip")], seed=1).epoch(0))


def test_numbers_that_are_no_bytes_stay_as_they_are() -> None:
    images = torch.randn(COUNT, 3, 8, 8)
    done = steps([transform("RandomHorizontalFlip", p=1)], images)
    assert torch.equal(batch(done(images, torch.arange(COUNT), 0)), images.flip(-1))
    flat = torch.randn(COUNT, 16)
    scaled = steps([transform("Normalize", mean=1.0, std=2.0)], flat)
    assert torch.equal(batch(scaled(flat, torch.arange(COUNT), 0)), (flat - 1) / 2)


def test_steps_are_true_where_there_are_any() -> None:
    assert steps([], images_of())
    assert not Steps((), 0)
