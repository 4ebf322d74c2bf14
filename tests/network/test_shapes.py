"""The judge of shapes says what torch says, and never fails itself."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn

import yamlnet
from tests.network.random_nets import random_net, runs

SEEDS = 400


def errors(file: Any) -> list[str]:
    return [found.code for found in yamlnet.check(file) if found.severity == "error"]


def test_the_judge_agrees_with_torch() -> None:
    seen: Counter[tuple[bool, bool]] = Counter()
    for seed in range(SEEDS):
        chain = seed % 2 == 0
        net = random_net(random.Random(seed), chain)
        fine = not errors(net.document(chain))
        assert fine == runs(net), f"seed {seed}: {net}"
        seen[chain, fine] += 1
    assert all(seen[chain, fine] > SEEDS / 20 for chain in (True, False) for fine in (True, False))


@pytest.mark.parametrize(
    ("shape", "node", "expected"),
    [
        ([3, 8, 8], "Conv2d: {out_channels: 4, kernel_size: 3}", {"in_channels": 3}),
        ([3, 8, 8], "BatchNorm2d", {"num_features": 3}),
        ([5, 6], "Linear: 2", {"in_features": 6}),
        ([5, 6], "LayerNorm", {"normalized_shape": (6,)}),
        ([6, 4], "GroupNorm: 3", {"num_channels": 6}),
        ([5, 6], "GRU: {hidden_size: 2, batch_first: true}", {"input_size": 6}),
    ],
)
def test_sizes_follow_from_the_input(shape: list[int], node: str, expected: dict[str, Any]) -> None:
    call = yamlnet.build(f"model: {{input: {shape}, Sequential: [{{{node}}}]}}")[0]
    assert {name: getattr(call, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("shape", "node"),
    [
        ([6], "Linear: {in_features: 5, out_features: 2}"),
        ([3, 8, 8], "Conv2d: {in_channels: 1, out_channels: 2, kernel_size: 3}"),
        ([3, 8, 8], "BatchNorm2d: 4"),
        ([5, 6], "LayerNorm: [5]"),
        ([5, 6], "LSTM: {input_size: 5, hidden_size: 2, batch_first: true}"),
    ],
)
def test_sizes_that_contradict_the_input(shape: list[int], node: str) -> None:
    assert errors(f"model: {{input: {shape}, Sequential: [{{{node}}}]}}") == ["shape-mismatch"]


@pytest.mark.parametrize("shape", ["[7, 12]", "[2, 12]", "[7, -1]"])
def test_a_shape_that_fits_one_batch_size(shape: str) -> None:
    assert "shape-mismatch" in errors(
        f"model: {{input: [12], Sequential: [{{reshape: {{shape: {shape}}}}}, {{Linear: 3}}]}}"
    )


@pytest.mark.parametrize("shape", ["[batch, -1]", "[-1, 12]", "[batch, 3, 4]"])
def test_a_shape_that_fits_every_batch_size(shape: str) -> None:
    assert not errors(
        f"model: {{input: [3, 4], Sequential: [{{reshape: {{shape: {shape}}}}}, {{Linear: 3}}]}}"
    )


def test_a_size_that_would_be_the_batch() -> None:
    text = "model: {input: [3, 4], Sequential: [{transpose: {dim0: 0, dim1: -1}}, {Linear: 3}]}"
    (found,) = yamlnet.check(text)
    assert found.message == "`in_features` of `Linear` would depend on the size of the batch"


def test_a_batch_that_moves_and_comes_back() -> None:
    there = "{transpose: {dim0: 0, dim1: 1}}"
    text = f"model: {{input: [3, 4], Sequential: [{there}, {{Linear: 5}}, {there}, Flatten, {{Linear: 2}}]}}"
    assert not yamlnet.check(text)
    model = yamlnet.build(text)
    assert model.get_submodule("4").in_features == 15


@pytest.mark.parametrize(
    ("shape", "node"),
    [
        ([784], "Linear: 1_000_000_000_000"),
        ([1, 9], "Conv1d: {out_channels: 1_000_000_000_000, kernel_size: 3}"),
        ([100_000, 1_000_000], "reshape: {shape: [batch, -1]}"),
    ],
)
def test_more_than_the_memory_holds(shape: list[int], node: str) -> None:
    before = time.perf_counter()
    assert errors(f"model: {{input: {shape}, Sequential: [{{{node}}}]}}") == ["too-large"]
    assert time.perf_counter() - before < 20


@pytest.mark.parametrize("node", ["Upsample: {scale_factor: 1000}", "ZeroPad2d: 100_000"])
def test_large_activations_are_not_allocated(node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = time.perf_counter()
    for memory, codes in ((2**34, ["too-large"]), (2**42, [])):
        monkeypatch.setattr("yamlnet.network.memory.machine", lambda memory=memory: memory)
        assert errors(f"model: {{input: [3, 64, 64], Sequential: [{{{node}}}]}}") == codes
    assert time.perf_counter() - before < 20


LAYER = "TransformerEncoderLayer: {nhead: %s, batch_first: true%s}"
ENCODER = "model: {input: [5, 8], Sequential: [{TransformerEncoder: {encoder_layer: %s, num_layers: 2}}]}"


@pytest.mark.parametrize(
    ("layer", "code", "at"),
    [
        ("{" + LAYER % (3, "") + "}", "wrong-value", "3"),
        ("{" + LAYER % (2, ", d_model: 9") + "}", "shape-mismatch", "9"),
        ("{" + LAYER % (2, ", bais: true") + "}", "unknown-parameter", "bais"),
        ("TransformerLayer", "unknown-name", "TransformerLayer"),
        ("[ReLU]", "wrong-value", "[ReLU]"),
    ],
)
def test_a_mistake_inside_a_module_argument_has_its_place(layer: str, code: str, at: str) -> None:
    text = ENCODER % layer
    (found,) = yamlnet.check(text)
    assert found.code == code
    assert text[found.span.column - 1 : found.span.end_column - 1] == at


def test_a_declared_module_whose_argument_cannot_be_inferred() -> None:
    encoder = "{TransformerEncoder: {encoder_layer: {%s}, num_layers: 2}}" % (LAYER % (2, ""))
    text = f"model: {{input: [3], ModuleDict: {{fc: {{Linear: 2}}, spare: {encoder}}}, forward: [fc]}}"
    assert errors(text) == ["missing-parameter"]


def test_a_module_argument_infers_from_the_same_input() -> None:
    model = yamlnet.build(ENCODER % ("{" + LAYER % (2, "") + "}"))
    encoder = model.get_submodule("0")
    assert isinstance(encoder, nn.TransformerEncoder)
    assert encoder.layers[1].self_attn.embed_dim == 8


def test_the_judge_imports_neither_dynamo_nor_sympy() -> None:
    """They cost a second each; drawing or allocating on the meta device would import them."""
    code = (
        "import sys, yamlnet\n"
        "text = 'model: {input: [1, 28, 28], Sequential: [{Conv2d: {out_channels: 6, kernel_size: 5}}, "
        "BatchNorm2d, Flatten, {Linear: 4}]}'\n"
        "ids = 'model: {input: {shape: [5], dtype: int64}, Sequential: [{Embedding: [9, 4]}, "
        "{LSTM: {hidden_size: 3, batch_first: true}}]}'\n"
        "assert not yamlnet.check(text), yamlnet.check(text)\n"
        "yamlnet.check(ids.replace('[9, 4]', '{num_embeddings: 9, embedding_dim: 4}'))\n"
        "yamlnet.build(text)\n"
        "print(sorted({'torch._dynamo', 'sympy', 'torchvision'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{qury: input}", "`MultiheadAttention` has no input `qury`"),
        ("{query: input, key: input}", "`MultiheadAttention` also takes `value`"),
    ],
)
def test_inputs_by_the_wrong_name(source: str, message: str) -> None:
    node = f"{{MultiheadAttention: {{num_heads: 1, batch_first: true}}, from: {source}}}"
    found = yamlnet.check(f"model: {{input: [4, 3], ModuleDict: {{attention: {node}}}}}")
    assert [diagnostic.message for diagnostic in found] == [message]


def test_a_warning_keeps_no_declared_module_out() -> None:
    spare = "{Linear: {in_features: 3, out_features: 2}}"
    text = (
        f"model: {{input: [3], ModuleDict: {{fc: {{Linear: 2}}, spare: {spare}}}, forward: [fc, {{sum: 0}}]}}"
    )
    assert [found.severity for found in yamlnet.check(text)] == ["warning"]
    assert "spare.weight" in yamlnet.build(text).state_dict()


CATEGORY = {"shape": [], "dtype": "int64", "num_categories": 5}


@pytest.mark.parametrize(
    ("node", "shape"),
    [
        ({"Embedding": 3}, [3]),
        ({"Embedding": {"embedding_dim": 3, "num_embeddings": 9}}, [3]),
        ("one_hot", [5]),
        ({"one_hot": 7}, [7]),
        ([{"Sequential": [{"Embedding": 3}]}], [3]),
        ({"Inner": None}, [8]),
    ],
)
def test_sizes_follow_from_the_categories_of_an_input(node: Any, shape: list[int]) -> None:
    inner = {"ModuleDict": {"a": {"Embedding": 3}, "b": {"one_hot": None, "from": "input"}}}
    joined = {"cat": {"dim": 1}, "from": ["a", "c"]}
    inner["ModuleDict"] |= {"c": {"float": None, "from": "b"}, "all": joined}
    document = {"blocks": {"Inner": inner}, "model": {"input": CATEGORY, "Sequential": [node]}}
    network = yamlnet.build(document)
    values = torch.tensor([0, 4])
    assert list(network(values).shape) == [2, *shape]


@pytest.mark.parametrize(
    ("given", "node", "words"),
    [
        ({"shape": [], "dtype": "int64"}, {"Embedding": 3}, "`Embedding` needs `num_embeddings`"),
        ({"shape": [], "dtype": "int64"}, "one_hot", "`one_hot` needs `num_classes`"),
        (CATEGORY, {"one_hot": 4}, "`num_classes` of `one_hot` is 4, but what arrives has 5 categories"),
        (
            CATEGORY,
            {"Embedding": {"num_embeddings": 2, "embedding_dim": 3}},
            "`num_embeddings` of `Embedding` is 2, but what arrives has 5 categories",
        ),
    ],
)
def test_categories_that_are_not_there_or_too_few(given: Any, node: Any, words: str) -> None:
    found = yamlnet.check({"model": {"input": given, "Sequential": [node]}})
    assert [diagnostic.message for diagnostic in found] == [words]
