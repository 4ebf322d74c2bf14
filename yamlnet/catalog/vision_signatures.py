"""The installed torchvision in; the entries of its modules, models, labelled images and transforms out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from yamlnet.catalog import overrides, transforms
from yamlnet.catalog.builders import ask, class_of
from yamlnet.catalog.entry import Entry
from yamlnet.catalog.inspection import builder_entry, class_entry, classes_of, inputs_of, parameters_of
from yamlnet.catalog.parameters import option, visible
from yamlnet.catalog.stubs import UNREADABLE, Declared
from yamlnet.catalog.vision import import_torchvision
from yamlnet.catalog.vision_sets import SETS


def entries() -> list[Entry]:
    """Every entry that comes from torchvision, by name.

    Raises:
        YamlnetError: torchvision can't be imported.
    """
    torchvision = import_torchvision()
    found = [
        *_modules(torchvision.ops),
        *_models(torchvision.models),
        *_datasets(torchvision.datasets),
        *_transforms(),
    ]
    return sorted(found, key=lambda entry: entry.name)


def _modules(ops: ModuleType) -> Iterator[Entry]:
    from torch import nn

    for name, module in classes_of(ops, nn.Module, overrides.NOT_OPS):
        target = f"torchvision.ops.{name}"
        yield replace(class_entry("module", name, target, module), inputs=inputs_of(module, target))


def _transforms() -> Iterator[Entry]:
    v2 = import_module("torchvision.transforms.v2")
    for name, transform in classes_of(v2, v2.Transform, transforms.NOT_TRANSFORMS):
        yield class_entry("transform", name, f"{transforms.PLACE}{name}", transform)


def _models(models: ModuleType) -> Iterator[Entry]:
    for name in models.list_models(module=models):
        builder, weights = models.get_model_builder(name), models.get_model_weights(name)
        target = f"torchvision.models.{name}"
        literals = ", ".join(map(repr, sorted(weights.__members__)))
        declared = [Declared("weights", f"Literal[{literals}] | None", None), *_taken(builder, name)]
        for added in overrides.first(overrides.IN_BUILDERS, target) or ():
            declared.append(Declared(*added, keyword_only=True))
        inputs = inputs_of(class_of(builder), target)
        yield builder_entry(f"torchvision.{name}", target, builder, declared, inputs)


def _datasets(datasets: ModuleType) -> Iterator[Entry]:
    """The sets of labelled images that this release has."""
    for name, known in SETS.items():
        made = getattr(datasets, name, None)
        if made is not None:
            target = f"torchvision.datasets.{name}"
            declared = visible(target, _with_inherited(made))
            parameters = {each.name: option(target, each) for each in declared}
            yield Entry(name, "dataset", target, parameters, known.summary)


def _with_inherited(cls: type) -> list[Declared]:
    """The parameters of a class; what it takes as `**kwargs` are those of the class that it is made of."""
    signature = inspect.signature(cls)
    found = list(parameters_of(signature))
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        named = {each.name for each in found}
        found += [each for each in _with_inherited(cls.__mro__[1]) if each.name not in named]
    return found


def _taken(builder: Callable[..., Any], name: str) -> Iterator[Declared]:
    """The parameters of a model's class that its builder leaves open, with the builder's defaults."""
    with _without_weights(name):
        own = ask(builder, {})
        for parameter in parameters_of(inspect.signature(class_of(builder))):
            if _is_open(builder, parameter.name):
                default = own.get(parameter.name, parameter.default)
                yield replace(parameter, default=_writable(default), keyword_only=True)


def _is_open(builder: Callable[..., Any], parameter: str) -> bool:
    """Whether what is said of a parameter reaches the class."""
    said = object()
    try:
        return ask(builder, {parameter: said}).get(parameter) is said
    except (TypeError, ValueError):
        return False


def _writable(default: Any) -> Any:
    """A default, unless a file has no words for it, such as a function with arguments."""
    plain = isinstance(default, bool | int | float | str | tuple | type | None)
    return default if plain else UNREADABLE


def _without_weights(name: str) -> AbstractContextManager[Any]:
    """Saves the drawing of weights: the builders of VGG construct layers before their class."""
    import torch

    return torch.device("meta") if name.startswith("vgg") else nullcontext()
