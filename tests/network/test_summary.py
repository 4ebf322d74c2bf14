"""The summary counts what a hand counts."""

from __future__ import annotations

import json
import re

import pytest

import yamlnet
from yamlnet.network.summary import Summary, size

LENET = """
name: lenet
model:
  input: [1, 28, 28]
  Sequential:
    - {Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}}
    - Tanh
    - AvgPool2d: 2
    - Flatten
    - Linear: 10
"""
SHARED = """
model:
  input: [3, 8, 8]
  ModuleDict:
    stem: {Conv2d: {out_channels: 4, kernel_size: 3, padding: 1, bias: false}}
    norm: BatchNorm2d
    conv: {Conv2d: {out_channels: 4, kernel_size: 1, groups: 2}}
    twice: conv
    sum: {add, from: [twice, norm]}
"""


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str]) -> Summary:
    return yamlnet.summary(LENET)


def test_a_hand_counts_the_same(table: Summary) -> None:
    conv, linear = 6 * 25 + 6, 6 * 14 * 14 * 10 + 10
    assert table.total_parameters == table.trainable_parameters == conv + linear
    assert table.weight_bytes == 4 * (conv + linear)
    assert table.total_flops == 2 * (6 * 25 * 28 * 28) + 2 * (6 * 14 * 14 * 10)
    assert table.activation_bytes == 4 * (2 * 6 * 28 * 28 + 2 * 6 * 14 * 14 + 10)
    assert [row.output_shape for row in table.rows] == [
        *["[6, 28, 28]"] * 2,
        "[6, 14, 14]",
        "[1176]",
        "[10]",
    ]
    assert [row.type for row in table.rows] == ["Conv2d", "Tanh", "AvgPool2d", "Flatten", "Linear"]


def test_a_module_called_again_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    table = yamlnet.summary(SHARED)
    stem, norm, conv = 4 * 3 * 9, 2 * 4, 4 * 2 + 4
    assert table.total_parameters == stem + norm + conv
    assert [row.parameters for row in table.rows] == [stem, norm, conv, 0, 0]
    assert sum(row.parameters for row in table.rows) == table.total_parameters
    assert table.weight_bytes == 4 * (stem + norm + conv) + 4 * 2 * 4 + 8  # running statistics and a count
    assert table.total_flops == 2 * 64 * (stem + 2 * 4 * 2)
    built = yamlnet.build(SHARED)
    assert table.total_parameters == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize(
    ("shape", "node", "flops"),
    [
        ("[5, 7]", "Linear: 3", 2 * 5 * 7 * 3),
        ("[4, 9]", "Conv1d: {out_channels: 6, kernel_size: 3, groups: 2, stride: 2}", 2 * 6 * 2 * 3 * 4),
        ("[4, 5, 5]", "ConvTranspose2d: {out_channels: 3, kernel_size: 2}", 2 * 4 * 3 * 4 * 25),
        ("[4, 5]", "transpose: {dim0: 0, dim1: 1}}, {Linear: 2", 2 * 4 * 5 * 2),
        ("[4, 5]", "reshape: {shape: [-1, 5]}}, {Linear: 2", 2 * 4 * 5 * 2),
    ],
)
def test_flops_by_formula(shape: str, node: str, flops: int, capsys: pytest.CaptureFixture[str]) -> None:
    table = yamlnet.summary(f"model: {{input: {shape}, Sequential: [{{{node}}}]}}")
    assert table.total_flops == flops


def test_the_json_form(table: Summary) -> None:
    found = json.loads(json.dumps(table.as_dict()))
    assert found["name"] == "lenet"
    assert found["total_parameters"] == table.total_parameters
    assert found["rows"][4] == {
        "name": "4",
        "type": "Linear",
        "output_shape": "[10]",
        "parameters": 11770,
        "trainable_parameters": 11770,
        "flops": 23520,
    }


def test_the_text_and_the_page(table: Summary) -> None:
    for number in (f"{table.total_parameters:,}", f"{table.total_flops:,}"):
        assert number in str(table)
        assert number in table._repr_html_()
    assert str(table) == repr(table)


def test_the_page_escapes() -> None:
    table = Summary("x", {"<b>&": "[1]"}, (), 0, 0, 0, 0, 0)
    page = table._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert set(re.findall(r"<(\w+)", page)) <= {"table", "thead", "tbody", "tr", "th", "td", "p", "br"}


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (5e6, "5 MB"), (2.5e12, "2.5 TB")]
)
def test_sizes_in_the_unit_that_reads_best(count: float, words: str) -> None:
    assert size(count) == words
