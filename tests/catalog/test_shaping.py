"""What is known of images after each transform is what torchvision makes of them, and what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.pictures import GEOMETRIC, Misfit, Picture
from yamlnet.catalog.shaping import after
from yamlnet.catalog.transforms import OF_SEVERAL, is_random
from yamlnet.data.per_image import make
from yamlnet.diagnostics import YamlnetError

SHAPES = [(1, 28, 28), (3, 20, 31), (3, 9, 6), (4, 12, 12), (2, 8, 8)]


def call(name: str, **arguments: Any) -> Call:
    entry = find(name, "transform")
    assert entry is not None
    return Call(entry, arguments, ("data", "augment", 0, name))


def several(name: str, **others: Any) -> list[dict[str, Any]]:
    """Transforms of transforms, with and without one size for all."""
    flip, cut, small = call("RandomHorizontalFlip"), call("CenterCrop", size=5), call("CenterCrop", size=4)
    grey = call("Grayscale", num_output_channels=3)
    lists: list[list[Call]] = [[flip], [cut, flip], [cut, small], [small, grey], []]
    return [{"transforms": one, **others} for one in lists]


USES: Mapping[str, list[dict[str, Any]]] = {
    "AugMix": [{}, {"severity": 3, "fill": [1, 2, 3]}],
    "AutoAugment": [{}, {"policy": "cifar10"}, {"policy": "svhn"}],
    "CenterCrop": [{"size": 8}, {"size": [4, 40]}],
    "ColorJitter": [{}, {"brightness": 0.5, "hue": 0.1}, {"hue": [0.2, 0.1]}, {"hue": -0.1}],
    "ElasticTransform": [{}, {"alpha": [1.0, 2.0], "sigma": 2.0}, {"sigma": [1.4, 0.5]}, {"sigma": 1.6}],
    "GaussianBlur": [
        {"kernel_size": 3},
        {"kernel_size": 4},
        {"kernel_size": [3, 15]},
        {"kernel_size": [15, 3]},
    ],
    "GaussianNoise": [{}, {"sigma": 0.5}],
    "Grayscale": [{}, {"num_output_channels": 3}, {"num_output_channels": 2}],
    "Identity": [{}],
    "Normalize": [{"mean": [0.1], "std": [0.2]}, {"mean": [0.1] * 3, "std": [0.2] * 3}],
    "Pad": [
        {"padding": 2},
        {"padding": [1, 2], "fill": 7},
        {"padding": [1, 2, 3, 4], "fill": [1, 2, 3]},
        {"padding": 7, "padding_mode": "reflect"},
        {"padding": [5, 0], "padding_mode": "reflect"},
        {"padding": [6, 9], "padding_mode": "symmetric"},
        {"padding": 40, "padding_mode": "edge"},
        {"padding": 1, "padding_mode": "edge", "fill": [1, 2, 3]},
    ],
    "RGB": [{}],
    "RandAugment": [{}, {"magnitude": 31}, {"magnitude": 4, "num_magnitude_bins": 5}],
    "RandomAdjustSharpness": [{"sharpness_factor": 2}],
    "RandomAffine": [
        {"degrees": 10},
        {"degrees": -10},
        {"degrees": [30, 10]},
        {"degrees": 0, "translate": [0.1, 0.5], "scale": [0.5, 1.5], "shear": [1, 2, 3, 4]},
        {"degrees": 0, "scale": [1.5, 0.5]},
        {"degrees": 0, "shear": [0, 1, 5, 2]},
        {"degrees": 0, "fill": [1, 2]},
    ],
    "RandomApply": [*several("RandomApply", p=1.0), *several("RandomApply", p=0.0)[:1]],
    "RandomAutocontrast": [{}],
    "RandomChannelPermutation": [{}],
    "RandomChoice": [
        *several("RandomChoice"),
        {"transforms": [call("Identity")], "p": [0.5, 0.5]},
        {"transforms": [call("Identity"), call("CenterCrop", size=3)], "p": [0.0, 0.0]},
    ],
    "RandomCrop": [
        {"size": 6},
        {"size": [9, 6]},
        {"size": 10, "padding": 1},
        {"size": [30, 10], "padding": [0, 5]},
        {"size": 40, "pad_if_needed": True},
        {"size": 40, "pad_if_needed": True, "padding_mode": "reflect"},
        {"size": 4, "fill": [1, 2], "padding": 1},
    ],
    "RandomEqualize": [{}],
    "RandomErasing": [{}, {"scale": [0.5, 0.2]}, {"value": [1, 2, 3]}, {"ratio": [3, 2]}],
    "RandomGrayscale": [{}],
    "RandomHorizontalFlip": [{}],
    "RandomInvert": [{}],
    "RandomOrder": several("RandomOrder"),
    "RandomPerspective": [{}, {"fill": [1, 2, 3]}],
    "RandomPhotometricDistort": [{}, {"contrast": [2.0, 1.0]}],
    "RandomPosterize": [{"bits": 3}],
    "RandomResize": [{"min_size": 5, "max_size": 9}, {"min_size": 5, "max_size": 5}],
    "RandomResizedCrop": [{"size": 7}, {"size": [4, 9], "scale": [0.9, 0.1]}],
    "RandomRotation": [{"degrees": 10}, {"degrees": [10, 0]}, {"degrees": 10, "expand": True}],
    "RandomShortestSize": [{"min_size": 8}, {"min_size": [8, 12], "max_size": 14}],
    "RandomSolarize": [{"threshold": 100}],
    "RandomVerticalFlip": [{}],
    "RandomZoomOut": [{}, {"side_range": [3, 2]}],
    "Resize": [
        {"size": 8},
        {"size": [4, 40]},
        {"size": 8, "max_size": 10},
        {"size": 8, "max_size": 8},
        {"size": None, "max_size": 40},
        {"size": None},
        {"size": [8, 8], "max_size": 10},
        {"size": 9, "interpolation": "nearest"},
    ],
    "ScaleJitter": [{"target_size": [10, 12], "scale_range": [0.5, 1.5]}],
    "TrivialAugmentWide": [{}],
}
"""Arguments for every transform, some of which don't fit; JPEG needs operators that may not be there."""

CASES = [(name, said) for name, uses in USES.items() for said in uses]


def theirs(made: Call, shape: tuple[int, int, int]) -> tuple[int, ...] | None:
    """The shape of what torchvision makes of an image, None where it refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a range falls, which torch then refuses
            transform = make(made)
        if isinstance(getattr(transform, "p", None), float) and made.name != "RandomApply":
            transform.p = 1.0
        image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        given = image / 255 if made.name == "Normalize" else image
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return tuple(transform(given).shape)
    except (YamlnetError, ArithmeticError, RuntimeError, ValueError, TypeError, IndexError):
        return None


def test_every_transform_has_a_use() -> None:
    assert set(USES) | {"JPEG"} == set(names("transform"))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "said"), CASES, ids=lambda value: str(value)[:60])
def test_shapes_and_refusals_are_torchvisions(
    name: str, said: dict[str, Any], shape: tuple[int, int, int]
) -> None:
    made = call(name, **said)
    expected = theirs(made, shape)
    found = ours(made, shape)
    if isinstance(found, Misfit):
        assert expected is None or _stricter(made, found), found.message
        return
    # of what is drawn at random torchvision is asked before anything is trained
    assert expected is not None or is_random(name), "torchvision refuses it"
    if expected is not None:
        known = (found.channels, found.height, found.width)
        assert all(size in (None, real) for size, real in zip(known, expected, strict=True)), known
        assert (found.shape is None) == found.varies


def ours(made: Call, shape: tuple[int, int, int]) -> Picture | Misfit:
    try:
        return after(made, Picture(*shape))
    except Misfit as misfit:
        return misfit


def _stricter(made: Call, misfit: Misfit) -> bool:
    """What torchvision does, but not for long: it refuses another draw, or makes a batch of no one size."""
    if made.name in OF_SEVERAL or made.name == "Normalize":  # which would make three channels of one
        return True
    draws_later = misfit.parameter in ("p", "ratio", "scale") or "channels" in misfit.message
    return is_random(made.name) and draws_later


@pytest.mark.parametrize("name", sorted(set(names("transform")) - GEOMETRIC - OF_SEVERAL))
def test_colours_are_changed_before_they_are_normalised(name: str) -> None:
    said = next(iter(USES.get(name, [{"quality": 50}])))
    with pytest.raises(Misfit, match=f"`{name}` is for colours"):
        after(call(name, **said), Picture(3, 40, 40, normalized=True))


@pytest.mark.parametrize("name", sorted(GEOMETRIC))
def test_geometry_takes_normalised_images(name: str) -> None:
    said = next(one for one in USES[name] if "fill" not in one)
    if name == "GaussianNoise":
        said = {"clip": False}
    assert after(call(name, **said), Picture(3, 40, 40, normalized=True)).normalized


def test_images_of_unknown_size_are_judged_by_what_is_known() -> None:
    unknown = Picture(3)
    assert after(call("Resize", size=[4, 5]), unknown).shape == (3, 4, 5)
    assert after(call("Resize", size=4), unknown).shape is None
    assert after(call("RandomCrop", size=4), unknown).shape == (3, 4, 4)
    assert after(call("Pad", padding=4), unknown) == unknown
    with pytest.raises(Misfit, match="2 values, but the images have 3 channels"):
        after(call("Normalize", mean=[1, 2], std=1), unknown)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("RandomCrop", {"size": 4, "fill": 256, "padding": 1}, "`fill` must be from 0 to 255"),
        ("RandomErasing", {"value": -1}, "`value` must be from 0 to 255"),
        ("RandomErasing", {"value": "random"}, "these images are bytes"),
        ("RandomSolarize", {"threshold": 300}, "`threshold` must be from 0 to 255"),
        ("GaussianNoise", {"clip": False}, "past 255"),
    ],
)
def test_bytes_are_filled_with_bytes(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(Misfit, match=words):
        after(call(name, **arguments), Picture(3, 40, 40))
