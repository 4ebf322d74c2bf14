"""Edited networks: as an edit by hand leaves them, and running as before where nothing should change."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

import yamlnet
from tests.network import laws
from yamlnet import pipeline
from yamlnet.catalog.vision import import_torchvision
from yamlnet.language import files
from yamlnet.language.resolve import resolved
from yamlnet.pipeline import Examined

CHAIN = {"conv": {"Conv2d": {"out_channels": 4, "kernel_size": 3}}, "flat": "Flatten", "fc": {"Linear": 5}}
GRAPH = {**CHAIN, "act": "relu", "head": {"Linear": 3}}
ENCODER = {"TransformerEncoderLayer": {"nhead": 2, "dim_feedforward": 8, "batch_first": True}}
IMAGES, SEQUENCE = [3, 8, 8], [6, 4]

EDITS: dict[str, tuple[list[int], dict[str, Any], list[Any]]] = {
    "replace": (IMAGES, {"Sequential": CHAIN}, [{"replace": "fc", "with": {"Linear": 7}}]),
    "replace-by-chain": (
        IMAGES,
        {"ModuleDict": GRAPH},
        [{"replace": "head", "with": [{"Linear": 7}, "relu"]}],
    ),
    "replace-by-function": (IMAGES, {"ModuleDict": GRAPH}, [{"replace": "head", "with": "sigmoid"}]),
    "insert": (IMAGES, {"Sequential": CHAIN}, [{"insert": "bn", "after": "conv", "with": "BatchNorm2d"}]),
    "insert-twice": (
        IMAGES,
        {"ModuleDict": GRAPH},
        [
            {"insert": "bn", "after": "conv", "with": "BatchNorm2d"},
            {"insert": "act", "after": "conv", "with": "ReLU"},
            {"insert": "conv.pool", "after": "conv.bn", "with": {"AvgPool2d": 1}},
        ],
    ),
    "append": (
        IMAGES,
        {"Sequential": CHAIN},
        [{"append": "fc", "with": "ReLU"}, {"append": "fc", "with": "Tanh"}],
    ),
    "remove": (IMAGES, {"Sequential": {**CHAIN, "act": "ReLU"}}, [{"remove": "act"}]),
    "after-every": (IMAGES, {"Sequential": CHAIN}, [{"after_every": "[CL]*", "with": "relu"}]),
    "encoder": (
        SEQUENCE,
        ENCODER,
        [{"insert": "drop", "after": "linear1", "with": "ReLU"}, {"replace": "norm1", "with": "RMSNorm"}],
    ),
    "model": (
        [3, 32, 32],
        {"torchvision.resnet18": {"weights": None}},
        [
            {
                "replace": "fc",
                "with": {"ModuleDict": {"a": {"Linear": 4}, "b": {"add": None, "from": ["a", "a"]}}},
            },
            {"remove": "maxpool"},
            {"insert": "stem", "after": "conv1", "with": "ReLU"},
            {"append": "layer1", "with": "ReLU"},
        ],
    ),
}
every_edit = pytest.mark.parametrize("name", EDITS)


def examined(shape: list[int], call: dict[str, Any], edit: list[Any], **more: Any) -> Examined:
    found = pipeline.examine(files.read({"model": {"input": shape, **call, "edit": edit}, **more}))
    assert found.diagnostics == ()
    return found


def built(shape: list[int], call: dict[str, Any], edit: list[Any], **more: Any) -> nn.Module:
    return pipeline.network_of(examined(shape, call, edit, **more))


@every_edit
def test_what_is_judged_is_what_is_built(name: str) -> None:
    found = examined(*EDITS[name])
    network = pipeline.network_of(found)
    assert found.drawn is not None
    assert found.shapes is not None
    sizes = [
        {key: value.shape for key, value in n.state_dict().items()} for n in (network, found.drawn.empty)
    ]
    assert list(sizes[0].items()) == list(sizes[1].items())
    inputs = (torch.rand(3, *EDITS[name][0]),)
    assert laws.outputs(network, inputs, training=False).shape[1:] == found.shapes.output.shape[1:]
    laws.survives_copies(network, inputs)
    assert not any(type(module).__module__.startswith("yamlnet") for module in network.modules())


@every_edit
def test_the_resolved_document_makes_the_same_edits(name: str) -> None:
    found = examined(*EDITS[name])
    again = yamlnet.build(resolved(found.checked))
    laws.same(again.state_dict(), pipeline.network_of(found).state_dict())


def test_an_edit_does_what_a_hand_would() -> None:
    network = built(*EDITS["model"])
    twin = import_torchvision().models.resnet18()
    twin.fc = nn.Module()
    twin.fc.add_module("a", nn.Linear(512, 4))
    twin.fc.forward = lambda x: 2 * twin.fc.a(x)
    twin.maxpool = nn.Identity()
    twin.conv1 = nn.Sequential(OrderedDict([("0", twin.conv1), ("stem", nn.ReLU())]))
    twin.layer1.append(nn.ReLU())
    laws.agrees(network, twin, [(torch.rand(2, 3, 32, 32),)])


@pytest.mark.parametrize(
    "model", ["resnet18", "mobilenet_v3_small", "densenet121", "regnet_x_400mf", "efficientnet_b0"]
)
def test_to_insert_nothing_everywhere_changes_nothing(model: str) -> None:
    call = {f"torchvision.{model}": {"weights": None}}
    edited = built([3, 64, 64], call, [{"after_every": "Conv2d", "with": "Identity"}])
    plain = built([3, 64, 64], call, [])
    inputs = (torch.rand(2, 3, 64, 64),)
    assert torch.equal(
        laws.outputs(edited, inputs, training=False), laws.outputs(plain, inputs, training=False)
    )
    kinds = [type(module) for module in edited.modules()]
    assert kinds.count(nn.Identity) - [type(m) for m in plain.modules()].count(nn.Identity) == kinds.count(
        nn.Conv2d
    )


def test_first_weights_come_from_the_seed_and_the_name() -> None:
    plain = built(IMAGES, {"Sequential": CHAIN}, [])
    edits = [{"insert": "act", "after": "conv", "with": "ReLU"}, {"replace": "fc", "with": {"Linear": 5}}]
    laws.same(built(IMAGES, {"Sequential": CHAIN}, edits).state_dict(), plain.state_dict())
    other = built(IMAGES, {"Sequential": CHAIN}, edits, seed=1)
    assert not torch.equal(other.state_dict()["fc.weight"], plain.state_dict()["fc.weight"])


def test_what_is_edited_inside_a_transformer_layer_runs_in_evaluation_too() -> None:
    """PyTorch's fused kernel would run the layer's own parts only."""
    edits = [{"insert": "twice", "after": "dropout1", "with": {"expr": "2 * input"}}]
    network = built(
        SEQUENCE, {"TransformerEncoderLayer": {**ENCODER["TransformerEncoderLayer"], "dropout": 0}}, edits
    )
    inputs = (torch.rand(2, *SEQUENCE),)
    with torch.no_grad():
        assert torch.allclose(network.train()(*inputs), network.eval()(*inputs), atol=1e-6)


def test_what_stands_beside_a_new_node_counts() -> None:
    head = {"Linear": 10, "init": {"weight": "zeros"}}
    norm = {"BatchNorm2d": None, "freeze": True}
    edits = [{"replace": "fc", "with": head}, {"append": "layer1", "with": norm}, {"freeze": "conv1"}]
    edits += [{"append": "conv1", "with": "ReLU"}]
    found = examined(
        [3, 32, 32], {"torchvision.resnet18": None}, edits, init=[{"type": "Linear", "bias": "ones"}]
    )
    network = pipeline.network_of(found)
    assert not network.get_parameter("fc.weight").any()
    assert (network.get_parameter("fc.bias") == 1).all()
    frozen = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert frozen == ["conv1.0.weight", "layer1.2.weight", "layer1.2.bias"]


def test_tie_and_init_follow_the_modules_that_are_wrapped() -> None:
    nodes = {
        "a": {"Linear": 4, "init": "zeros"},
        "b": {"Linear": 4, "tie": {"weight": "a.weight"}, "freeze": True},
    }
    network = built([4], {"ModuleDict": nodes}, [{"append": "b", "with": "ReLU"}])
    assert network.get_parameter("b.0.weight") is network.get_parameter("a.weight")
    assert not network.get_parameter("a.weight").any()
    assert not network.get_parameter("b.0.bias").requires_grad


def test_edits_see_what_those_before_them_made() -> None:
    edits = [
        {"append": "fc", "with": {"Linear": 9}},
        {"replace": "fc.1", "with": {"Linear": 6}},
        {"append": "fc.1", "with": {"Dropout": 0.1}},
        {"remove": "fc.1.1"},
    ]
    network = built(IMAGES, {"ModuleDict": {**CHAIN}}, edits)
    assert [str(m) for m in network.get_submodule("fc.1")] == [str(nn.Linear(5, 6)), str(nn.Identity())]


def test_the_summary_shows_and_counts_the_new_layers() -> None:
    _, call, edit = EDITS["insert-twice"]
    found = examined(IMAGES, call, edit)
    table = pipeline.summary_of(found)
    assert [row.name for row in table.rows][:4] == ["conv.0", "conv.bn", "conv.pool", "conv.act"]
    assert table.total_parameters == sum(p.numel() for p in pipeline.network_of(found).parameters())
    notes = found.drawn.notes if found.drawn is not None else ()
    assert notes == ("`conv` is now a `Sequential` of `conv.0`, which it was, and `conv.bn`",)
