"""The tables that snippets are made from: plausible values by parameter, inputs and networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
"""A file, or a part of one, as plain data."""


@dataclass(frozen=True)
class Use:
    """What a layer or function is called with: its tensors, as `input` writes them, and its options."""

    inputs: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


def _integers(*shape: int) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": "int64"}


def _flags(*shape: int) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": "bool"}


def _use(*inputs: Any, **options: Any) -> Use:
    return Use(inputs, options)


BY_AXES: Mapping[int, list[int]] = {2: [16], 3: [8, 16], 4: [3, 32, 32], 5: [3, 8, 16, 16]}
"""A sample's shape for a batch with so many axes."""

BY_TARGET: Mapping[str, list[int]] = {
    "torchvision.models.video.*": [3, 16, 112, 112],
    "torchvision.models.*": [3, 224, 224],
}
"""The shape for what is found there (patterns)."""

BY_OPTION: Mapping[str, list[int]] = {"dims": [8, 16], "dim0": [8, 16]}
"""The shape for what needs this option, where nothing else says it."""

VALUES: Mapping[str, Any] = {
    "batch_first": True,
    "block_size": 3,
    "dim": 1,
    "dim0": 1,
    "dim1": 2,
    "dims": [0, 2, 1],
    "embedding_dim": 32,
    "gamma": 0.9,
    "init.std": 0.02,
    "hidden_channels": [32, 10],
    "hidden_size": 32,
    "kernel_size": 3,
    "max_lr": 0.01,
    "base_lr": 0.001,
    "milestones": [100],
    "nhead": 4,
    "norm_type": 2.0,
    "num_classes": 10,
    "num_embeddings": 1000,
    "num_groups": 4,
    "num_heads": 4,
    "out_channels": 16,
    "out_features": 10,
    "output_size": 4,
    "pad": [1, 1],
    "padding": 1,
    "path": "data.csv",
    "root": "data",
    "schedulers": [{"ConstantLR": {"factor": 0.5}}, {"ExponentialLR": 0.999}],
    "shape": ["batch", -1],
    "size": 5,
    "squeeze_channels": 4,
    "std": 0.5,
    "step_size": 100,
    "transform.bits": 4,
    "transform.degrees": 15,
    "transform.padding": 2,
    "transform.quality": [50, 100],
    "transform.size": 28,
    "transform.threshold": 128,
    "T_0": 100,
}
"""Values of required parameters by name, or kind and name, where their types don't say what makes sense."""

_VECTORS = ([16], [16])
_MATRICES = ([8, 16], [8, 16])
_PAIRS = {name: Use(_VECTORS) for name in "add sub mul div".split()}
_MANY_CHANNELS = [16, 8, 8]
_ONE_AXIS = "sum mean max min median amax amin argmax argmin prod var std any all count_nonzero".split()

USES: Mapping[str, Use] = {
    **_PAIRS,
    **{name: _use([8, 16], dim=1) for name in _ONE_AXIS},
    **{name: Use(_MATRICES) for name in ("maximum", "minimum", "CosineSimilarity", "PairwiseDistance")},
    "AdaptiveLogSoftmaxWithLoss": _use([16], _integers(), n_classes=100, cutoffs=[10, 50]),
    "Bilinear": _use([16], [8], out_features=10),
    "DeformConv2d": _use([3, 32, 32], [18, 30, 30], out_channels=16, kernel_size=3),
    "ChannelShuffle": _use(_MANY_CHANNELS, groups=4),
    "Embedding": _use(_integers(20), num_embeddings=1000, embedding_dim=32),
    "EmbeddingBag": _use(_integers(20), num_embeddings=1000, embedding_dim=32),
    "Flatten": _use([3, 32, 32]),
    "Fold": _use([27, 64], output_size=[10, 10], kernel_size=3),
    "FractionalMaxPool2d": _use([3, 32, 32], kernel_size=2, output_size=16),
    "FractionalMaxPool3d": _use([3, 8, 16, 16], kernel_size=2, output_size=6),
    "GroupNorm": _use(_MANY_CHANNELS, num_groups=4),
    "MultiheadAttention": _use([8, 16], [8, 16], [8, 16], num_heads=4, batch_first=True),
    "LocalResponseNorm": _use(_MANY_CHANNELS, size=5),
    "PixelShuffle": _use(_MANY_CHANNELS, upscale_factor=2),
    "PixelUnshuffle": _use(_MANY_CHANNELS, downscale_factor=2),
    "Threshold": _use([16], threshold=0.1, value=0.0),
    "Transformer": _use([8, 16], [8, 16], nhead=4, batch_first=True),
    "TransformerDecoder": _use(
        [8, 16],
        [8, 16],
        decoder_layer={"TransformerDecoderLayer": {"nhead": 4, "batch_first": True}},
        num_layers=2,
    ),
    "TransformerEncoder": _use(
        [8, 16], encoder_layer={"TransformerEncoderLayer": {"nhead": 4, "batch_first": True}}, num_layers=2
    ),
    "Unflatten": _use([16], dim=1, unflattened_size=[4, 4]),
    "Upsample": _use([3, 32, 32], scale_factor=2),
    "UpsamplingBilinear2d": _use([3, 32, 32], scale_factor=2),
    "UpsamplingNearest2d": _use([3, 32, 32], scale_factor=2),
    "affine_grid": _use([2, 3], size=["batch", 3, 32, 32], align_corners=False),
    "bernoulli": _use([16], p=0.5),
    "bmm": _use([8, 16], [16, 4]),
    "broadcast_to": _use([1, 16], size=["batch", 8, 16]),
    "cat": _use([8], [16], dim=1),
    "channel_shuffle": _use(_MANY_CHANNELS, groups=4),
    "chunk": _use([16], chunks=2, dim=1),
    "clamp": _use([16], min=0.0, max=1.0),
    "cosine_embedding_loss": _use([16], [16], [], reduction="none"),
    "cosine_similarity": Use(_MATRICES),
    "cross_entropy": _use([10], _integers(), reduction="none"),
    "diagonal": _use([8, 16], dim1=1, dim2=2),
    "einsum": _use([8, 16], [16, 4], equation="bij,bjk->bik"),
    "expand": _use([1, 16], size=["batch", 8, 16]),
    "expand_as": _use([1, 16], [8, 16]),
    "flatten": _use([3, 32, 32], start_dim=1),
    "flip": _use([3, 32, 32], dims=[3]),
    "fold": _use([27, 64], output_size=[10, 10], kernel_size=3),
    "fractional_max_pool2d": _use([3, 32, 32], kernel_size=2, output_size=16),
    "fractional_max_pool3d": _use([3, 8, 16, 16], kernel_size=2, output_size=6),
    "gather": _use([8, 16], _integers(3, 16), dim=1),
    "grid_sample": _use([3, 32, 32], [32, 32, 2], align_corners=False),
    "group_norm": _use(_MANY_CHANNELS, num_groups=4),
    "index_select": _use([8, 16], _integers(), dim=2),
    "interpolate": _use([3, 32, 32], scale_factor=2.0, mode="nearest"),
    "layer_norm": _use([16], normalized_shape=[16]),
    "lerp": _use([16], [16], weight=0.5),
    "local_response_norm": _use(_MANY_CHANNELS, size=5),
    "log_softmax": _use([16], dim=1),
    "logsumexp": _use([8, 16], dim=1),
    "margin_ranking_loss": _use([], [], [], reduction="none"),
    "masked_fill": _use([16], _flags(16), value=0.0),
    "matmul": _use([8, 16], [16, 4]),
    "movedim": _use([3, 32, 32], source=1, destination=3),
    "multi_margin_loss": _use([10], _integers(), reduction="none"),
    "multilabel_margin_loss": _use([10], _integers(10), reduction="none"),
    "narrow": _use([16], dim=1, start=0, length=4),
    "nll_loss": _use([10], _integers(), reduction="none"),
    "one_hot": _use(_integers(), num_classes=10),
    "outer": _use([], []),
    "pixel_shuffle": _use(_MANY_CHANNELS, upscale_factor=2),
    "pixel_unshuffle": _use(_MANY_CHANNELS, downscale_factor=2),
    "pow": _use([16], exponent=2),
    "repeat_interleave": _use([8, 16], repeats=2, dim=1),
    "rms_norm": _use([16], normalized_shape=[16]),
    "roll": _use([3, 32, 32], shifts=4, dims=3),
    "scaled_dot_product_attention": _use([8, 16], [8, 16], [8, 16]),
    "select": _use([8, 16], dim=1, index=0),
    "softmax": _use([16], dim=1),
    "softmin": _use([16], dim=1),
    "split": _use([16], split_size_or_sections=4, dim=1),
    "squeeze": _use([1, 16], dim=1),
    "stack": _use([16], [16], dim=1),
    "swapaxes": _use([8, 16], axis0=1, axis1=2),
    "take_along_dim": _use([8, 16], _integers(3, 16), dim=1),
    "tensor_split": _use([16], sections=3, dim=1),
    "threshold": _use([16], threshold=0.1, value=0.0),
    "tile": _use([8, 16], dims=[1, 1, 2]),
    "topk": _use([16], k=3),
    "tril": _use([16, 16]),
    "triu": _use([16, 16]),
    "unbind": _use([8, 16], dim=1),
    "unflatten": _use([16], dim=1, sizes=[4, 4]),
    "unsqueeze": _use([16], dim=1),
    "view": _use([8, 16], size=["batch", 128]),
    "where": _use(_flags(16), [16], other=0.0),
}
"""Layers and functions that the general rules don't fit."""


def _unpooled(name: str, axes: int) -> Document:
    """Max unpooling beside the pooling that gives its indices."""
    pool = {f"MaxPool{axes}d": {"kernel_size": 2, "return_indices": True}}
    graph = {"pool": pool, "unpool": {f"{name}{axes}d": 2, "from": ["pool.0", "pool.1"]}}
    return {"input": BY_AXES[axes + 2], "ModuleDict": graph}


def _weighted(name: str, *weight: int, **inputs: Any) -> Document:
    """A function of a weight, which is a parameter of the network."""
    given: Document = {"input": inputs["input"]} if "input" in inputs else {"inputs": inputs}
    result = {name: None, "from": [*inputs, "weight"]}
    return {**given, "ModuleDict": {"weight": {"Parameter": list(weight)}, "result": result}}


def _convolved(name: str, axes: int) -> Document:
    shape = BY_AXES[axes + 2]
    channels = (16, shape[0]) if name == "conv" else (shape[0], 16)
    return _weighted(f"{name}{axes}d", *channels, *[3] * axes, input=shape)


NETWORKS: Mapping[str, Document] = {
    **{f"MaxUnpool{axes}d": _unpooled("MaxUnpool", axes) for axes in (1, 2, 3)},
    **{f"max_unpool{axes}d": _unpooled("max_unpool", axes) for axes in (1, 2, 3)},
    **{f"conv{axes}d": _convolved("conv", axes) for axes in (1, 2, 3)},
    **{f"conv_transpose{axes}d": _convolved("conv_transpose", axes) for axes in (1, 2, 3)},
    "bilinear": _weighted("bilinear", 10, 16, 8, input1=[16], input2=[8]),
    "embedding": _weighted("embedding", 1000, 32, input=_integers(20)),
    "embedding_bag": _weighted("embedding_bag", 1000, 32, input=_integers(20)),
    "linear": _weighted("linear", 10, 16, input=[16]),
    "prelu": _weighted("prelu", 16, input=[16]),
    "linear_cross_entropy": {
        "inputs": {"x": [16], "target": _integers()},
        "ModuleDict": {
            "weight": {"Parameter": [10, 16]},
            "loss": {"linear_cross_entropy": {"reduction": "none"}, "from": ["x", "weight", "target"]},
        },
    },
    "ctc_loss": {
        "inputs": {
            "scores": [50, 20],
            "targets": _integers(10),
            "input_lengths": _integers(),
            "target_lengths": _integers(),
        },
        "ModuleDict": {
            "log_probs": {"log_softmax": 2, "from": "scores"},
            "by_time": {"transpose": {"dim0": 0, "dim1": 1}},
            "loss": {
                "ctc_loss": {"reduction": "none"},
                "from": ["by_time", "targets", "input_lengths", "target_lengths"],
            },
        },
    },
}
"""Networks of layers and functions that need others beside them."""
