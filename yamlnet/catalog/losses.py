"""What torch's signatures don't tell of losses: functions that are classes too, and what they compare."""

from __future__ import annotations

from collections.abc import Mapping

from yamlnet.catalog.entry import Call

_UNLIKE: Mapping[str, str] = {
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
    "kl_div": "KLDivLoss",
}
"""Functions whose class isn't named like them."""

EQUAL: Mapping[str, int] = {
    **dict.fromkeys(("BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "GaussianNLLLoss"), 2),
    **dict.fromkeys(("HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss"), 2),
    **dict.fromkeys(("MultiLabelSoftMarginLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss"), 2),
    **dict.fromkeys(("MarginRankingLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss"), 3),
}
"""How many of its first inputs a loss compares number by number; torch would stretch one to the others."""

OF_CLASSES = frozenset({"CrossEntropyLoss", "MultiMarginLoss", "NLLLoss"})
"""Losses that take a number for each class, and the number of the right one."""

NUM_CLASSES: Mapping[str, str] = {
    "AdaptiveLogSoftmaxWithLoss": "n_classes",
    "LinearCrossEntropyLoss": "num_classes",
}
"""Losses whose weights make a number for each class of what they take, and the parameter that counts them."""

OF_VALUES = frozenset({"BCELoss", "HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"})
"""Losses that make an output equal its target: of two classes, the border is halfway, at 0.5."""

_CLASSES = {name.lower(): name for name in (*EQUAL, *OF_CLASSES)}


def loss_of(call: Call) -> str:
    """The loss of torch.nn that a call computes, be it written as a class or as a function."""
    name = call.name
    return _UNLIKE.get(name) or _CLASSES.get(name.replace("_", "").lower(), name)
