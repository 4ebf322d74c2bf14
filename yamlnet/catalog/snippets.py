"""An entry of the catalogue in; a small file that shows it in use out, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from yamlnet.catalog import experiments, samples, types
from yamlnet.catalog.axes import num_spatial
from yamlnet.catalog.entry import Entry, Parameter
from yamlnet.catalog.experiments import CLASSIFIER, IMAGES
from yamlnet.catalog.overrides import first
from yamlnet.catalog.own import TABLES
from yamlnet.catalog.ranges import within
from yamlnet.catalog.samples import Document, Use
from yamlnet.catalog.transforms import is_random
from yamlnet.catalog.types import Choice, Items, Named, Union

PLAIN: Mapping[str, Any] = {
    "any": 2,
    "bool": True,
    "int": 2,
    "float": 0.5,
    "str": "text",
    "dtype": "float32",
    "tensor": [0.5, 0.5],
    "module": "ReLU",
    "scheduler": "ConstantLR",
    "transform": "RandomHorizontalFlip",
    "names": {"target": "y"},
    "function": "relu",
    "type": "ReLU",
    "none": None,
}
"""A value for each name of a type expression."""

SHORT = ("module", "function", "init")
"""Kinds whose only argument is written without its name."""


def snippet(entry: Entry) -> Document | None:
    """A file that `yamlnet check` accepts and that holds the entry; None where no file can use it yet."""
    match entry.kind:
        case "module" | "function":
            return {"model": _network(entry)}
        case "init":
            return _initialised(entry)
        case "loss":
            return _with_loss(entry)
        case "metric":
            return _measured(entry)
        case "optimizer":
            return None if entry.name in experiments.REFUSED else _optimised(entry)
        case "scheduler":
            return _scheduled(entry)
        case "dataset":
            columns = experiments.COLUMNS if entry.name in TABLES else {}
            data = {"data": {"dataset": _call(entry), **columns}}
            if entry.name in experiments.LABELS:
                return {**experiments.SEVERAL_LABELS, **data}
            return {**CLASSIFIER, **data, "model": {"Sequential": ["Flatten", {"Linear": "$num_classes"}]}}
        case "field":
            return experiments.TABLE
        case "transform":
            return _transformed(entry)


def value(entry: Entry, parameter: Parameter) -> Any:
    """A plausible value: its table's, else one that type and bounds allow."""
    of_kind = samples.VALUES.get(f"{entry.kind}.{parameter.name}")
    known = samples.VALUES.get(parameter.name) if of_kind is None else of_kind
    if known is not None and types.accepts(parameter.type, known):
        return known
    return _of_type(types.parse(parameter.type), parameter)


def _of_type(union: Union, parameter: Parameter) -> Any:
    first = next((option for option in union.options if option != Named("none")), Named("none"))
    match first:
        case Choice(text):
            return text
        case Items(elements, length):
            each = elements * 2 if length is None else elements
            return [_of_type(element, parameter) for element in each]
    plain = PLAIN[first.name]
    fits = (number for number in (plain, 1, 0, 0.01) if within(parameter, number))
    return next(fits, plain) if first.name in ("int", "float") else plain


def _call(entry: Entry, options: Mapping[str, Any] | None = None) -> Any:
    """The entry's call with its required options, or these: its positional form where that says it all."""
    said = _required(entry) if options is None else options
    if not said:
        return entry.name
    positional = entry.positional
    if positional is not None and entry.kind in SHORT and [*said] == [positional.name]:
        argument = said[positional.name]
        if positional.name != "reduction" and not isinstance(argument, dict):
            return {entry.name: argument}
    return {entry.name: dict(said)}


def _beside(call: Any, key: str, said: Any) -> Document:
    """The call with a key beside it."""
    return {**({call: None} if isinstance(call, str) else call), key: said}


def _required(entry: Entry) -> Document:
    if entry.name in experiments.OPTIONS:
        return dict(experiments.OPTIONS[entry.name])
    said = {name: value(entry, parameter) for name, parameter in entry.options.items() if parameter.required}
    reduces = entry.kind == "function" and "reduction" in entry.options
    return {**said, "reduction": "none"} if reduces else said


def _network(entry: Entry) -> Document:
    if entry.name in samples.NETWORKS:
        return samples.NETWORKS[entry.name]
    use = samples.USES.get(entry.name) or Use((), _required(entry))
    call = _call(entry, use.options)
    tensors = [
        tensor
        for tensor in entry.tensors
        if tensor.default is not None and tensor.role != "either" and tensor.name not in use.options
    ]
    given = use.inputs or (_shape(entry),) * (2 if tensors and tensors[0].role == "tensors" else len(tensors))
    if not given:
        below = {"value": call, "sum": {"add": None, "from": ["input", "value"]}}
        return {"input": samples.BY_AXES[2], "ModuleDict": below}
    if len(given) == 1:
        return {"input": given[0], "Sequential": [call]}
    names = _input_names(tensors, len(given))
    return {
        "inputs": dict(zip(names, given, strict=True)),
        "ModuleDict": {"result": _beside(call, "from", names)},
    }


def _input_names(tensors: list[Parameter], count: int) -> list[str]:
    """Names for a network's inputs: the tensors' own, where those mean something."""
    if len(tensors) < count:
        return ["x", "y", "z"][:count]
    names = [tensor.name.strip("_") for tensor in tensors]
    return ["x" if name in ("input", "self", "tensor") else name for name in names]


def _shape(entry: Entry) -> list[int]:
    """A sample's shape: what the entry's place, its number of axes, its options or its name ask for."""
    by_target = (shape for pattern, shape in samples.BY_TARGET.items() if fnmatchcase(entry.target, pattern))
    if (known := next(by_target, None)) is not None:
        return known
    if entry.axes:
        return samples.BY_AXES[max(entry.axes)]
    by_option = (shape for name, shape in samples.BY_OPTION.items() if name in _required(entry))
    return next(by_option, samples.BY_AXES[2 + (num_spatial(entry.name) or 0)])


def _initialised(entry: Entry) -> Document:
    kind, arguments, shape = experiments.FILTERS if entry.name == "dirac" else experiments.LAYER
    rule = {"type": kind, "weight": _call(entry)}
    return {"model": {"input": shape, "Sequential": [{kind: arguments}]}, "init": [rule]}


def _with_loss(entry: Entry) -> Document:
    call, name = _call(entry), entry.name
    if name in experiments.LOSSES:
        network, sources = experiments.LOSSES[name]
        return {**CLASSIFIER, "model": network, "loss": _beside(call, "from", list(sources))}
    last = [experiments.LAST_LAYERS[name]] if name in experiments.LAST_LAYERS else []
    if name in experiments.CLASS_LOSSES:
        return {**CLASSIFIER, "model": _longer(CLASSIFIER, last), "loss": call}
    found = {**IMAGES, "model": _longer(IMAGES, last), "loss": _beside(call, "from", ["output", "image"])}
    if name in experiments.PLUS_MINUS_ONE:
        scaled = {"Normalize": {"mean": 0.5, "std": 0.5}}
        found["data"] = {"dataset": "MNIST5k", "transforms": [scaled]}
    return found


def _measured(entry: Entry) -> Document:
    experiment, sources = first(experiments.METRICS, entry.target) or (CLASSIFIER, ())
    call = _beside(_call(entry), "from", list(sources)) if sources else _call(entry)
    found = {**experiment, "metrics": [call]}
    return (
        found
        if experiment is not IMAGES
        else {**found, "loss": _beside("MSELoss", "from", ["output", "image"])}
    )


def _longer(experiment: Document, last: list[Any]) -> Document:
    return {"Sequential": [*experiment["model"]["Sequential"], *last]}


def _optimised(entry: Entry) -> Document:
    rate = entry.options.get("lr")
    said = {**_required(entry), **({"lr": rate.default} if rate is not None else {})}
    model = experiments.MODELS.get(entry.name, CLASSIFIER["model"])
    return {**CLASSIFIER, "model": model, "optimizer": {entry.name: said}}


def _transformed(entry: Entry) -> Document:
    section = "augment" if is_random(entry.name) else "transforms"
    calls = [_call(entry), *experiments.AFTER.get(entry.name, ())]
    return {**CLASSIFIER, "data": {"dataset": "MNIST5k", section: calls}}


def _scheduled(entry: Entry) -> Document:
    call = _call(entry)
    if entry.name != "ReduceLROnPlateau":
        return {**CLASSIFIER, "scheduler": call}
    data = {"dataset": "MNIST5k", "validation": 0.1}
    return {**CLASSIFIER, "data": data, "scheduler": _beside(call, "metric", "validation.loss")}
