"""Images whose axes are taken for others: told, and only those."""

from __future__ import annotations

from typing import Any

import pytest

import yamlnet

CONV = {"Conv2d": {"out_channels": 6, "kernel_size": 3}}
CHANNELS_LAST = {"permute": [0, 2, 3, 1]}

CHAINS: list[tuple[list[int], list[Any], bool]] = [
    ([1, 28, 28], [], True),
    ([3, 28, 28], ["ReLU", {"Dropout": 0.1}], True),
    ([3, 28, 28], [CONV, "ReLU"], True),
    ([8, 28, 28], [{"max_pool2d": 2}], True),
    ([3, 28, 28], [CONV, {"AdaptiveAvgPool2d": 1}], True),
    ([3, 28, 28], [CONV, "Flatten"], False),
    ([3, 28, 28], [CONV, CHANNELS_LAST], False),
    ([3, 28, 28], [CONV, CHANNELS_LAST, {"Linear": 4}, "GELU"], False),
    ([12, 20, 64], [], False),
    ([20, 64], [], False),
    ([3, 8, 8], [{"flatten": 2}], False),
]


@pytest.mark.parametrize(("shape", "before", "told"), CHAINS)
def test_an_unflattened_image_is_told(shape: list[int], before: list[Any], told: bool) -> None:
    found = yamlnet.check({"model": {"input": shape, "Sequential": [*before, {"Linear": 10}]}})
    assert [(d.code, d.severity) for d in found] == [("shape-mismatch", "warning")] * told


@pytest.mark.parametrize(
    ("shape", "layer", "told"),
    [
        ([32, 32, 3], CONV, True),
        ([28, 28, 1], {"Conv2d": {"out_channels": 2, "kernel_size": 1}}, True),
        ([3, 32, 32], CONV, False),
        ([64, 32, 3], CONV, False),
        ([3, 3, 3], CONV, False),
        ([32, 32, 3], "Flatten", False),
    ],
)
def test_an_image_with_its_channels_last_is_told(shape: list[int], layer: Any, told: bool) -> None:
    found = yamlnet.check({"model": {"input": shape, "Sequential": [layer]}})
    assert [(d.code, d.severity) for d in found] == [("shape-mismatch", "warning")] * told
    assert all("channels first" in str(d.help) for d in found)
