"""Every classification model of torchvision: checked without its weights, built as torchvision builds it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import Tensor, nn

import yamlnet
from tests.network.laws import agrees, survives_copies
from yamlnet import pipeline
from yamlnet.api import summary
from yamlnet.catalog.lookup import names
from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError
from yamlnet.language import files
from yamlnet.language.resolve import resolved
from yamlnet.network import shapes

MODELS = [name for name in names("module") if name.startswith("torchvision.")]
SMALL = """
    resnet18 squeezenet1_1 mobilenet_v2 mobilenet_v3_small shufflenet_v2_x0_5 mnasnet0_5 efficientnet_b0
    regnet_x_400mf regnet_y_400mf densenet121 googlenet
""".split()
"""Those that are quickly made and take images of 64 x 64: one of most families."""


def document(name: str, size: int = 224, **said: Any) -> dict[str, Any]:
    return {"model": {"input": [3, size, size], f"torchvision.{name}": said}}


def by_hand(name: str, **said: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = import_torchvision().models.get_model(name, **said)
    return made


def images(*sizes: int) -> list[tuple[Tensor]]:
    torch.manual_seed(0)
    return [(torch.rand(size, 3, 64, 64),) for size in sizes]


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a download gives, or raises; `urls` are those that were asked for."""
    answer: dict[str, Any] = {"urls": []}

    def load(url: str, **_: Any) -> Mapping[str, Tensor]:
        answer["urls"].append(url)
        if "error" in answer:
            raise answer["error"]
        found: Mapping[str, Tensor] = answer["weights"]
        return found

    monkeypatch.setattr(import_torchvision().models._api, "load_state_dict_from_url", load)
    return answer


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_checked(name: str) -> None:
    size = 299 if name == "torchvision.inception_v3" else 224
    examined = pipeline.examine(files.read(document(name.removeprefix("torchvision."), size, num_classes=7)))
    assert examined.diagnostics == ()
    assert examined.shapes is not None
    assert examined.shapes.complete
    assert examined.shapes.output.shape == (0, 7)


@pytest.mark.parametrize("name", SMALL)
def test_a_model_is_built_as_torchvision_builds_it(name: str) -> None:
    without = {"aux_logits": False} if name == "googlenet" else {}
    built = yamlnet.build(document(name, 64, num_classes=7))
    agrees(built, by_hand(name, num_classes=7, **without), images(2, 3))


def test_a_seed_gives_the_same_bits_and_leaves_torchs_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    file = document("resnet18", num_classes=7)
    first, second = (yamlnet.build(file).state_dict() for _ in range(2))
    other = yamlnet.build({**file, "seed": 1}).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    torch.manual_seed(3)
    assert not torch.equal(first["conv1.weight"], by_hand("resnet18").state_dict()["conv1.weight"])


def test_a_model_is_a_node_among_others() -> None:
    built = yamlnet.build(
        {
            "model": {
                "input": [3, 64, 64],
                "ModuleDict": {
                    "body": {"torchvision.resnet18": {"num_classes": 16}},
                    "act": "relu",
                    "gate": {"Linear": 16, "from": "body"},
                    "sum": {"add": None, "from": ["act", "gate"]},
                },
            }
        }
    )
    assert built.get_parameter("body.layer1.0.conv1.weight").shape == (64, 64, 3, 3)
    survives_copies(built, images(2)[0])
    assert not any(type(module).__module__.startswith("yamlnet") for module in built.modules())


def test_what_is_computed_as_a_model_is_made_is_kept_when_it_is_judged() -> None:
    """Swin looks biases up by indices: those of uninitialised memory would be out of range."""
    model = pipeline.examine(files.read(document("swin_t"))).experiment.model
    module = shapes.judge(model).modules[""]
    wanted = by_hand("swin_t").get_buffer("features.1.0.attn.relative_position_index")
    assert torch.equal(module.get_buffer("features.1.0.attn.relative_position_index"), wanted)


@pytest.mark.parametrize(
    ("name", "said", "kind", "count"),
    [
        ("resnet18", {"norm_layer": "FrozenBatchNorm2d"}, "FrozenBatchNorm2d", 20),
        ("regnet_y_400mf", {"activation": "SiLU"}, "SiLU", 65),
        ("vit_b_32", {"norm_layer": None}, "LayerNorm", 25),
    ],
)
def test_a_class_is_given_by_its_name(name: str, said: Mapping[str, Any], kind: str, count: int) -> None:
    examined = pipeline.examine(files.read(document(name, **said)))
    assert examined.shapes is not None
    modules = examined.shapes.modules[""].modules()
    assert sum(type(module).__name__ == kind for module in modules) == count


@pytest.mark.parametrize(("name", "size"), [("googlenet", 64), ("inception_v3", 96)])
def test_auxiliary_heads_are_off(name: str, size: int) -> None:
    """Otherwise the output would be a tuple, but in training only."""
    file = document(name, size, num_classes=7)
    built = yamlnet.build(file).train()
    assert built(torch.rand(2, 3, size, size)).shape == (2, 7)
    assert not any("aux" in key.lower() for key in built.state_dict())
    (wrong,) = yamlnet.check(document(name, size, aux_logits=True))
    assert wrong.code == "unknown-parameter"


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "maxvit_t", "googlenet", "vgg11", "densenet121"])
def test_check_downloads_nothing(name: str, downloads: Mapping[str, Any]) -> None:
    examined = pipeline.examine(files.read(document(name, weights="DEFAULT")))
    assert examined.diagnostics == ()
    assert examined.shapes is not None
    assert examined.shapes.output.shape == (0, 1000)
    assert downloads["urls"] == []


def test_weights_say_what_the_model_is_like() -> None:
    said = {"weights": "IMAGENET1K_SWAG_E2E_V1"}
    assert yamlnet.check(document("vit_b_16", 384, **said)) == []
    assert [wrong.code for wrong in yamlnet.check(document("vit_b_16", 224, **said))] == ["shape-mismatch"]
    (wrong,) = yamlnet.check(document("resnet18", weights="DEFAULT", num_classes=7))
    assert "its weights need `num_classes: 1000`" in wrong.message


def test_weights_are_loaded(downloads: dict[str, Any]) -> None:
    twin = by_hand("googlenet", aux_logits=True, init_weights=False)
    downloads["weights"] = twin.state_dict()
    built = yamlnet.build(document("googlenet", weights="IMAGENET1K_V1"))
    assert len(downloads["urls"]) == 1
    assert built.transform_input
    assert all(torch.equal(value, downloads["weights"][key]) for key, value in built.state_dict().items())


@pytest.mark.parametrize("error", [URLError("no network"), RuntimeError("invalid hash value")])
def test_weights_that_cant_be_loaded_are_an_error_of_the_world(
    error: Exception, downloads: dict[str, Any]
) -> None:
    downloads["error"] = error
    words = r"can't load the weights `DEFAULT` of `torchvision\.resnet18`: .*(no network|invalid hash)"
    with pytest.raises(YamlnetError, match=words):
        yamlnet.build(document("resnet18", weights="DEFAULT"))


def test_every_default_may_be_said(downloads: Mapping[str, Any]) -> None:
    """`yamlnet config` says them all, also those that the weights would change."""
    for name in ("vit_b_16", "googlenet", "maxvit_t", "resnet18", "vgg11"):
        checked = pipeline.examine(files.read(document(name, weights="DEFAULT"))).checked
        filled = resolved(checked)
        assert set(filled["model"][f"torchvision.{name}"]) > {"weights", "num_classes"}
        assert yamlnet.check(filled) == []
    assert downloads["urls"] == []


def test_a_deformable_convolution_needs_the_compiled_operators() -> None:
    """They fail to load where torchvision was built for CUDA and torch wasn't."""
    nodes = {
        "offset": {"Conv2d": {"out_channels": 18, "kernel_size": 3, "padding": 1}},
        "deform": {
            "DeformConv2d": {"out_channels": 5, "kernel_size": 3, "padding": 1},
            "from": ["input", "offset"],
        },
    }
    examined = pipeline.examine(files.read({"model": {"input": [4, 8, 8], "ModuleDict": nodes}}))
    assert examined.shapes is not None
    assert examined.shapes.modules["deform"].get_parameter("weight").shape == (5, 4, 3, 3)
    assert all("built for another release" in wrong.message for wrong in examined.diagnostics)


def test_the_summary_counts_a_model() -> None:
    found = summary(document("resnet18"))
    assert found.total_parameters == 11_689_512
    assert found.total_flops == 2 * 1_814_073_344
    assert [row.type for row in found.tree] == ["torchvision.resnet18"]


def test_the_summary_unfolds_a_model() -> None:
    found = summary(document("resnet18"), depth=2)
    layer1 = [row for row in found.tree if row.name.startswith("layer1")]
    assert [(row.name, row.type, row.depth) for row in layer1] == [
        ("layer1", "Sequential", 1),
        ("layer1.0", "BasicBlock", 2),
        ("layer1.1", "BasicBlock", 2),
    ]
    assert layer1[0].parameters == sum(row.parameters for row in layer1[1:]) == 147_968
    assert layer1[0].flops == sum(row.flops for row in layer1[1:])
    assert sum(row.parameters for row in found.tree if row.depth == 1) == found.total_parameters


def test_without_torchvision_its_names_are_known_and_cant_be_used() -> None:
    program = """
import sys
sys.modules["torchvision"] = None
import yamlnet
from yamlnet.diagnostics import YamlnetError
file = {"model": {"input": [3, 64, 64], "torchvision.resnet18": {"num_clases": 3}}}
assert [wrong.suggestion for wrong in yamlnet.check(file)] == ["num_classes"]
file["model"]["torchvision.resnet18"] = None
try:
    yamlnet.check(file)
except YamlnetError as error:
    assert "torchvision isn't installed" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)
