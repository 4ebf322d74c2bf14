"""The modules and models of torchvision are all known, and take what torchvision takes."""

from __future__ import annotations

import inspect
from fnmatch import fnmatchcase
from typing import Any

import pytest
from torch import nn

from tests.catalog.test_signatures import MODELS, OF_TORCHVISION, identify, in_python
from yamlnet.catalog import overrides, vision_signatures
from yamlnet.catalog.builders import ask, class_of
from yamlnet.catalog.entry import Entry
from yamlnet.catalog.vision import import_torchvision


def builder_of(entry: Entry) -> Any:
    return import_torchvision().models.get_model_builder(entry.name.removeprefix("torchvision."))


def test_no_module_of_torchvision_is_missing_without_a_reason() -> None:
    ops = import_torchvision().ops
    classes = {
        name for name, value in vars(ops).items() if inspect.isclass(value) and issubclass(value, nn.Module)
    }
    left_out = {name for name in classes if any(fnmatchcase(name, p) for p in overrides.NOT_OPS)}
    assert left_out
    assert classes - {entry.name for entry in OF_TORCHVISION} == left_out


def test_every_classification_model_of_torchvision_is_known() -> None:
    models = import_torchvision().models
    assert [entry.name for entry in MODELS] == [f"torchvision.{n}" for n in models.list_models(models)]
    assert all("num_classes" in entry.options for entry in MODELS)


@pytest.mark.parametrize("entry", MODELS, ids=identify)
def test_defaults_of_models_are_torchvisions_own(entry: Entry) -> None:
    builder = builder_of(entry)
    declared = inspect.signature(class_of(builder)).parameters
    with vision_signatures._without_weights(builder.__name__):
        plain = ask(builder, {})
        said = {p.name: in_python(p) for p in entry.options.values() if p.default is not None}
        full = ask(builder, said)
    for name in said.keys() & declared.keys():
        assert full[name] == plain.get(name, declared[name].default)


def test_what_builders_fix_is_not_offered() -> None:
    offered = {entry.name: set(entry.options) for entry in MODELS}
    assert not {name for names in offered.values() for name in names} & {"block", "layers", "progress"}
    assert {"groups", "width_per_group"} <= offered["torchvision.resnet50"]
    assert not {"groups", "width_per_group"} & offered["torchvision.resnext50_32x4d"]
    assert "norm_layer" in offered["torchvision.efficientnet_b4"]
    assert "norm_layer" not in offered["torchvision.efficientnet_b5"]


def test_builders_are_only_asked() -> None:
    resnet = import_torchvision().models.resnet18
    constructor = class_of(resnet).__init__
    assert ask(resnet, {"num_classes": 3, "weights": None})["num_classes"] == 3
    with pytest.raises(ValueError, match="expected value 1000"):
        ask(resnet, {"num_classes": 3, "weights": "DEFAULT"})
    with pytest.raises(TypeError, match="nothing"):
        ask(resnet, {"nothing": 3})
    assert class_of(resnet).__init__ is constructor
    assert isinstance(resnet(), nn.Module)


def test_what_builders_take_beside_their_class_is_taken() -> None:
    for pattern, added in overrides.IN_BUILDERS.items():
        matching = [entry for entry in MODELS if fnmatchcase(entry.target, pattern)]
        assert matching
        for entry in matching:
            names = {name for name, _, _ in added}
            assert names <= set(entry.options)
            assert not names & set(inspect.signature(class_of(builder_of(entry))).parameters)
            builder_of(entry)(**{name: default for name, _, default in added})
