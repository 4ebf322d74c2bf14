"""Typos -> the name that was meant, over the whole catalogue."""

from __future__ import annotations

import pytest

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import KINDS, Kind
from yamlnet.diagnostics import did_you_mean, nearest


@pytest.mark.parametrize(
    ("typo", "kind", "meant"),
    [
        ("Conv2D", "module", "Conv2d"),
        ("conv2d", "module", "Conv2d"),
        ("Cnov2d", "module", "Conv2d"),
        ("Linaer", "module", "Linear"),
        ("Lin", "module", None),
        ("relu", "module", "ReLU"),
        ("Relu", "module", "ReLU"),
        ("LeakyRelu", "module", "LeakyReLU"),
        ("leaky_relu", "module", "LeakyReLU"),
        ("Dropuot", "module", "Dropout"),
        ("Flaten", "module", "Flatten"),
        ("Batchnorm2d", "module", "BatchNorm2d"),
        ("batch_norm_2d", "module", "BatchNorm2d"),
        ("MaxPooling2D", "module", "MaxPool2d"),
        ("MultiHeadAttention", "module", "MultiheadAttention"),
        ("TransformerEncoderLayr", "module", "TransformerEncoderLayer"),
        ("softmax", "function", "softmax"),
        ("concat", "function", None),
        ("CrossEntropy", "loss", "CrossEntropyLoss"),
        ("Crossentropyloss", "loss", "CrossEntropyLoss"),
        ("MSE", "loss", None),
        ("MSELos", "loss", "MSELoss"),
        ("adam", "optimizer", "Adam"),
        ("adamw", "optimizer", "AdamW"),
        ("sgd", "optimizer", "SGD"),
        ("OneCycle", "scheduler", "OneCycleLR"),
        ("CosineAnnealing", "scheduler", "CosineAnnealingLR"),
        ("ReduceLROnPlateu", "scheduler", "ReduceLROnPlateau"),
        ("kaiming_normal_", "init", "kaiming_normal"),
        ("xavier-uniform", "init", "xavier_uniform"),
        ("acuracy", "metric", "Accuracy"),
        ("F1", "metric", None),
        ("MNIST5K", "dataset", "MNIST5k"),
        ("mnist", "dataset", "MNIST"),
        ("MNIST5", "dataset", "MNIST5k"),
        ("Normalise", "transform", "Normalize"),
        ("RandomHorizontalflip", "transform", "RandomHorizontalFlip"),
        ("Quantumizer", "module", None),
        ("x", "module", None),
        ("", "module", None),
    ],
)
def test_the_nearest_name(typo: str, kind: Kind, meant: str | None) -> None:
    assert nearest(typo, lookup.names(kind)) == meant


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_name_is_nearest_to_itself(kind: Kind) -> None:
    for name in lookup.names(kind):
        assert nearest(name, lookup.names(kind)) == name


@pytest.mark.parametrize("kind", KINDS)
def test_one_doubled_letter_is_forgiven(kind: Kind) -> None:
    names = lookup.names(kind)
    for name in (name for name in names if len(name) > 5):
        near = {name, "randn_like"} if name == "rand_like" else {name}
        assert nearest(name[:3] + name[2:], names) in near


@pytest.mark.parametrize(
    ("name", "known", "help", "suggestion"),
    [
        ("epoch", ["epochs", "steps"], "did you mean `epochs`?", "epochs"),
        ("colour", ["b", "a"], "choose from `a`, `b`", None),
        ("colour", ["a"], "there is only `a`", None),
        ("colour", [], None, None),
        ("colour", map(str, range(21)), None, None),
    ],
)
def test_at_most_one_name_is_offered_else_the_choices(
    name: str, known: list[str], help: str | None, suggestion: str | None
) -> None:
    assert did_you_mean(name, known) == (help, suggestion)
