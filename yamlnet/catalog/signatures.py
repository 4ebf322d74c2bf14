"""The installed torch in; the catalogue's entries out, and as a program its files written anew."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from yamlnet import disk
from yamlnet.catalog import descriptions, functions, overrides, records
from yamlnet.catalog.entry import Entry
from yamlnet.catalog.inspection import class_entry, classes_of, function_entry, inputs_of, parameters_of
from yamlnet.catalog.parameters import matches
from yamlnet.catalog.stubs import Declared, read


def entries() -> list[Entry]:
    """Every entry that comes from torch, by kind and name."""
    found = [*_modules(), *_functions(), *_optimizers(), *_schedulers(), *_initialisers()]
    return sorted(found, key=lambda entry: (entry.kind, entry.name))


def main() -> None:
    """Write `torch.json`, `torchvision.json`, `torchmetrics.json` and `descriptions.json` anew."""
    import torch

    from yamlnet.catalog import measures, metric_signatures, vision, vision_signatures

    torchvision, torchmetrics = vision.import_torchvision(), measures.import_torchmetrics()
    of_torch, of_torchvision = entries(), vision_signatures.entries()
    made = (of_torch, of_torchvision, metric_signatures.entries())
    for package, found in zip((torch, torchvision, torchmetrics), made, strict=True):
        text = records.dump(package.__name__, package.__version__, found)
        disk.write(records.file(package.__name__), text.encode())
    described = descriptions.collect((*of_torch, *of_torchvision))
    disk.write(descriptions.FILE, descriptions.dump(described).encode())


def _modules() -> Iterator[Entry]:
    from torch import nn
    from torch.nn.modules import loss

    for name, module in classes_of(nn, nn.Module, overrides.NOT_MODULES):
        target = f"torch.nn.{name}"
        inputs = inputs_of(module, target)
        if module.__module__ == loss.__name__ or name in overrides.LOSSES_TOO:
            yield class_entry("loss", name, target, module, inputs)
        if module.__module__ != loss.__name__:
            yield replace(class_entry("module", name, target, module), inputs=inputs)


def _functions() -> Iterator[Entry]:
    import torch
    from torch.nn import functional

    stubs = read(Path(torch.__file__).parent)
    for name in dir(functional):
        function = getattr(functional, name)
        if _is_public_function(function, name) and not matches(name, functions.NOT_FUNCTIONAL):
            target = f"torch.nn.functional.{name}"
            yield function_entry(name, target, stubs.functional_parameters(name), function)
    for name in functions.TORCH:
        function = getattr(torch, name)
        declared = stubs.compiled_parameters(name) if name in stubs.compiled else _in_python(name, function)
        yield function_entry(name, f"torch.{name}", declared, function)
    for name in functions.TENSOR:
        method = getattr(torch.Tensor, name)
        yield function_entry(name, f"torch.Tensor.{name}", stubs.method_parameters(name), method)


def _in_python(name: str, function: Callable[..., Any]) -> Iterable[Declared]:
    """The parameters of a function that is written in Python."""
    if name in functions.SIGNATURES:
        return [Declared(*parameter) for parameter in functions.SIGNATURES[name]]
    return parameters_of(inspect.signature(function))


def _optimizers() -> Iterator[Entry]:
    from torch import optim

    for name, optimizer in classes_of(optim, optim.Optimizer, overrides.NOT_OPTIMIZERS):
        yield class_entry("optimizer", name, f"torch.optim.{name}", optimizer)


def _schedulers() -> Iterator[Entry]:
    from torch.optim import lr_scheduler

    for name, scheduler in classes_of(lr_scheduler, lr_scheduler.LRScheduler, overrides.NOT_SCHEDULERS):
        yield class_entry("scheduler", name, f"torch.optim.lr_scheduler.{name}", scheduler)


def _initialisers() -> Iterator[Entry]:
    from torch.nn import init

    for name in dir(init):
        if name.endswith("_") and not name.startswith("_"):
            function = getattr(init, name)
            declared = parameters_of(inspect.signature(function))
            yield function_entry(name[:-1], f"torch.nn.init.{name}", declared, function, kind="init")


def _is_public_function(value: object, name: str) -> bool:
    in_torch = str(getattr(value, "__module__", "")).split(".")[0] == "torch"
    return callable(value) and not isinstance(value, type) and in_torch and name.strip("_") == name


if __name__ == "__main__":
    main()
