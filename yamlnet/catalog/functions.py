"""The names of torch's own functions that are entries beside those of `torch.nn.functional`.

Chosen so that torchvision's classification models and what is commonly written by hand can be said; what a
function takes is read from torch.
"""

from __future__ import annotations

ARITHMETIC = "add sub mul div pow remainder maximum minimum lerp atan2".split()
PRODUCTS = "matmul bmm einsum outer".split()
ELEMENTWISE = """
    abs neg sign exp expm1 log log1p log2 sqrt rsqrt square reciprocal sin cos tan atan sinh cosh erf
    floor ceil round trunc clamp nan_to_num
""".split()
COMPARISONS = "eq ne lt le gt ge isnan isfinite logical_and logical_or logical_not where masked_fill".split()
REDUCTIONS = """
    sum mean prod amax amin max min median argmax argmin std var logsumexp any all count_nonzero
""".split()
ALONG_AN_AXIS = "cumsum cumprod sort argsort topk gather index_select take_along_dim".split()
JOINS = "cat stack".split()
PARTS = "chunk split tensor_split unbind select narrow diagonal tril triu".split()
SHAPES = """
    flatten unflatten reshape permute transpose swapaxes movedim squeeze unsqueeze
    broadcast_to tile repeat_interleave roll flip
""".split()
LIKENESSES = "zeros_like ones_like full_like rand_like randn_like bernoulli".split()

TORCH = (
    *(*ARITHMETIC, *PRODUCTS, *ELEMENTWISE, *COMPARISONS, *REDUCTIONS, *ALONG_AN_AXIS),
    *(*JOINS, *PARTS, *SHAPES, *LIKENESSES, "detach"),
)
"""Functions of torch."""

TENSOR = "contiguous expand expand_as float long view".split()
"""Methods of a tensor that torch has no function for; `repeat` is a word of the language, for `tile`."""

NOT_FUNCTIONAL = {
    "*dropout*": "takes `training`, which a graph can't keep; there are modules",
    "batch_norm": "takes `training`; there is BatchNorm1d to 3d",
    "instance_norm": "its `use_input_stats` stands for `training`; there is InstanceNorm1d to 3d",
    "rrelu": "takes `training`; there is RReLU",
    "multi_head_attention_forward": "takes `training`; there is MultiheadAttention",
    "*_with_indices": "what `return_indices` is for",
    "upsample*": "deprecated names of interpolate",
    "assert_int_or_pair": "no operation on tensors",
    "boolean_dispatch": "no operation on tensors",
    "conv_tbc": "has the batch as second axis",
    "grouped_mm": "for other hardware, in other number formats",
    "handle_torch_function": "no operation on tensors",
    "has_torch_function*": "no operation on tensors",
    "native_channel_shuffle": "what channel_shuffle calls",
    "pdist": "compares the samples of a batch with each other",
    "scaled_grouped_mm": "for other hardware, in other number formats",
    "scaled_mm": "for other hardware, in other number formats",
}
"""Functions of torch.nn.functional (patterns) that are no entries."""

SIGNATURES = {"einsum": (("equation", "str"), ("operands", "list[Tensor]"))}
"""Functions that declare `*args`: the names and annotations of what they take."""
