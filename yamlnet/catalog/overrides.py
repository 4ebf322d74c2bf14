"""The few facts about torch that its signatures don't tell, as tables with their reasons.

Keys are patterns of `fnmatch` for `TARGET.PARAMETER`, such as `torch.nn.Conv?d.padding`; the first that
matches holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from yamlnet.catalog.entry import REQUIRED, Inferred

T = TypeVar("T")


def first(table: Mapping[str, T], key: str) -> T | None:
    """What the table says about a parameter."""
    return next((value for pattern, value in table.items() if fnmatchcase(key, pattern)), None)


NOT_MODULES = {
    "Module": "the base of all; a network is written with containers",
    "Container": "deprecated alias of Module",
    "Sequential": "a container of the language",
    "ModuleDict": "a container of the language",
    "ModuleList": "a container of the language",
    "ParameterDict": "a value of the language, not a step",
    "ParameterList": "a value of the language, not a step",
    "RNNBase": "the base of RNN, LSTM and GRU; has no forward",
    "RNNCellBase": "the base of the cells; has no forward",
    "DataParallel": "wraps a whole network for several devices, which is the trainer's matter",
    "NLLLoss2d": "deprecated alias of NLLLoss",
    "Lazy*": "sizes are inferred for the plain classes",
}
"""Classes of torch.nn (patterns) that are no entries."""

NOT_OPTIMIZERS = {"Optimizer": "the base of all"}

NOT_SCHEDULERS = {
    "LRScheduler": "the base of all",
    "_LRScheduler": "deprecated alias of LRScheduler",
    "LambdaLR": "needs a Python function",
    "MultiplicativeLR": "needs a Python function",
}

NOT_FUNCTIONS = {
    "*dropout*": "takes `training`, which a graph can't keep; there are modules",
    "batch_norm": "takes `training`; there is BatchNorm1d to 3d",
    "instance_norm": "its `use_input_stats` stands for `training`; there is InstanceNorm1d to 3d",
    "rrelu": "takes `training`; there is RReLU",
    "multi_head_attention_forward": "takes `training`; there is MultiheadAttention",
    "*_with_indices": "what `return_indices` is for",
    "upsample*": "deprecated names of interpolate",
    "affine_grid": "no module in torch.nn",
    "assert_int_or_pair": "no operation on tensors",
    "boolean_dispatch": "no operation on tensors",
    "conv_tbc": "no module in torch.nn",
    "grid_sample": "no module in torch.nn",
    "grouped_mm": "no module in torch.nn",
    "gumbel_softmax": "no module in torch.nn",
    "handle_torch_function": "no operation on tensors",
    "has_torch_function*": "no operation on tensors",
    "native_channel_shuffle": "no module in torch.nn",
    "normalize": "no module in torch.nn",
    "one_hot": "no module in torch.nn",
    "pdist": "no module in torch.nn",
    "scaled_dot_product_attention": "no module in torch.nn",
    "scaled_grouped_mm": "no module in torch.nn",
    "scaled_mm": "no module in torch.nn",
}
"""Functions of torch.nn.functional (patterns) that are no entries."""

TORCH_FUNCTIONS = (
    "add",
    "sub",
    "mul",
    "div",
    "matmul",
    "cat",
    "stack",
    "flatten",
    "reshape",
    "permute",
    "transpose",
    "mean",
    "sum",
)
"""Functions of torch itself that are entries."""

SIGNATURES: dict[str, tuple[str, tuple[str, ...], tuple[tuple[str, str, str], ...]]] = {
    "LSTM": ("RNNBase", ("mode",), ()),
    "GRU": ("RNNBase", ("mode", "proj_size"), ()),
    "RNN": ("RNNBase", ("mode", "proj_size"), (("nonlinearity", "num_layers", "tanh"),)),
}
"""Classes that declare `*args`: the class that has the signature, what of it they refuse, and the texts they
take beside it: name, the parameter before, and default."""

HIDDEN = (
    "*.device",  # the trainer's matter, and dtype with it
    "*.dtype",
    "*.size_average",  # deprecated for `reduction`, and reduce with it
    "*.reduce",
    "*._*",  # private
    "*.out",  # writes into another tensor
    "torch.nn.functional.*.inplace",  # would change a value that other steps still use
    "torch.nn.init.*.generator",  # random numbers come from the run's seed
    "*.last_epoch",  # a resumed run knows it
    "torch.nn.SyncBatchNorm.process_group",  # an object that a file can't name
    "torch.nn.Hardtanh.m??_value",  # deprecated for min_val and max_val
    "torch.nn.*.options",  # tuning object of linear_cross_entropy
    "*.scale_fn",  # Python functions
    "torch.nn.functional.*.distance_function",
    "torch.optim.*.differentiable",  # refused by torch outside of a differentiated training loop
)
"""Parameters that a file can't set."""

SUPPLIED = ("torch.optim.*.params", "torch.optim.lr_scheduler.*.optimizer")
"""Parameters that yamlnet fills in."""

KEYWORD_ONLY = ("*.batch_first",)
"""Parameters that are never the positional argument, whatever torch says."""

INFERRED = {
    "torch.nn.Linear.in_features": Inferred(-1),
    "torch.nn.Bilinear.in1_features": Inferred(-1, input=0),
    "torch.nn.Bilinear.in2_features": Inferred(-1, input=1),
    "torch.nn.Conv*.in_channels": Inferred(1),
    "torch.nn.*Norm*.num_features": Inferred(1),
    "torch.nn.GroupNorm.num_channels": Inferred(1),
    "torch.nn.LayerNorm.normalized_shape": Inferred(-1, form="tuple"),
    "torch.nn.RMSNorm.normalized_shape": Inferred(-1, form="tuple"),
    "torch.nn.*.input_size": Inferred(-1),
    "torch.nn.MultiheadAttention.embed_dim": Inferred(-1),
    "torch.nn.MultiheadAttention.kdim": Inferred(-1, input=1, only_if_different="embed_dim"),
    "torch.nn.MultiheadAttention.vdim": Inferred(-1, input=2, only_if_different="embed_dim"),
    "torch.nn.Transformer*.d_model": Inferred(-1),
    "torch.nn.AdaptiveLogSoftmaxWithLoss.in_features": Inferred(-1),
    "torch.nn.LinearCrossEntropyLoss.in_features": Inferred(-1),
}
"""Sizes that follow from the inputs: what torch's lazy modules infer, and what follows in the same way."""

DEFAULTS: dict[str, Any] = {
    "torch.nn.*.batch_first": REQUIRED,  # torch's `False` would mix the samples of a batch
    "torch.nn.functional.gelu.approximate": "none",  # their stubs write `...`
    "torch.nn.functional.softplus.beta": 1.0,
    "torch.nn.functional.softplus.threshold": 20.0,
    "torch.nn.functional.softshrink.lambd": 0.5,
    "torch.optim.lr_scheduler.CosineAnnealingLR.T_max": None,  # null: the length of the run
    "torch.optim.lr_scheduler.*.total_iters": None,
}

TYPES = {
    "torch.optim.*.params": "any",
    "torch.optim.lr_scheduler.*.optimizer": "any",
    "torch.nn.MultiheadAttention.embed_dim": "int",  # has no annotations
    "torch.nn.MultiheadAttention.num_heads": "int",
    "torch.nn.MultiheadAttention.[kv]dim": "int | none",
    "torch.nn.Transformer.custom_*coder": "module | none",
    "torch.optim.lr_scheduler.*.schedulers": "list[scheduler]",
    "torch.nn.init.*.gain": "float | 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu'",
    "torch.reshape.shape": "tuple[int | 'batch', ...]",  # `batch` is the size of the batch
    "torch.nn.functional.gaussian_nll_loss.full": "bool",  # their stub allows null, they themselves don't
    "torch.nn.functional.gaussian_nll_loss.eps": "float",
    "torch.nn.functional.gaussian_nll_loss.reduction": "str",
    "torch.nn.functional.fractional_max_pool2d.output_ratio": "tuple[float, float] | none",  # takes its len()
    "torch.nn.AvgPool1d.stride": "int | tuple[int] | none",  # contradicts its own default
}
"""Types that the annotations don't say."""

_REDUCTIONS = "'none' | 'mean' | 'sum'"
_INTERPOLATIONS = (
    "'nearest' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area' | 'nearest-exact' | 'lanczos'"
)

CHOICES = {
    "torch.nn.KLDivLoss.reduction": "'none' | 'batchmean' | 'mean' | 'sum'",
    "torch.nn.functional.kl_div.reduction": "'none' | 'batchmean' | 'mean' | 'sum'",
    "*.reduction": _REDUCTIONS,
    "torch.nn.Conv?d.padding": "'same' | 'valid'",
    "torch.nn.functional.conv?d.padding": "'same' | 'valid'",
    "torch.nn.Upsample.mode": _INTERPOLATIONS,
    "torch.nn.functional.interpolate.mode": _INTERPOLATIONS,
    "torch.nn.EmbeddingBag.mode": "'sum' | 'mean' | 'max'",
    "torch.nn.functional.embedding_bag.mode": "'sum' | 'mean' | 'max'",
    "torch.nn.functional.pad.mode": "'constant' | 'reflect' | 'replicate' | 'circular'",
    "torch.nn.RNN*.nonlinearity": "'tanh' | 'relu'",
    "*.approximate": "'none' | 'tanh'",
    "torch.nn.Transformer*.activation": "'relu' | 'gelu'",
    "torch.div.rounding_mode": "'trunc' | 'floor'",
    "torch.optim.LBFGS.line_search_fn": "'strong_wolfe'",
    "torch.optim.Muon.adjust_lr_fn": "'original' | 'match_rms_adamw'",
}
"""The choices of parameters that are plain `str` in torch."""

SUMMARIES = {
    "torch.nn.CrossMapLRN2d": "Applies local response normalization across channels",
    "torch.nn.functional.pairwise_distance": "Computes the distance between each pair of input vectors",
}
"""Summaries of what torch doesn't describe."""

INPUT_NAMES = {"torch.nn.PoissonNLLLoss.log_input": "input"}
"""Inputs of a loss that are called as one of its options."""
