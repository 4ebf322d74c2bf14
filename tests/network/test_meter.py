"""The meter counts what torch's own counter counts, and what autograd really saves."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import yamlnet
from tests.network.inputs import case
from tests.network.test_catalog_law import ALONE, SPECIAL, by_hand
from yamlnet.catalog.lookup import find, names
from yamlnet.network.meter import measuring

LAYERS = [name for name in names("module") if name not in ALONE and "." not in name]


def held(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def measured(module: nn.Module, inputs: Sequence[Tensor]) -> tuple[Any, int, int]:
    with measuring(held(module)) as meter:
        output = module(*inputs)
    return output, meter.flops, meter.kept_bytes


def flops(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """What torch counts where no kernel hides its operations."""
    before = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            module(*inputs)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0], _fp32_precision=None)
    return counter.get_total_flops()


def saved(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    """The bytes that autograd saves."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in held(module)}
    kept: dict[int, int] = {}

    def save(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    before = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)
    try:
        with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
            output = module(*inputs)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0], _fp32_precision=None)
    del output
    return sum(kept.values())


def shapes(value: Any) -> list[torch.Size]:
    return [leaf.shape for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_costs_what_torch_counts(name: str) -> None:
    entry = find(name, "module")
    assert entry is not None
    chosen = case(entry, SPECIAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = by_hand(name, chosen)
        module.train("Norm" not in name)
        inputs = [given.tensor(3) for given in chosen.inputs]
        torch.manual_seed(0)
        output, counted, kept = measured(module, inputs)
        torch.manual_seed(0)
        assert shapes(output) == shapes(module(*inputs))
        assert counted == flops(module, inputs)
        assert kept == saved(module, inputs)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
def test_the_size_of_every_convolution(number: int, transposed: bool) -> None:
    make = getattr(nn, f"Conv{'Transpose' * transposed}{number}d")
    inputs = [torch.zeros(2, 4, *(9, 8, 7)[:number])]
    for kernel, stride, dilation, groups, padding in product((1, 3), (1, 2), (1, 2), (1, 2), (0, 1)):
        said = {"stride": stride, "dilation": dilation, "groups": groups, "padding": padding}
        if transposed and stride > 1:
            said["output_padding"] = 1
        module = make(4, 6, kernel, **said)
        output, counted, _ = measured(module, inputs)
        assert output.shape == module(*inputs).shape, said
        assert counted == flops(module, inputs)


NETS = {
    "mlp": {"input": [20], "Sequential": [{"Linear": 64}, "ReLU", {"Dropout": 0.5}, {"Linear": 10}]},
    "convolutions": {
        "input": [3, 16, 16],
        "Sequential": [
            {"Conv2d": {"out_channels": 8, "kernel_size": 3, "bias": False}},
            "BatchNorm2d",
            {"ReLU": {"inplace": True}},
            {"Residual": [{"Conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}, "GELU"]},
            {"MaxPool2d": 2},
            "Flatten",
            {"Linear": 10},
        ],
    },
    "transformer": {
        "input": [12, 16],
        "Sequential": [
            {"TransformerEncoderLayer": {"nhead": 2, "batch_first": True}, "repeat": 2},
            {"Linear": 4},
        ],
    },
    "recurrent": {
        "input": [12, 8],
        "ModuleDict": {
            "lstm": {"LSTM": {"hidden_size": 16, "batch_first": True}},
            "head": {"Linear": 4, "from": "lstm.0"},
        },
    },
    "frozen": {
        "input": [20],
        "Sequential": [{"Sequential": [{"Linear": 64}, "Tanh"], "freeze": True}, {"Linear": 10}],
    },
}


@pytest.mark.parametrize("name", NETS)
def test_a_real_batch_keeps_what_is_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = {"model": NETS[name]}
    said = 16 * yamlnet.summary(document).activation_bytes
    network = yamlnet.build(document).train()
    kept = saved(network, [torch.rand(16, *NETS[name]["input"])])
    assert said / 1.2 < kept < said * 1.2


def test_what_is_frozen_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert yamlnet.summary({"model": NETS["frozen"]}).activation_bytes == 4 * 64
