"""What the signatures of torchvision's transforms don't tell, as tables with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLACE = "torchvision.transforms.v2."

_FLOATS = "images become floats in [0, 1] by themselves, before `Normalize`"
_BOXES = "it is for boxes and points, which no batch of the language has"

NOT_TRANSFORMS: Mapping[str, str] = {
    "Transform": "it is the base of all",
    "Compose": "a list does one transform after another",
    "ToDtype": _FLOATS,
    "ConvertImageDtype": _FLOATS,
    "ToTensor": _FLOATS,
    "ToImage": _FLOATS,
    "PILToTensor": _FLOATS,
    "ToP*": "images are tensors already",
    "Lambda": "it needs a Python function",
    "LinearTransformation": "it needs a matrix for all pixels",
    "FiveCrop": "it makes several images of one",
    "TenCrop": "it makes several images of one",
    "CutMix": "it mixes the targets of samples too, which isn't in the language yet",
    "MixUp": "it mixes the targets of samples too, which isn't in the language yet",
    "UniformTemporalSubsample": "it is for videos",
    "RandomIoUCrop": _BOXES,
    "*BoundingBox*": _BOXES,
    "*KeyPoints": _BOXES,
    "SetClampingMode": _BOXES,
}
"""Transforms of torchvision (patterns) that are no entries, and why."""

DETERMINISTIC = frozenset("CenterCrop Grayscale Identity Normalize Pad RGB Resize".split())
"""Transforms that draw nothing at random: the ones that can be for all splits."""

OF_SEVERAL = frozenset("RandomApply RandomChoice RandomOrder".split())
"""Transforms whose `transforms` are transforms."""

_RESIZED = "'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic'"
_MOVED = "'nearest' | 'bilinear'"
_PAIR = "float | tuple[float, float]"
_FILL = "float | list[float] | none"
_SIZE = "int | tuple[int, int]"
_SIDES = "int | tuple[int, int] | tuple[int, int, int, int]"

TYPES: Mapping[str, str] = {
    f"{PLACE}{name}": expression
    for name, expression in {
        "*Resize*.interpolation": _RESIZED,
        "RandomShortestSize.interpolation": _RESIZED,
        "ScaleJitter.interpolation": _RESIZED,
        "*.interpolation": _MOVED,
        "*.fill": _FILL,
        "AutoAugment.policy": "'imagenet' | 'cifar10' | 'svhn'",
        "ColorJitter.*": f"{_PAIR} | none",
        "ElasticTransform.alpha": _PAIR,
        "ElasticTransform.sigma": _PAIR,
        "GaussianBlur.kernel_size": _SIZE,
        "GaussianBlur.sigma": _PAIR,
        "JPEG.quality": _SIZE,
        "Normalize.*": "float | list[float]",
        "Pad.padding": _SIDES,
        "RandomCrop.padding": f"{_SIDES} | none",
        "Random*.degrees": _PAIR,
        "Random*.center": "tuple[float, float] | none",
        "RandomAffine.translate": "tuple[float, float] | none",
        "RandomAffine.scale": "tuple[float, float] | none",
        "RandomAffine.shear": f"{_PAIR} | tuple[float, float, float, float] | none",
        "RandomErasing.scale": "tuple[float, float]",
        "RandomErasing.ratio": "tuple[float, float]",
        "RandomErasing.value": "float | list[float] | 'random'",
        "RandomShortestSize.min_size": "int | list[int]",
        "RandomZoomOut.side_range": "tuple[float, float]",
        "Resize.size": f"{_SIZE} | none",
        "*.size": _SIZE,
        "*.transforms": "list[transform]",
    }.items()
}
"""Types that the annotations don't say, or say of images that aren't tensors."""

DEFAULTS: Mapping[str, Any] = {f"{PLACE}AutoAugment.policy": "imagenet"}
"""Defaults that torchvision writes as members of an enumeration."""

SUMMARIES: Mapping[str, str] = {
    f"{PLACE}{name}": text
    for name, text in {
        "AutoAugment": "Changes the image by one of 25 pairs of operations, found by a search for a data set",
        "AugMix": "Mixes the image with several chains of random operations on it",
        "CenterCrop": "Cuts out the middle; what is missing is padded with zeros",
        "ColorJitter": "Changes brightness, contrast, saturation and hue at random, in random order",
        "ElasticTransform": "Moves each pixel by a random displacement that is smooth",
        "GaussianBlur": "Blurs the image with a random strength",
        "GaussianNoise": "Adds normally distributed noise, in units of values from 0 to 1",
        "Grayscale": "Makes the image grey",
        "Identity": "Leaves the image as it is",
        "JPEG": "Compresses the image as a JPEG of random quality, and reads it again",
        "Normalize": "Subtracts the mean and divides by the standard deviation, for each channel",
        "Pad": "Adds pixels on the sides",
        "RGB": "Gives a grey image three equal channels",
        "RandAugment": "Changes the image by several random operations of one strength",
        "RandomAdjustSharpness": "Changes the sharpness with a probability",
        "RandomAffine": "Turns, moves, scales and shears the image at random",
        "RandomApply": "Does a list of transforms with a probability",
        "RandomAutocontrast": "Stretches the values to the whole range with a probability",
        "RandomChannelPermutation": "Puts the channels in a random order",
        "RandomChoice": "Does one of a list of transforms",
        "RandomCrop": "Cuts out a window at a random place, after padding where it is asked for",
        "RandomEqualize": "Makes all values equally frequent with a probability",
        "RandomErasing": "Erases a random rectangle with a probability",
        "RandomGrayscale": "Makes the image grey with a probability",
        "RandomHorizontalFlip": "Mirrors the image left to right with a probability",
        "RandomInvert": "Inverts the values with a probability",
        "RandomOrder": "Does all of a list of transforms in random order",
        "RandomPerspective": "Looks at the image from a random side with a probability",
        "RandomPhotometricDistort": "Changes brightness, contrast, saturation, hue and the channels' order",
        "RandomPosterize": "Keeps only the upper bits of each value with a probability",
        "RandomResize": "Resizes the shorter side to a random size",
        "RandomResizedCrop": "Cuts out a window of random size and shape, and resizes it",
        "RandomRotation": "Turns the image by a random angle",
        "RandomShortestSize": "Resizes the shorter side to one of several sizes",
        "RandomSolarize": "Inverts the values from a threshold on, with a probability",
        "RandomVerticalFlip": "Mirrors the image top to bottom with a probability",
        "RandomZoomOut": "Puts the image at a random place of a larger one with a probability",
        "Resize": "Resizes the image: to [height, width], or its shorter side to one number",
        "ScaleJitter": "Resizes the image by a random factor of what fits a target size",
        "TrivialAugmentWide": "Changes the image by one random operation of random strength",
    }.items()
}
"""What each does, to one image."""


def is_random(name: str) -> bool:
    """Whether a transform draws at random, and so is for training only."""
    return name not in DETERMINISTIC
