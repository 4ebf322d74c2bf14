"""Finding entries: without torch, by kind, and live where torch is another release."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from yamlnet.catalog import lookup, vision_signatures
from yamlnet.catalog.entry import KINDS, REQUIRED, Kind
from yamlnet.catalog.lookup import find, kinds_of, names
from yamlnet.catalog.vision import import_torchvision
from yamlnet.catalog.vision_sets import SETS
from yamlnet.diagnostics import YamlnetError

POSITIONAL: list[tuple[Kind, str, str | None]] = [
    ("module", "Linear", "out_features"),
    ("module", "Dropout", "p"),
    ("module", "BatchNorm2d", "num_features"),
    ("module", "LayerNorm", "normalized_shape"),
    ("module", "Flatten", "start_dim"),
    ("module", "Unflatten", "dim"),
    ("module", "Conv2d", "out_channels"),
    ("module", "AdaptiveAvgPool2d", "output_size"),
    ("module", "MaxPool2d", "kernel_size"),
    ("module", "Embedding", "embedding_dim"),
    ("module", "GroupNorm", "num_groups"),
    ("module", "Bilinear", "out_features"),
    ("module", "Softmax", "dim"),
    ("module", "LSTM", "hidden_size"),
    ("module", "GRUCell", "hidden_size"),
    ("module", "MultiheadAttention", "num_heads"),
    ("module", "TransformerEncoderLayer", "nhead"),
    ("module", "TransformerDecoderLayer", "nhead"),
    ("module", "TransformerEncoder", "encoder_layer"),
    ("module", "Transformer", "d_model"),
    ("module", "Identity", None),
    ("module", "Conv2dNormActivation", "out_channels"),
    ("module", "SqueezeExcitation", "squeeze_channels"),
    ("module", "MLP", "hidden_channels"),
    ("module", "FrozenBatchNorm2d", "num_features"),
    ("module", "torchvision.resnet18", "weights"),
    ("function", "add", "other"),
    ("function", "cat", "dim"),
    ("function", "permute", "dims"),
    ("function", "matmul", None),
    ("function", "amax", "dim"),
    ("function", "argmax", "dim"),
    ("function", "bmm", None),
    ("function", "chunk", "chunks"),
    ("function", "clamp", "min"),
    ("function", "cumsum", "dim"),
    ("function", "einsum", "equation"),
    ("function", "eq", "other"),
    ("function", "exp", None),
    ("function", "expand", "size"),
    ("function", "expand_as", None),
    ("function", "flatten", "start_dim"),
    ("function", "flip", "dims"),
    ("function", "full_like", "fill_value"),
    ("function", "gather", "dim"),
    ("function", "gumbel_softmax", "tau"),
    ("function", "index_select", "dim"),
    ("function", "lerp", "weight"),
    ("function", "logsumexp", "dim"),
    ("function", "masked_fill", "value"),
    ("function", "max", "dim"),
    ("function", "maximum", None),
    ("function", "mean", "dim"),
    ("function", "median", "dim"),
    ("function", "min", "dim"),
    ("function", "movedim", "source"),
    ("function", "narrow", "dim"),
    ("function", "normalize", "p"),
    ("function", "one_hot", "num_classes"),
    ("function", "pad", "pad"),
    ("function", "pow", "exponent"),
    ("function", "prod", "dim"),
    ("function", "repeat_interleave", "repeats"),
    ("function", "reshape", "shape"),
    ("function", "roll", "shifts"),
    ("function", "round", None),
    ("function", "scaled_dot_product_attention", "is_causal"),
    ("function", "select", "dim"),
    ("function", "softmax", "dim"),
    ("function", "sort", "dim"),
    ("function", "split", "split_size_or_sections"),
    ("function", "squeeze", "dim"),
    ("function", "stack", "dim"),
    ("function", "std", "dim"),
    ("function", "sub", "other"),
    ("function", "sum", "dim"),
    ("function", "tensor_split", "sections"),
    ("function", "tile", "dims"),
    ("function", "topk", "k"),
    ("function", "transpose", "dim0"),
    ("function", "tril", "diagonal"),
    ("function", "unbind", "dim"),
    ("function", "unflatten", "dim"),
    ("function", "unsqueeze", "dim"),
    ("function", "view", "size"),
    ("function", "where", "other"),
    ("loss", "CrossEntropyLoss", "weight"),
    ("loss", "GaussianNLLLoss", None),
    ("optimizer", "AdamW", "lr"),
    ("scheduler", "OneCycleLR", "max_lr"),
    ("scheduler", "CosineAnnealingLR", "T_max"),
    ("init", "constant", "val"),
    ("init", "add_noise", "std"),
    ("dataset", "MNIST", "root"),
    ("dataset", "MNIST5k", None),
    ("transform", "RandomCrop", "size"),
    ("metric", "Accuracy", "task"),
]


@pytest.mark.parametrize(("kind", "name", "parameter"), POSITIONAL)
def test_positional(kind: Kind, name: str, parameter: str | None) -> None:
    entry = find(name, kind)
    assert entry is not None
    assert (entry.positional.name if entry.positional else None) == parameter


def test_every_name_is_found_in_its_kinds_only() -> None:
    for kind in KINDS:
        assert names(kind), kind
        for name in names(kind):
            entry = find(name, kind)
            assert entry is not None
            assert (entry.name, entry.kind) == (name, kind)
            assert kind in kinds_of(name)
    assert kinds_of("CrossEntropyLoss") == ("loss",)
    assert kinds_of("Conv2d") == ("module",)
    assert kinds_of("conv2d") == ("function",)
    assert kinds_of("nothing") == ()
    assert find("Conv2d", "loss") is None


def test_batch_first_must_be_said_and_is_never_positional() -> None:
    found = [find(name, "module") for name in names("module")]
    having = {entry.name: entry for entry in found if entry and "batch_first" in entry.parameters}
    assert set(having) == {
        *("RNN", "LSTM", "GRU", "MultiheadAttention"),
        *("Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer"),
    }
    for entry in having.values():
        assert entry.parameters["batch_first"].required
        assert entry.positional is not entry.parameters["batch_first"]


def test_inferred_sizes() -> None:
    conv, attention, bilinear = (
        find(name, "module") for name in ("Conv2d", "MultiheadAttention", "Bilinear")
    )
    assert conv
    assert attention
    assert bilinear
    assert conv.parameters["in_channels"].inferred is not None
    assert conv.parameters["in_channels"].inferred.axis == 1
    kdim = attention.parameters["kdim"]
    assert kdim.inferred is not None
    assert (kdim.inferred.input, kdim.inferred.only_if_different, kdim.default) == (1, "embed_dim", None)
    second = bilinear.parameters["in2_features"].inferred
    assert second is not None
    assert (second.axis, second.input) == (-1, 1)


def test_axes_of_batched_inputs() -> None:
    expected = {"Conv1d": (3,), "BatchNorm1d": (2, 3), "AdaptiveAvgPool2d": (4,), "LSTM": (3,), "Linear": ()}
    assert {name: getattr(find(name, "module"), "axes", None) for name in expected} == expected


def test_tensors_of_losses_and_functions() -> None:
    def tensors(name: str, kind: Kind) -> list[str]:
        entry = find(name, kind)
        assert entry is not None
        return [parameter.name for parameter in entry.tensors]

    assert tensors("CrossEntropyLoss", "loss") == ["input", "target"]
    assert tensors("PoissonNLLLoss", "loss") == ["input", "target"]
    assert tensors("CTCLoss", "loss") == ["log_probs", "targets", "input_lengths", "target_lengths"]
    assert tensors("linear", "function") == ["input", "weight", "bias"]
    assert tensors("add", "function") == ["input", "other"]
    assert tensors("einsum", "function") == ["operands"]
    assert tensors("where", "function") == ["condition", "input", "other"]
    assert tensors("clamp", "function") == ["input", "min", "max"]
    assert tensors("max", "function") == ["input", "other"]
    assert tensors("gather", "function") == ["input", "index"]
    assert tensors("gumbel_softmax", "function") == ["logits"]
    assert tensors("Accuracy", "metric") == ["preds", "target"]
    poisson = find("PoissonNLLLoss", "loss")
    assert poisson is not None
    assert poisson.parameters["log_input"].default is True


def test_inputs_of_modules() -> None:
    def inputs(name: str) -> dict[str, bool]:
        entry = find(name, "module")
        assert entry is not None
        assert entry.tensors == entry.inputs
        return {parameter.name: parameter.required for parameter in entry.inputs}

    assert inputs("Linear") == {"input": True}
    assert inputs("Bilinear") == {"input1": True, "input2": True}
    assert inputs("LSTM") == {"input": True, "hx": False}
    assert inputs("MultiheadAttention") == {
        "query": True,
        "key": True,
        "value": True,
        "key_padding_mask": False,
        "attn_mask": False,
    }
    assert all(inputs(name) for name in names("module"))


def test_no_function_takes_training_or_is_called_like_a_word_of_nodes() -> None:
    words = set("from init freeze tie repeat if name merge dim choose forward output".split())
    words |= set("input inputs weights edit with".split())
    assert not words & set(names("function"))
    found = [find(name, "function") for name in names("function")]
    assert not any("training" in entry.parameters for entry in found if entry is not None)


def test_every_set_of_labelled_images_is_a_data_set() -> None:
    assert set(SETS) <= set(names("dataset"))


def test_lookup_leaves_torch_alone() -> None:
    program = """
import sys
from yamlnet.catalog.lookup import find, names
assert find("Conv2d", "module").positional.name == "out_channels"
assert all(find(name, kind) for kind in ("module", "function") for name in names(kind))
assert not {"torch", "torchvision", "numpy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def another_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lookup, "_installed_release", lambda package: "0.0.0")
    lookup._catalogue.cache_clear()
    yield
    lookup._catalogue.cache_clear()


def test_another_release_is_read_live_to_the_same_entries(request: pytest.FixtureRequest) -> None:
    stored = {(kind, name): find(name, kind) for kind in KINDS for name in names(kind)}
    request.getfixturevalue("another_release")
    live = {(kind, name): find(name, kind) for kind in KINDS for name in names(kind)}
    assert live == stored


@pytest.mark.usefixtures("another_release")
def test_a_torchvision_that_cant_be_imported_keeps_its_stored_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise YamlnetError("torchvision can't be imported")

    monkeypatch.setattr(vision_signatures, "import_torchvision", broken)
    assert find("torchvision.resnet18", "module") is not None


def test_the_installed_releases_are_the_stored_ones() -> None:
    for package in (torch, import_torchvision()):
        assert lookup._installed_release(package.__name__) == package.__version__.partition("+")[0]
    assert lookup._installed_release("no_such_package") is None


def test_a_file_of_torchs_own_names_reads_no_others() -> None:
    lookup._catalogue.cache_clear()
    assert find("Conv2d", "module") is not None
    assert lookup._catalogue.cache_info().currsize == 1


def test_required_survives_storing() -> None:
    linear = find("Linear", "module")
    assert linear is not None
    assert linear.parameters["out_features"].default is REQUIRED
    assert linear.parameters["in_features"].default is REQUIRED
    assert not linear.parameters["in_features"].required
