"""Tables of experiments that show a loss, an optimizer, a scheduler or a data set in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
"""A file, or a part of one, as plain data."""

CLASSIFIER: Document = {
    "data": {"dataset": "MNIST5k"},
    "model": {"Sequential": ["Flatten", {"Linear": 10}]},
    "loss": "CrossEntropyLoss",
    "optimizer": {"AdamW": {"lr": 0.001}},
}
SAME_SIZE = {"Conv2d": {"out_channels": 1, "kernel_size": 3, "padding": 1}}
IMAGES: Document = {**CLASSIFIER, "model": {"Sequential": [SAME_SIZE]}}
"""A network whose output is compared with the image."""

COLUMNS: Document = {
    "fields": {"size": {"number": ["width", "height"]}, "species": "category"},
    "target": "species",
}
TABLE: Document = {
    **CLASSIFIER,
    "data": {"dataset": {"Csv": {"path": "data.csv"}}, **COLUMNS},
    "model": {"Sequential": [{"Linear": 16}, "ReLU", {"Linear": "$num_classes"}]},
}
"""A network that takes a vector of columns, and tells the category of another."""

LAYER: tuple[str, Any, list[int]] = ("Linear", 10, [16])
FILTERS: tuple[str, Any, list[int]] = ("Conv1d", {"out_channels": 16, "kernel_size": 3}, [8, 16])
"""Layers whose weights are initialised, with their arguments and the shape of their input."""

CLASS_LOSSES = (
    *("AdaptiveLogSoftmaxWithLoss", "CrossEntropyLoss", "LinearCrossEntropyLoss"),
    *("MultiMarginLoss", "NLLLoss"),
)
"""Losses that take the number of a class."""

LAST_LAYERS: Mapping[str, Any] = {"BCELoss": "Sigmoid", "NLLLoss": {"LogSoftmax": 1}}
"""What a loss wants its input to have been through."""

PLUS_MINUS_ONE = ("HingeEmbeddingLoss", "SoftMarginLoss")
"""Losses whose targets are -1 and 1."""


def _heads(*names: str, size: int) -> Document:
    """A network with several outputs."""
    heads: Document = {name: {"Linear": size, "from": "flat"} for name in names}
    return {"ModuleDict": {"flat": "Flatten", **heads}, "output": {name: name for name in names}}


_LABELLED = {"image": [1, 28, 28], "target": {"shape": [], "dtype": "int64"}}

LOSSES: Mapping[str, tuple[Document, tuple[Any, ...]]] = {
    "CosineEmbeddingLoss": (
        _heads("first", "second", size=16),
        ("output.first", "output.second", {"expr": "2 * (target > 4) - 1"}),
    ),
    "CTCLoss": (
        {
            "inputs": _LABELLED,
            "ModuleDict": {
                "rows": {"squeeze": 1, "from": "image"},
                "scores": {"Linear": 11},
                "log_probs": {"log_softmax": 2},
                "by_time": {"transpose": {"dim0": 0, "dim1": 1}},
                "targets": {"unsqueeze": 1, "from": "target"},
                "num_rows": {"full_like": 28, "from": "target"},
                "num_targets": {"ones_like": None, "from": "target"},
            },
            "output": ["by_time", "targets", "num_rows", "num_targets"],
        },
        ("output.0", "output.1", "output.2", "output.3"),
    ),
    "GaussianNLLLoss": (
        {
            "ModuleDict": {
                "mean": SAME_SIZE,
                "scale": {**SAME_SIZE, "from": "input"},
                "var": "Softplus",
            },
            "output": {"mean": "mean", "var": "var"},
        },
        ("output.mean", "image", "output.var"),
    ),
    "KLDivLoss": (
        {
            "ModuleDict": {
                "flat": "Flatten",
                "student": {"Sequential": [{"Linear": 10}, {"LogSoftmax": 1}]},
                "teacher": {"Sequential": [{"Linear": 10}, {"Softmax": 1}], "from": "flat"},
            },
            "output": {"student": "student", "teacher": "teacher"},
        },
        ("output.student", "output.teacher"),
    ),
    "MarginRankingLoss": (
        _heads("first", "second", size=1),
        ("output.first", "output.second", {"expr": "2 * unsqueeze(target > 4, 1) - 1"}),
    ),
    "MultiLabelMarginLoss": (
        {
            "inputs": _LABELLED,
            "ModuleDict": {
                "flat": {"Flatten": None, "from": "image"},
                "scores": {"Linear": 10},
                "first": {"unsqueeze": 1, "from": "target"},
                "labels": {"pad": {"pad": [0, 9], "value": -1}},
            },
            "output": {"scores": "scores", "labels": "labels"},
        },
        ("output.scores", "output.labels"),
    ),
    "MultiLabelSoftMarginLoss": (
        {
            "inputs": _LABELLED,
            "ModuleDict": {
                "flat": {"Flatten": None, "from": "image"},
                "scores": {"Linear": 10},
                "labels": {"one_hot": 10, "from": "target"},
            },
            "output": {"scores": "scores", "labels": "labels"},
        },
        ("output.scores", "output.labels"),
    ),
    **{
        name: (
            _heads("anchor", "positive", "negative", size=16),
            ("output.anchor", "output.positive", "output.negative"),
        )
        for name in ("TripletMarginLoss", "TripletMarginWithDistanceLoss")
    },
}
"""Losses that take parts of an output: the network, and `from`."""

_TWO_CLASSES: Document = {
    **CLASSIFIER,
    "model": {"Sequential": ["Flatten", {"Linear": 1}, {"squeeze": 1}]},
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", {"expr": "target > 4"}]},
}
_LABELS: Document = {
    **CLASSIFIER,
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", {"expr": "one_hot(target, 10)"}]},
}


def _both(formula: str, *names: str) -> tuple[Any, ...]:
    """The same expression of several values."""
    return tuple({"expr": formula.replace("{}", name)} for name in names or ("output", "image"))


LABELS = ("CelebA",)
"""Data sets that tell for each of 40 labels whether it holds."""

SEVERAL_LABELS: Document = {
    **CLASSIFIER,
    "model": {"Sequential": ["Flatten", {"Linear": 40}]},
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", {"expr": "float(target)"}]},
}

_CHOSEN = ({"expr": "argmax(output, 1)"}, "target")
_VECTORS = _both("flatten({}, 1)")

METRICS: Mapping[str, tuple[Document, tuple[Any, ...]]] = {
    "torchmetrics.aggregation.*": (CLASSIFIER, ("output",)),
    "torchmetrics.audio.Complex*": (IMAGES, _both("stack([{}, {}], 4)")),
    "torchmetrics.audio.*": (IMAGES, _both("flatten({}, 2)")),
    "torchmetrics.classification.LogAUC": (_TWO_CLASSES, ("output", {"expr": "target > 4"})),
    "torchmetrics.classification.Binary*": (_TWO_CLASSES, ("output", {"expr": "target > 4"})),
    "torchmetrics.classification.Multilabel*": (_LABELS, ("output", {"expr": "one_hot(target, 10)"})),
    "torchmetrics.classification.*ExactMatch": (
        CLASSIFIER,
        ({"expr": "unsqueeze(output, 2)"}, {"expr": "unsqueeze(target, 1)"}),
    ),
    "torchmetrics.classification.*": (CLASSIFIER, ()),
    "torchmetrics.clustering.[CD]a*Score": (CLASSIFIER, ("output", "target")),
    "torchmetrics.clustering.DunnIndex": (CLASSIFIER, ("output", "target")),
    "torchmetrics.clustering.*": (CLASSIFIER, _CHOSEN),
    "torchmetrics.image.MultiScale*": (IMAGES, _both("interpolate({}, [192, 192])")),
    "torchmetrics.image.Spectral*": (IMAGES, _both("cat([{}, 1 - {}], 1)")),
    "torchmetrics.image.TotalVariation": (IMAGES, ("output",)),
    "torchmetrics.image.VisualInformationFidelity": (IMAGES, _both("interpolate({}, [56, 56])")),
    "torchmetrics.image.*": (IMAGES, ("output", "image")),
    "torchmetrics.nominal.FleissKappa": (CLASSIFIER, ({"expr": "one_hot(target, 10)"},)),
    "torchmetrics.nominal.*": (CLASSIFIER, _CHOSEN),
    "torchmetrics.regression.Continuous*": (CLASSIFIER, ("output", {"expr": "float(target)"})),
    "torchmetrics.regression.CosineSimilarity": (IMAGES, _VECTORS),
    "torchmetrics.regression.JensenShannonDivergence": (IMAGES, _both("softmax(flatten({}, 1), 1)")),
    "torchmetrics.regression.KLDivergence": (IMAGES, _both("softmax(flatten({}, 1), 1)")),
    "torchmetrics.regression.Mean[AS]*Error": (IMAGES, ("output", "image")),
    "torchmetrics.regression.*": (IMAGES, _both("mean({}, [1, 2, 3])")),
    "torchmetrics.retrieval.*": (CLASSIFIER, ({"expr": "output[:, 0]"}, {"expr": "target == 0"}, "target")),
    "torchmetrics.segmentation.*": (IMAGES, _both("long({}[:, 0] > 0.5)")),
    "torchmetrics.shape.*": (IMAGES, _both("squeeze({}, 1)")),
}
"""Metrics by where they are (the first that matches holds): the experiment, and what it says of `from`."""

OPTIONS: Mapping[str, Document] = {
    "AdaptiveLogSoftmaxWithLoss": {"n_classes": 10, "cutoffs": [5]},
    "CyclicLR": {"base_lr": 0.001, "max_lr": 0.01, "step_size_up": 100},
    "DiceScore": {"num_classes": 2, "input_format": "index"},
    **{f"{task}EER": {"average": "macro"} for task in ("", "Multiclass")},
    "ExponentialLR": {"gamma": 0.995},
    "GeneralizedDiceScore": {"num_classes": 2, "input_format": "index"},
    "HausdorffDistance": {"num_classes": 2, "input_format": "index"},
    "LinearCrossEntropyLoss": {"num_classes": 10},
    **{f"{task}LogAUC": {"average": "macro"} for task in ("Multiclass", "Multilabel")},
    "MeanIoU": {"num_classes": 2, "input_format": "index"},
    "MinkowskiDistance": {"p": 2},
    "Npz": {"path": "data.npz", "arrays": {"image": "x_train", "target": "y_train"}},
    "Normalize": {"mean": 0.1307, "std": 0.3081},
    "Parquet": {"path": "data.parquet"},
    "ColorJitter": {"brightness": 0.4, "contrast": 0.4},
    "RandomAffine": {"degrees": 15, "translate": [0.1, 0.1], "scale": [0.9, 1.1]},
    "RandomApply": {"transforms": [{"GaussianBlur": 3}], "p": 0.2},
    "RandomChoice": {"transforms": ["RandomHorizontalFlip", {"RandomRotation": 10}]},
    "RandomCrop": {"size": 28, "padding": 2},
    "RandomOrder": {"transforms": ["RandomHorizontalFlip", {"ColorJitter": 0.4}]},
    "RandomResize": {"min_size": 28, "max_size": 36},
    "RandomShortestSize": {"min_size": [28, 32, 36]},
    "ScaleJitter": {"target_size": [28, 28]},
    "ReduceLROnPlateau": {"patience": 3},
    "SignalDistortionRatio": {"filter_length": 32},
    "SequentialLR": {
        "schedulers": [{"LinearLR": {"start_factor": 0.1}}, "CosineAnnealingLR"],
        "milestones": [100],
    },
}
"""Arguments that show more than the required ones would."""

AFTER: Mapping[str, list[Any]] = {
    name: [{"Resize": [28, 28]}]
    for name in ("RandomResize", "RandomShortestSize", "RandomZoomOut", "ScaleJitter")
}
"""What must follow a transform that gives images of different sizes."""

REFUSED: Mapping[str, str] = {
    "SparseAdam": "takes sparse gradients alone, and the gradients of a network are dense",
}
"""Optimizers that no experiment can use."""

MODELS: Mapping[str, Document] = {
    "Muon": {"Sequential": ["Flatten", {"Linear": {"out_features": 10, "bias": False}}]},
}
"""Networks for optimizers that don't take any."""
