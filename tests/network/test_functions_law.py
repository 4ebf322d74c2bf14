"""Every function of the catalogue that takes tensors alone: a file with just that node calls torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import yamlnet
from tests.network.inputs import Case, Given, case, document, integers
from tests.network.laws import outputs, same
from yamlnet.catalog import types
from yamlnet.catalog.lookup import find, names

VIDEO = (8, 6, 6, 6)
VECTOR, NONE = Given((6,)), {"reduction": "none"}
LABELS = integers(below=6)
SPECIAL = {
    "cat": Case((Given((8, 6)), Given((5, 6)), Given((1, 6))), {"dim": 1}),
    "cosine_embedding_loss": Case((VECTOR, VECTOR, Given(())), NONE),
    "cross_entropy": Case((VECTOR, LABELS), {**NONE, "label_smoothing": 0.1}),
    "flatten": Case((Given((8, 6)),), {"start_dim": 1}),
    "fold": Case((Given((16, 9)),), {"output_size": [4, 4], "kernel_size": [2, 2]}),
    "fractional_max_pool2d": Case((Given((8, 6, 6)),), {"kernel_size": 2, "output_size": 3}),
    "fractional_max_pool3d": Case((Given(VIDEO),), {"kernel_size": 2, "output_size": 3}),
    "interpolate": Case((Given((8, 6, 6)),), {"scale_factor": 2.0, "mode": "bilinear"}),
    "matmul": Case((Given((8, 6)), Given((6, 5)))),
    "margin_ranking_loss": Case((Given(()), Given(()), Given(())), NONE),
    "max_unpool1d": Case((Given((8, 6)), integers(8, 6, below=12)), {"kernel_size": 2}),
    "max_unpool2d": Case((Given((8, 6, 6)), integers(8, 6, 6, below=144)), {"kernel_size": 2}),
    "max_unpool3d": Case((Given(VIDEO), integers(*VIDEO, below=1728)), {"kernel_size": 2}),
    "mean": Case((Given((8, 6)),), {"dim": [1, 2], "keepdim": True}),
    "multi_margin_loss": Case((VECTOR, LABELS), NONE),
    "multilabel_margin_loss": Case((VECTOR, integers(6, below=6)), NONE),
    "nll_loss": Case((VECTOR, LABELS), NONE),
    "pixel_shuffle": Case((Given((8, 6, 6)),), {"upscale_factor": 2}),
    "pixel_unshuffle": Case((Given((8, 6, 6)),), {"downscale_factor": 2}),
    "stack": Case((Given((8, 6)), Given((8, 6))), {"dim": 2}),
    "sum": Case((Given((8, 6)),), {"dim": 1}),
}
NEEDS_PARAMETERS = "its weight is no sample of a batch"
NO_CASE = {
    **dict.fromkeys(
        "bilinear linear linear_cross_entropy embedding embedding_bag prelu".split(), NEEDS_PARAMETERS
    ),
    **{f"{name}{axes}d": NEEDS_PARAMETERS for name in ("conv", "conv_transpose") for axes in (1, 2, 3)},
    "ctc_loss": "its first input has the batch as second axis",
}


def call(name: str, chosen: Case, batch: tuple[Tensor, ...]) -> Tensor:
    entry = find(name, "function")
    assert entry is not None
    options = {
        key: types.to_python(entry.parameters[key].type, value) for key, value in chosen.options.items()
    }
    if "shape" in options:
        options["shape"] = tuple(len(batch[0]) if size == "batch" else size for size in options["shape"])
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    found: Tensor = (
        function(list(batch), **options) if name in ("cat", "stack") else function(*batch, **options)
    )
    return found


@pytest.mark.parametrize("name", [name for name in names("function") if name not in NO_CASE])
def test_a_function_alone(name: str) -> None:
    entry = find(name, "function")
    assert entry is not None
    chosen = case(entry, SPECIAL)
    built = yamlnet.build(document(name, chosen))
    assert not built.state_dict()
    torch.manual_seed(0)
    for size in (3, 5):
        batch = tuple(given.tensor(size) for given in chosen.inputs)
        expected = outputs(lambda *tensors: call(name, chosen, tensors), batch, training=True)
        same(outputs(built, batch, training=True), expected)


def test_the_tables_speak_of_functions() -> None:
    assert set(SPECIAL) | set(NO_CASE) <= set(names("function"))
    assert not set(SPECIAL) & set(NO_CASE)
