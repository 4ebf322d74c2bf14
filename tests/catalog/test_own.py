"""What stands for a class of torchvision has that class's parameters and defaults."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from yamlnet.catalog.entry import REQUIRED, Entry
from yamlnet.catalog.own import OWN
from yamlnet.catalog.vision import import_torchvision

OF_TORCHVISION = [entry for entries in OWN.values() for entry in entries.values() if entry.target]

OTHERWISE = {"root": "torchvision has no default folder", "download": "torchvision's default is not to"}


@pytest.mark.parametrize("entry", OF_TORCHVISION, ids=lambda entry: entry.name)
def test_parameters_are_torchvisions(entry: Entry) -> None:
    import_torchvision()
    module, _, name = entry.target.rpartition(".")
    declared = inspect.signature(getattr(import_module(module), name)).parameters
    for parameter in entry.parameters.values():
        assert parameter.name in declared
        if parameter.name not in OTHERWISE:
            default = declared[parameter.name].default
            assert parameter.default == (REQUIRED if default is inspect.Parameter.empty else default)
