"""Every layer of the catalogue: a file with just that node builds what torch's own class is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import yamlnet
from tests.network.inputs import Case, Given, case, document, integers
from tests.network.laws import agrees
from yamlnet.catalog import types
from yamlnet.catalog.lookup import find, names
from yamlnet.network.construct import target_of

PAIR = (Given((8, 6)), Given((8, 6)))
VIDEO = (8, 6, 6, 6)
SPECIAL = {
    "AdaptiveLogSoftmaxWithLoss": Case((Given((6,)), integers(below=9)), {"n_classes": 9, "cutoffs": [3]}),
    "Bilinear": Case((Given((6,)), Given((7,))), {"out_features": 4}),
    "DropBlock2d": Case((Given((8, 6, 6)),), {"p": 0.4, "block_size": 3}),
    "DropBlock3d": Case((Given(VIDEO),), {"p": 0.4, "block_size": 3}),
    "Embedding": Case((integers(6, below=9),), {"num_embeddings": 9, "embedding_dim": 4}),
    "EmbeddingBag": Case((integers(6, below=9),), {"num_embeddings": 9, "embedding_dim": 4}),
    "Fold": Case((Given((16, 9)),), {"output_size": 4, "kernel_size": 2}),
    "FractionalMaxPool2d": Case((Given((8, 6, 6)),), {"kernel_size": 2, "output_size": 3}),
    "FractionalMaxPool3d": Case((Given(VIDEO),), {"kernel_size": 2, "output_size": 3}),
    "GroupNorm": Case((Given((8, 6)),), {"num_groups": 4}),
    "MaxUnpool1d": Case((Given((8, 6)), integers(8, 6, below=12)), {"kernel_size": 2}),
    "MaxUnpool2d": Case((Given((8, 6, 6)), integers(8, 6, 6, below=144)), {"kernel_size": 2}),
    "MaxUnpool3d": Case((Given(VIDEO), integers(*VIDEO, below=1728)), {"kernel_size": 2}),
    "MultiheadAttention": Case(
        (Given((8, 6)), Given((7, 4)), Given((7, 4))), {"num_heads": 2, "batch_first": True}
    ),
    "MLP": Case((Given((5, 8)),), {"hidden_channels": [6, 3], "norm_layer": "LayerNorm", "dropout": 0.2}),
    "PixelShuffle": Case((Given((8, 6, 6)),), {"upscale_factor": 2}),
    "PixelUnshuffle": Case((Given((8, 6, 6)),), {"downscale_factor": 2}),
    "SqueezeExcitation": Case((Given((8, 6, 6)),), {"squeeze_channels": 2, "activation": "GELU"}),
    "StochasticDepth": Case((Given((8, 6)),), {"p": 0.5, "mode": "row"}),
    "Transformer": Case((Given((8, 6)), Given((7, 6))), {"nhead": 2, "batch_first": True}),
    "TransformerDecoder": Case(
        (Given((8, 6)), Given((7, 6))),
        {
            "decoder_layer": {"TransformerDecoderLayer": {"nhead": 2, "batch_first": True}},
            "num_layers": 2,
            "norm": "LayerNorm",
        },
    ),
    "TransformerEncoder": Case(
        (Given((8, 6)),),
        {
            "encoder_layer": {"TransformerEncoderLayer": {"nhead": 2, "batch_first": True}},
            "num_layers": 2,
        },
    ),
    "Unflatten": Case((Given((8, 6)),), {"dim": 1, "unflattened_size": [4, 2]}),
    "Upsample": Case((Given((8, 6)),), {"scale_factor": 2}),
    "UpsamplingBilinear2d": Case((Given((8, 6, 6)),), {"scale_factor": 2}),
    "UpsamplingNearest2d": Case((Given((8, 6, 6)),), {"size": [9, 9]}),
}
ALONE = {
    "DeformConv2d": "needs torchvision's compiled operators",
    "SyncBatchNorm": "trains on a GPU only",
}
SIZES: dict[str, Any] = {
    "d_model": 6,
    "embed_dim": 6,
    "in1_features": 6,
    "in2_features": 7,
    "in_channels": 8,
    "in_features": 6,
    "input_channels": 8,
    "input_size": 6,
    "kdim": 4,
    "normalized_shape": 6,
    "num_channels": 8,
    "num_features": 8,
    "vdim": 4,
}


def by_hand(name: str, chosen: Case) -> nn.Module:
    entry = find(name, "module")
    assert entry is not None
    said = {key: types.to_python(entry.parameters[key].type, value) for key, value in chosen.options.items()}
    for key, value in said.items():
        if "type" in entry.parameters[key].type:
            said[key] = getattr(nn, value)
        elif isinstance(value, dict):
            (inner,) = value
            said[key] = by_hand(inner, Case((), value[inner]))
        elif value == "LayerNorm":
            said[key] = nn.LayerNorm(6)
    sizes = {key: size for key, size in SIZES.items() if key in entry.parameters and key not in said}
    made: nn.Module = target_of(entry.target)(**said, **sizes)
    return made


@pytest.mark.parametrize("name", [name for name in names("module") if name not in ALONE and "." not in name])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_layer_alone(name: str) -> None:
    entry = find(name, "module")
    assert entry is not None
    chosen = case(entry, SPECIAL)
    torch.manual_seed(0)
    batches = [tuple(given.tensor(size) for given in chosen.inputs) for size in (3, 5)]
    agrees(yamlnet.build(document(name, chosen)), by_hand(name, chosen), batches)


def test_the_tables_speak_of_layers() -> None:
    assert set(SPECIAL) | set(ALONE) <= set(names("module"))
    assert not set(SPECIAL) & set(ALONE)
