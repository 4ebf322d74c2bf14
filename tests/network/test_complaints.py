"""What torch says of every common mistake, in the user's words and at the argument that it is about."""

from __future__ import annotations

import re
from typing import Any

import pytest

import yamlnet
from yamlnet.network.complaints import COMPLAINTS
from yamlnet.network.probe import BATCH, SECOND

MISTAKES: list[tuple[Any, list[int], str, str]] = [
    ("{Conv2d: {out_channels: 4, kernel_size: 9}}", [3, 4, 4], "kernel of 9 x 9", "9"),
    ("{Conv2d: {out_channels: 4, kernel_size: 3, groups: 2}}", [3, 4, 4], "2 doesn't divide 3", "2"),
    ("{Conv2d: {out_channels: 5, kernel_size: 3, groups: 2}}", [4, 4, 4], "2 doesn't divide 5", "2"),
    ("{GroupNorm: 4}", [6, 4, 4], "4 doesn't divide 6", "4"),
    ("{TransformerEncoderLayer: {nhead: 5, batch_first: true}}", [3, 8], "5 doesn't divide 8", "5"),
    ("{MaxPool2d: {kernel_size: 2, padding: 2}}", [3, 8, 8], "at most half", "2"),
    ("{MaxPool2d: 4}", [3, 2, 2], "its output would be [3, 0, 0]", "MaxPool2d"),
    ("{reshape: [batch, 7]}", [30], "30 numbers, and [batch, 7] takes 7", "[batch, 7]"),
    ("{view: [-1, 7]}", [30], "`[-1, 30]` takes them all", "[-1, 7]"),
    ("{reshape: [64, 30]}", [5, 6], "write `[batch, 30]`", "[64, 30]"),
    ("{Unflatten: {dim: 1, unflattened_size: [4, 8]}}", [30], "[4, 8] holds 32 numbers", "[4, 8]"),
    ("{PixelShuffle: 2}", [6, 4, 4], "4 channels become one, and 6 arrive", "2"),
    ("{PixelUnshuffle: 2}", [6, 5, 4], "a height of 5 can't be divided by 2", "2"),
    ("{permute: [0, 2]}", [6, 5], "3 axes with the batch, and 2 are listed", "[0, 2]"),
    ("{transpose: {dim0: 1, dim1: 4}}", [6, 5], "to 2, and no 4", "4"),
    ("{Softmax: 3}", [6], "to 1, and no 3", "3"),
    ("{split: [1, 2]}", [6], "it would cut the batch", "split"),
    ("{split: {split_size_or_sections: [1, 2], dim: 1}}", [6], "[1, 2] add up to 3", "[1, 2]"),
    (
        "{Upsample: {scale_factor: 2, mode: linear}}",
        [6, 2, 2],
        "`linear` is for [channels, length]",
        "linear",
    ),
    ("InstanceNorm2d", [3, 1, 1], "one number of each channel", "InstanceNorm2d"),
    ("GLU", [9], "dimension 1 has 9 numbers", "GLU"),
    ("{Flatten: {start_dim: 2, end_dim: 1}}", [3, 4, 4], "`start_dim` comes before `end_dim`", "1"),
    ("{einsum: 'bijk->bk'}", [3, 4], "input 1 has 3 axes with the batch, and 4 letters", "'bijk->bk'"),
    ("{Conv2d: {out_channels: 4, kernel_size: 3, stride: 2, padding: same}}", [3, 8, 8], "keeps", "same"),
    ("torchvision.resnet18", [1, 64, 64], "it takes 3 channels, and gets 1", "torchvision.resnet18"),
    ("{BatchNorm2d: 3}", [5, 2, 2], "write 5", "3"),
    ("Linear: {in_features: 3, out_features: 2}", [5], "write 5", "3"),
]


@pytest.mark.parametrize(("node", "shape", "words", "at"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told_in_words_where_it_is(node: str, shape: list[int], words: str, at: str) -> None:
    text = f"model:\n  input: {shape}\n  Sequential:\n    - {node}\n"
    (found,) = yamlnet.check(text)
    assert words in f"{found.message}; {found.help}"
    line = text.split("\n")[found.span.line - 1]
    assert line[found.span.column - 1 : found.span.end_column - 1] == at
    assert not re.search(rf"\[({BATCH}|{SECOND}|0), |\btensor\b", found.message)


def test_every_pattern_can_be_searched_for() -> None:
    for complaint in COMPLAINTS:
        groups = re.compile(complaint.pattern).groups
        if isinstance(complaint.words, str):
            used = [int(number) for number in re.findall(r"\{(\d)\}", complaint.words)]
            assert all(number < groups for number in used), complaint.pattern
