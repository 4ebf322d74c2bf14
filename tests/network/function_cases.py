"""Inputs and options for the functions of the catalogue that the common ones don't fit."""

from __future__ import annotations

from tests.network.inputs import Case, Given, integers

VIDEO = (8, 6, 6, 6)
VECTOR, NONE = Given((6,)), {"reduction": "none"}
MATRIX, FLAGS = Given((8, 6)), Given((8, 6), "bool")
LABELS = integers(below=6)
NEEDS_PARAMETERS = "its weight is no sample of a batch"

JOINED = {
    "cat": Case((MATRIX, Given((5, 6)), Given((1, 6))), {"dim": 1}),
    "stack": Case((MATRIX, MATRIX), {"dim": 2}),
    "einsum": Case((MATRIX, Given((6, 5))), {"equation": "bij,bjk->bik"}),
    "matmul": Case((MATRIX, Given((6, 5)))),
    "bmm": Case((MATRIX, Given((6, 5)))),
    "outer": Case((Given(()), Given(()))),
    "scaled_dot_product_attention": Case((MATRIX, Given((5, 6)), Given((5, 4))), {"scale": 0.5}),
}
IMAGES = {
    "affine_grid": Case((Given((2, 3)),), {"size": ["batch", 3, 4, 5], "align_corners": False}),
    "grid_sample": Case((Given((8, 6, 6)), Given((4, 5, 2))), {"mode": "nearest", "align_corners": True}),
    "fold": Case((Given((16, 9)),), {"output_size": [4, 4], "kernel_size": [2, 2]}),
    "fractional_max_pool2d": Case((Given((8, 6, 6)),), {"kernel_size": 2, "output_size": 3}),
    "fractional_max_pool3d": Case((Given(VIDEO),), {"kernel_size": 2, "output_size": 3}),
    "interpolate": Case((Given((8, 6, 6)),), {"scale_factor": 2.0, "mode": "bilinear"}),
    "max_unpool1d": Case((MATRIX, integers(8, 6, below=12)), {"kernel_size": 2}),
    "max_unpool2d": Case((Given((8, 6, 6)), integers(8, 6, 6, below=144)), {"kernel_size": 2}),
    "max_unpool3d": Case((Given(VIDEO), integers(*VIDEO, below=1728)), {"kernel_size": 2}),
    "pixel_shuffle": Case((Given((8, 6, 6)),), {"upscale_factor": 2}),
    "pixel_unshuffle": Case((Given((8, 6, 6)),), {"downscale_factor": 2}),
}
LOSSES = {
    "cosine_embedding_loss": Case((VECTOR, VECTOR, Given(())), NONE),
    "cross_entropy": Case((VECTOR, LABELS), {**NONE, "label_smoothing": 0.1}),
    "margin_ranking_loss": Case((Given(()), Given(()), Given(())), NONE),
    "multi_margin_loss": Case((VECTOR, LABELS), NONE),
    "multilabel_margin_loss": Case((VECTOR, integers(6, below=6)), NONE),
    "nll_loss": Case((VECTOR, LABELS), NONE),
}
REDUCED = {
    **{name: Case((MATRIX,), {"dim": 1}) for name in "sum max min median argmax argmin var any all".split()},
    **{name: Case((MATRIX,), {"dim": [1, 2], "keepdim": True}) for name in ("mean", "amax", "amin")},
    "std": Case((MATRIX,), {"dim": 2, "correction": 0}),
    "prod": Case((MATRIX,), {"dim": 1, "keepdim": True}),
    "count_nonzero": Case((MATRIX,), {"dim": [1, 2]}),
    "logsumexp": Case((MATRIX,), {"dim": [1, 2]}),
}
SHAPED = {
    "broadcast_to": Case((Given((1, 6)),), {"size": ["batch", 8, 6]}),
    "expand": Case((Given((1, 6)),), {"size": ["batch", 8, -1]}),
    "expand_as": Case((Given((1, 6)), MATRIX)),
    "flatten": Case((MATRIX,), {"start_dim": 1}),
    "flip": Case((MATRIX,), {"dims": [1, 2]}),
    "movedim": Case((MATRIX,), {"source": [1], "destination": [-1]}),
    "narrow": Case((MATRIX,), {"dim": 1, "start": 2, "length": 3}),
    "repeat_interleave": Case((MATRIX,), {"repeats": 2, "dim": 1}),
    "roll": Case((MATRIX,), {"shifts": [1, 2], "dims": [1, 2]}),
    "select": Case((MATRIX,), {"dim": 1, "index": -1}),
    "unsqueeze": Case((MATRIX,), {"dim": 1}),
    "squeeze": Case((Given((1, 6)),), {"dim": 1}),
    "swapaxes": Case((MATRIX,), {"axis0": 1, "axis1": 2}),
    "tile": Case((MATRIX,), {"dims": [1, 1, 2]}),
    "unflatten": Case((MATRIX,), {"dim": 1, "sizes": [2, -1]}),
    "view": Case((MATRIX,), {"size": ["batch", 48]}),
}
PARTS = {
    "chunk": Case((MATRIX,), {"chunks": 2, "dim": 1}),
    "split": Case((MATRIX,), {"split_size_or_sections": [3, 5], "dim": 1}),
    "tensor_split": Case((MATRIX,), {"indices": [1, 4], "dim": 1}),
    "topk": Case((MATRIX,), {"k": 2}),
    "sort": Case((MATRIX,), {"dim": 1, "descending": True, "stable": True}),
    "unbind": Case((MATRIX,), {"dim": 1}),
}
CHOSEN = {
    "gather": Case((MATRIX, integers(3, 6, below=8)), {"dim": 1}),
    "index_select": Case((MATRIX, LABELS), {"dim": 2}),
    "take_along_dim": Case((MATRIX, integers(3, 6, below=8)), {"dim": 1}),
    "one_hot": Case((integers(8, below=6),), {"num_classes": 6}),
    "masked_fill": Case((MATRIX, FLAGS), {"value": -1.0}),
    "where": Case((FLAGS, MATRIX, MATRIX)),
    "clamp": Case((MATRIX,), {"min": 0.2}),
    "diagonal": Case((MATRIX,), {"dim1": 1, "dim2": 2}),
    "gumbel_softmax": Case((MATRIX,), {"hard": True}),
    "full_like": Case((MATRIX,), {"fill_value": 2.5}),
    "pow": Case((MATRIX,), {"exponent": 2}),
    "cumsum": Case((MATRIX,), {"dim": 1}),
    "cumprod": Case((MATRIX,), {"dim": 1}),
    "lerp": Case((MATRIX, MATRIX, MATRIX)),
}
SPECIAL = JOINED | IMAGES | LOSSES | REDUCED | SHAPED | PARTS | CHOSEN
NO_CASE = {
    **dict.fromkeys(
        "bilinear linear linear_cross_entropy embedding embedding_bag prelu".split(), NEEDS_PARAMETERS
    ),
    **{f"{name}{axes}d": NEEDS_PARAMETERS for name in ("conv", "conv_transpose") for axes in (1, 2, 3)},
    "ctc_loss": "its first input has the batch as second axis",
}
