"""A checked document -> the same with every default filled in and every expression worked out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.catalog.own import PATHS
from yamlnet.diagnostics import Path, YamlnetError, did_you_mean
from yamlnet.language.check import Checked
from yamlnet.language.experiment import Data, Experiment, MetricTerm, Term, Train
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.merge import OPTIONS
from yamlnet.language.names import is_position
from yamlnet.language.nodes import Expression, Function, Graph, Input, Layer, Node, Weights, walk
from yamlnet.language.paths import dataset_calls, located, weights_file
from yamlnet.language.repeats import Choice
from yamlnet.language.substitution import Late
from yamlnet.language.tables import targets_of

ORDER = ("version name seed vars data model init loss metrics optimizer scheduler train expect").split()


def resolved(checked: Checked, folder: FilePath | None = None) -> dict[str, Any]:
    """The whole document as plain data.

    `folder` makes the paths in it absolute, so that it can be read from anywhere.
    """
    experiment = checked.experiment
    assert experiment is not None
    plain: dict[str, Any] = {
        key: value if key == "model" else copy.deepcopy(value) for key, value in checked.plain.items()
    }
    plain["model"] = dict(plain["model"])
    for call in calls(experiment):
        _fill(plain, call)
    plain |= {"version": experiment.version, "name": experiment.name, "seed": experiment.seed}
    if experiment.data is not None:
        plain["data"] = _data(plain["data"], experiment.data)
    inputs = _inputs(experiment, checked.facts)
    plain["model"] = inputs | {key: value for key, value in plain["model"].items() if key not in inputs}
    for section in ("loss", "optimizer", "scheduler", "metrics"):
        if section in plain:
            plain[section] = _beside(plain[section], section, experiment)
    if experiment.optimizer is not None:
        plain["train"] = _train(experiment.train)
    if folder is not None:
        _absolute(plain, checked, folder)
    ordered = {key: plain[key] for key in ORDER if key in plain}

    def file(weights: Weights) -> str:
        return weights.file if folder is None else str(weights_file(checked, weights))

    return {key: _escaped(value, file) for key, value in ordered.items()}


def calls(experiment: Experiment) -> Iterator[Call]:
    """Every call of the document but those of the network, which is worked out where it is read."""
    data = experiment.data
    if data is not None:
        parts = (data.dataset, data.validation, data.test)
        yield from (part for part in parts if isinstance(part, Call))
        yield from data.fields.values()
        transforms = (*data.augment, *data.transforms.train, *data.transforms.evaluation)
        for call in {call.path: call for call in transforms}.values():  # one list may be for both
            yield from _nested(call)
    for rule in experiment.init:
        for chosen in rule.parameters.values():
            yield from chosen
    terms = () if experiment.loss is None else tuple(experiment.loss.terms.values())
    for section in (*terms, experiment.optimizer, experiment.scheduler, *experiment.metrics.values()):
        if section is not None and section.call is not None:
            yield from _nested(section.call)


def _nested(call: Call) -> Iterator[Call]:
    for parameter in ("schedulers", "transforms"):
        for item in call.arguments.get(parameter) or ():
            if isinstance(item, Call):
                yield from _nested(item)
    yield call


def _fill(plain: dict[str, Any], call: Call) -> None:
    """Writes a call's arguments by name, with its defaults, where it stands."""
    written = _at(plain, call.path)
    said = written if isinstance(written, Mapping) else {}
    if call.positional is not None:
        said = {call.positional: written}
    arguments = {
        name: said[name] if name in said and isinstance(value, Call | Layer | list) else value
        for name, value in call.with_defaults().items()
    }
    if call.path and call.path[-1] == call.name:
        _put(plain, call.path, arguments or None)
    elif arguments:
        _put(plain, call.path, {call.name: arguments})


def _at(plain: Any, path: Path) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _put(plain: Any, path: Path, value: Any) -> None:
    _at(plain, path[:-1])[path[-1]] = value


def _data(section: Mapping[str, Any], data: Data) -> dict[str, Any]:
    filled = {
        key: section.get(key, getattr(data, key)) for key in ("dataset", "validation", "test", "batch_size")
    }
    if data.fields or data.target is not None:
        filled |= {"fields": section.get("fields", {}), "target": list(targets_of(data) or ())}
    if data.draw:
        filled["draw"] = {name: draw.model_dump(exclude_none=True) for name, draw in data.draw.items()}
    filled["augment"] = section.get("augment", [])
    filled["transforms"] = section.get("transforms", [])
    filled |= {"memory": section.get("memory", data.memory), "workers": data.workers}
    return filled


def _inputs(experiment: Experiment, facts: Facts | None) -> dict[str, Any]:
    """The model's inputs where they are the data's."""
    given = experiment.model.inputs
    named = all(one.path[:2] == ("model", "inputs") for one in given)
    if named and all(one.shape is not None for one in given):
        return {"inputs": {one.name: _input(one) for one in given}}
    if not experiment.model.from_data or facts is None or given[0].shape is None:
        return {}
    return {"input": _input(given[0])}


def _input(given: Input) -> dict[str, Any]:
    known = isinstance(given.num_categories, int)
    categories = {"num_categories": given.num_categories} if known else {}
    return {"shape": list(given.shape or ()), "dtype": given.dtype, **categories}


def _beside(section: Any, name: str, experiment: Experiment) -> Any:
    """The keys beside a call, said or not."""
    if name == "metrics":
        return {key: _term(term) for key, term in experiment.metrics.items()}
    if name == "loss" and experiment.loss is not None:
        terms = experiment.loss.terms
        if "" in terms:
            return _term(terms[""])
        return {key: {**_term(term), "weight": term.weight} for key, term in terms.items()}
    section = {section: None} if isinstance(section, str) else dict(section)
    if name == "optimizer":
        section.setdefault("groups", [])
    if name == "scheduler" and experiment.scheduler is not None:
        section["every"] = experiment.scheduler.every
    return section


def _term(term: Term | MetricTerm) -> dict[str, Any]:
    """A term of the loss, or a metric, with what it is called on."""
    sources = [{"expr": s.formula.text} if isinstance(s, Expression) else s for s in term.inputs]
    if term.call is None:
        assert isinstance(sources[0], dict)
        return sources[0]
    named = dict(zip(term.names, sources, strict=True)) if term.names else sources
    return {term.call.name: dict(term.call.with_defaults()) or None, "from": named}


def _train(train: Train) -> dict[str, Any]:
    return train.model_dump(mode="json")


def _absolute(plain: dict[str, Any], checked: Checked, folder: FilePath) -> None:
    for call in dataset_calls(checked.experiment):
        place = call.path if call.path[-1] == call.name else (*call.path, call.name)
        for parameter in PATHS:
            if call.with_defaults().get(parameter) is not None:
                _at(plain, place)[parameter] = located(checked, call, parameter)


def _escaped(value: Any, file: Callable[[Weights], str]) -> Any:
    """Dollars doubled: what is worked out must not be worked out again."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Late | Choice):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _escaped(item, file) for key, item in value.items()}
    if isinstance(value, Weights):
        return _escaped(value.written(file(value)), file)
    return [_escaped(item, file) for item in value] if isinstance(value, list | tuple) else value


def waits_for_data(checked: Checked) -> bool:
    """Whether an expression uses what isn't known of the data before it is read."""
    waiting: list[Any] = [dict(checked.plain)]
    while waiting:
        value = waiting.pop()
        if value is UNKNOWN:
            return True
        if isinstance(value, Mapping | list):
            waiting.extend(value.values() if isinstance(value, Mapping) else value)
    return False


def explain(checked: Checked, key: str) -> tuple[Any, str]:
    """A key's value in the resolved document, and where it came from."""
    whole = resolved(checked)
    path: list[str | int] = []
    value: Any = whole
    names = key.split(".")
    while names:
        step, taken = _step(value, names)
        if step is None:
            known = [str(k) for k in value] if isinstance(value, Mapping) else []
            help, _ = did_you_mean(names[0], known)
            raise YamlnetError(f"the document has no `{key}`", help, exit_code=2)
        value, names = value[step], names[taken:]
        path.append(step)
    return value, _origin(checked, tuple(path))


def _step(value: Any, names: list[str]) -> tuple[str | int | None, int]:
    if isinstance(value, list) and is_position(names[0]) and 0 <= int(names[0]) < len(value):
        return int(names[0]), 1
    if isinstance(value, Mapping):
        for taken in range(len(names), 0, -1):
            if ".".join(names[:taken]) in value:
                return ".".join(names[:taken]), taken
    return None, 0


def _origin(checked: Checked, path: Path) -> str:
    assert checked.document is not None
    assert checked.experiment is not None
    source = _written_at(checked, path)
    if checked.document.has(source):
        return _place(checked, source)
    model = checked.experiment.model
    edited = (call for edit in model.edits if edit.node is not None for call in _model_calls(edit.node))
    for call in (*calls(checked.experiment), *_model_calls(model.root), *edited):
        if source == (*call.path, call.positional):
            return _place(checked, call.path)
    return "the default"


def _written_at(checked: Checked, path: Path) -> Path:
    """Where a part of the resolved document is written: a block's body stands in the block."""
    source: Path = ()
    value: Any = checked.plain
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = None
        source = checked.origins[id(value)][1] if id(value) in checked.origins else (*source, step)
    return source


def _model_calls(root: Node) -> Iterator[Call]:
    """Every call of a network."""
    for _, node in walk(root):
        if isinstance(node, Layer | Function):
            yield node.call
            for value in node.call.arguments.values():
                if isinstance(value, Layer):
                    yield from _model_calls(value)
        if isinstance(node, Graph):
            yield from (step.called.call for step in node.steps if isinstance(step.called, Function))


def _place(checked: Checked, path: Path) -> str:
    assert checked.document is not None
    span = checked.document.span(path)
    if span.file == OPTIONS:
        text = checked.document.texts[OPTIONS].split("\n")[span.line - 1]
        return f"the option --set {text}"
    return f"{span.file}:{span.line}:{span.column}"
