"""The summary counts what a hand counts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import yamlnet
from tests.golden import TABLES, table, table_file
from yamlnet import pipeline
from yamlnet.language import files
from yamlnet.network import table as tables
from yamlnet.network.summary import Summary, SummaryRow
from yamlnet.network.table import size

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


NESTED = """
blocks:
  Block:
    params: {width: required}
    Sequential: [{Linear: $width}, ReLU]
model:
  input: [6]
  ModuleDict:
    gain: {Parameter: [6]}
    trunk: {Block: 8, repeat: 2}
    frozen: {Residual: {Linear: 8}, freeze: true}
    again: frozen
    pick: {Select: {a: {Linear: 3}, b: [{Linear: 4}, {Linear: 3}]}, choose: b}
    out: {mul, from: [pick, pick]}
"""
GALLERY = sorted((Path(__file__).parents[2] / "configs" / "gallery").glob("*.yaml"))


@pytest.fixture
def lenet(capsys: pytest.CaptureFixture[str]) -> Summary:
    return yamlnet.summary(LENET)


def named(found: Summary) -> list[tuple[str, str, int]]:
    return [(row.name, row.type, row.depth) for row in found.tree]


@pytest.mark.parametrize("name", TABLES)
def test_summary_prints_exactly_this(name: str) -> None:
    assert table(name) == table_file(name).read_text(encoding="utf-8")


def test_the_page_shows_a_real_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "summary.md"
    assert table_file("convolutions").read_text(encoding="utf-8") in page.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_files() -> None:
    assert {path.stem for path in (Path(__file__).parents[1] / "tables").iterdir()} == set(TABLES)


def test_a_hand_counts_the_same(lenet: Summary) -> None:
    conv, linear = 6 * 25 + 6, 6 * 14 * 14 * 10 + 10
    assert lenet.total_parameters == lenet.trainable_parameters == conv + linear
    assert lenet.weight_bytes == lenet.gradient_bytes == 4 * (conv + linear)
    assert lenet.total_flops == 2 * (6 * 25 * 28 * 28) + 2 * (6 * 14 * 14 * 10)
    image, hidden, pooled = 28 * 28, 6 * 28 * 28, 6 * 14 * 14  # what Conv2d, Tanh and Linear keep
    assert lenet.activation_bytes == 4 * (image + hidden + pooled)
    assert [row.output_shape for row in lenet.tree] == [
        *["[6, 28, 28]"] * 2,
        "[6, 14, 14]",
        "[1176]",
        "[10]",
    ]
    assert [row.type for row in lenet.tree] == ["Conv2d", "Tanh", "AvgPool2d", "Flatten", "Linear"]
    assert [row.line for row in lenet.tree] == [6, 7, 8, 9, 10]


def test_a_module_called_again_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = yamlnet.summary(SHARED)
    stem, norm, conv = 4 * 3 * 9, 2 * 4, 4 * 2 + 4
    assert found.total_parameters == stem + norm + conv
    assert [row.parameters for row in found.tree] == [stem, norm, conv, 0, 0]
    assert [row.note for row in found.tree] == [None, None, None, "shared", None]
    assert found.weight_bytes == 4 * (stem + norm + conv) + 4 * 2 * 4 + 8  # running statistics and a count
    assert found.total_flops == 2 * 64 * (stem + 2 * 4 * 2)


def test_tied_parameters_are_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = yamlnet.summary(
        "model: {input: [4], ModuleDict: {a: {Linear: 4}, b: {Linear: 4, tie: {weight: a.weight}}}}"
    )
    assert [(row.parameters, row.note) for row in found.tree] == [(20, None), (4, "tied")]
    assert found.total_parameters == 24
    assert found.weight_bytes == found.gradient_bytes == 4 * 24
    assert [(one.name, one.tied_to) for one in found.parameters if one.tied_to] == [("b.weight", "a.weight")]


def test_containers_have_rows_with_what_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    found = yamlnet.summary(NESTED)
    assert named(found) == [
        ("gain", "Parameter", 1),
        ("trunk", "2 x Block", 1),
        ("trunk.0", "Block", 2),
        ("trunk.0.0", "Linear", 3),
        ("trunk.0.1", "ReLU", 3),
        ("trunk.1", "Block", 2),
        ("trunk.1.0", "Linear", 3),
        ("trunk.1.1", "ReLU", 3),
        ("frozen", "Residual", 1),
        ("frozen", "Linear", 2),
        ("frozen", "Residual", 1),
        ("frozen", "Linear", 2),
        ("pick", "Select", 1),
        ("pick.a", "Linear", 2),
        ("pick.b", "Sequential", 2),
        ("pick.b.0", "Linear", 3),
        ("pick.b.1", "Linear", 3),
        ("out", "mul", 1),
    ]
    trunk, chosen = found.tree[1], found.tree[13]
    assert (trunk.parameters, trunk.flops) == (56 + 72, 2 * (48 + 64))
    assert (chosen.note, chosen.flops, chosen.parameters) == ("not chosen", 0, 27)
    assert [row.line for row in found.tree[1:4]] == [10, 10, 5]
    assert [row.trainable_parameters for row in found.tree[8:12]] == [0] * 4
    assert [row.note for row in found.tree[8:12]] == [None, None, "shared", "shared"]
    assert found.total_parameters == 6 + 128 + 72 + 27 + 36 + 15
    assert found.trainable_parameters == found.total_parameters - 72


@pytest.mark.parametrize(("depth", "names"), [(0, [""]), (1, ["trunk", "frozen"]), (2, ["trunk.0"])])
def test_depth_folds_rows_into_their_container(
    depth: int, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    whole, found = yamlnet.summary(NESTED), yamlnet.summary(NESTED, depth=depth)
    assert set(names) <= {row.name for row in found.tree}
    assert max(row.depth for row in found.tree) == depth
    assert [row for row in found.tree if not row.leaf] == [
        row for row in whole.tree if not row.leaf and row.depth < depth
    ]
    assert sum(row.parameters for row in found.tree if row.leaf) == whole.total_parameters
    assert sum(row.flops for row in found.tree if row.leaf) == whole.total_flops
    assert sum(row.activation_bytes for row in found.tree if row.leaf) == whole.activation_bytes


def test_depth_reaches_into_layers(capsys: pytest.CaptureFixture[str]) -> None:
    text = "model: {input: [5, 8], TransformerEncoderLayer: {nhead: 2, batch_first: true}}"
    assert named(yamlnet.summary(text)) == [("", "TransformerEncoderLayer", 0)]
    found = yamlnet.summary(text, depth=1)
    inside = ["self_attn", "dropout1", "norm1", "linear1", "dropout", "linear2", "dropout2", "norm2"]
    assert [row.name for row in found.tree] == inside
    assert all(row.inner for row in found.tree)
    assert sum(row.parameters for row in found.tree) == found.total_parameters
    assert sum(row.flops for row in found.tree) == found.total_flops


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_a_summary_is_of_the_network_that_is_built(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, built = yamlnet.summary(path), yamlnet.build(path).eval()
    assert found.total_parameters == sum(p.numel() for p in built.parameters())
    assert found.trainable_parameters == sum(p.numel() for p in built.parameters() if p.requires_grad)
    assert found.weight_bytes == sum(t.nbytes for t in (*built.parameters(), *built.buffers()))
    assert {one.name for one in found.parameters} >= set(built.state_dict())
    leaves = [row for row in found.tree if row.leaf]
    assert sum(row.parameters for row in leaves) == found.total_parameters
    assert sum(row.flops for row in leaves) == found.total_flops
    assert sum(row.activation_bytes for row in leaves) == found.activation_bytes
    lines = path.read_text().splitlines()
    assert all(row.file == str(path) and lines[row.line - 1].strip() for row in found.tree if row.line)
    experiment = pipeline.examine(files.read(path)).experiment
    given = [torch.zeros(1, *i.shape or (), dtype=getattr(torch, i.dtype)) for i in experiment.model.inputs]
    before = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            built(*given)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0], _fp32_precision=None)
    assert found.total_flops == counter.get_total_flops()


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
    found = yamlnet.summary(f"model: {{input: {shape}, Sequential: [{{{node}}}]}}")
    assert found.total_flops == flops


def test_a_training_step(capsys: pytest.CaptureFixture[str]) -> None:
    sections = "data: {dataset: MNIST5k, batch_size: 32}\nloss: CrossEntropyLoss\noptimizer: AdamW\n"
    found = yamlnet.summary(f"{sections}model: {{Sequential: [Flatten, {{Linear: 10}}]}}")
    weights = 4 * (784 * 10 + 10)
    assert (found.optimizer, found.optimizer_bytes, found.batch_size) == ("AdamW", 2 * weights, 32)
    assert found.step_bytes == 4 * weights + 32 * 4 * 784
    assert "step of 32" in str(found)


def test_a_mistake_ends_the_table() -> None:
    layers = [
        {"Linear": 4},
        {"Sequential": ["ReLU", {"Linear": {"in_features": 9, "out_features": 2}}, "ReLU"]},
    ]
    examined = pipeline.examine(files.read({"model": {"input": [3], "Sequential": [*layers, "Tanh"]}}))
    assert examined.wrong
    found = pipeline.summary_of(examined)
    assert [(row.name, row.note) for row in found.tree] == [
        ("0", None),
        ("1", None),
        ("1.0", None),
        ("1.1", "error"),
    ]
    assert found.failed == "1.1"
    folded = pipeline.summary_of(examined, 1)
    assert [(row.name, row.note) for row in folded.tree] == [("0", None), ("1", "error")]
    assert "`1`" in str(folded)


def test_the_json_form(lenet: Summary) -> None:
    found = json.loads(json.dumps(lenet.as_dict()))
    assert found["name"] == "lenet"
    assert found["total_parameters"] == lenet.total_parameters
    assert found["rows"][4] == {
        "name": "4",
        "type": "Linear",
        "file": "<text>",
        "line": 10,
        "depth": 1,
        "input_shapes": [[1176]],
        "output_shapes": [[10]],
        "output_shape": "[10]",
        "parameters": 11770,
        "trainable_parameters": 11770,
        "flops": 23520,
        "activation_bytes": 4704,
        "label": "4",
        "leaf": True,
        "inner": False,
        "note": None,
    }
    assert found["parameters"][0] == {
        "name": "0.weight",
        "kind": "parameter",
        "shape": [6, 1, 5, 5],
        "dtype": "float32",
        "trainable": True,
        "tied_to": None,
        "initialised_by": "torch's default",
        "file": None,
        "line": None,
    }


def test_a_batch_that_is_not_the_first_axis_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = yamlnet.summary("model: {input: [4, 5], Sequential: [{transpose: {dim0: 0, dim1: 1}}]}")
    assert (found.tree[0].output_shapes, found.tree[0].output_shape) == (((4, "batch", 5),), "[4, batch, 5]")


def test_the_text_and_the_page(lenet: Summary) -> None:
    for number in (f"{lenet.total_parameters:,}", f"{lenet.total_flops:,}"):
        assert number in str(lenet)
        assert number in lenet._repr_html_()
        assert number in tables.markdown(lenet)
    assert str(lenet) == repr(lenet)


@pytest.mark.parametrize("width", [80, 100])
def test_a_terminal_gets_what_fits(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = yamlnet.summary(GALLERY[0].parent / "22_pools_and_norms.yaml")
    rows = tables.text(found, width).split("\n\n")[0].splitlines()
    assert max(map(len, rows)) <= width < max(map(len, str(found).splitlines()))
    assert len(rows) == len(str(found).split("\n\n")[0].splitlines())
    assert tables.text(found, 1000) == str(found)


def test_names_cant_write_html_or_markdown() -> None:
    row = SummaryRow("a|b", "*x*", None, None, 1, (), (), "<b>&", 0, 0, 0, 0, "a|b", True, False, None)
    found = Summary("x", "x.yaml", {"<b>&": "[1]"}, (row,))
    page = found._repr_html_()
    assert "&lt;b&gt;&amp;" in page
    assert set(re.findall(r"<(\w+)", page)) <= {"table", "thead", "tbody", "tr", "th", "td", "p", "br"}
    assert "a\\|b | \\*x\\*" in tables.markdown(found)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1234, "1.23 kB"), (999_900, "1 MB"), (5e6, "5 MB"), (2.5e12, "2.5 TB")],
)
def test_sizes_in_the_unit_that_reads_best(count: float, words: str) -> None:
    assert size(count) == words
