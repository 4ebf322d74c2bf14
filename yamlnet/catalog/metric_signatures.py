"""The installed torchmetrics in; the entries of its metrics out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from yamlnet.catalog import overrides
from yamlnet.catalog.entry import REQUIRED, Entry
from yamlnet.catalog.inspection import class_entry, classes_of, parameters_of
from yamlnet.catalog.measures import import_torchmetrics
from yamlnet.catalog.records import input_of

PACKAGES = (
    *("aggregation", "audio", "classification", "clustering", "image", "nominal", "regression"),
    *("retrieval", "segmentation", "shape"),
)
"""Where the metrics of tensors are; those of texts and of boxes are elsewhere."""

TASKS = ("Binary", "Multiclass", "Multilabel")


def entries() -> list[Entry]:
    """Every metric that gives one number from tensors, by name.

    Raises:
        YamlnetError: torchmetrics isn't installed, or can't be imported.
    """
    torchmetrics = import_torchmetrics()
    found: dict[str, Entry] = {}
    for package in PACKAGES:
        for entry in _metrics(import_module(f"torchmetrics.{package}"), torchmetrics):
            found[entry.name] = entry
    return sorted(found.values(), key=lambda entry: entry.name)


def _metrics(package: ModuleType, torchmetrics: ModuleType) -> Iterator[Entry]:
    for name, metric in classes_of(package, torchmetrics.Metric, overrides.NOT_METRICS):
        declaring = _declaring(name, metric, torchmetrics.classification)
        target = f"{package.__name__}.{name}"
        entry = class_entry("metric", name, target, metric)
        inputs = tuple(
            input_of(p.name, required=p.default is REQUIRED)
            for p in parameters_of(inspect.signature(declaring.update))[1:]
        )
        rising = overrides.first(overrides.RISING, target)
        rising = getattr(declaring, "higher_is_better", None) if rising is None else rising
        summary = re.sub(r"_(?!\w)", "", entry.summary).strip()  # a link of its documentation
        # the least value isn't known so: torchmetrics plots R2 from 0
        most = 1 if rising and getattr(declaring, "plot_upper_bound", None) == 1 else None
        most = None if "reduction" in entry.parameters else most
        yield replace(entry, summary=summary, inputs=inputs, rising=rising, most=most)


def _declaring(name: str, metric: type, classification: ModuleType) -> Any:
    """The class that does the work: that of a task, where the metric itself only chooses one."""
    chosen = (getattr(classification, task + name, None) for task in TASKS)
    return next((found for found in chosen if found is not None), metric)
