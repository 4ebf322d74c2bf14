"""A file through the phases: read, examined, given its data, built, trained, and taken up from a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import ConfigError, Diagnostic, Mistake, YamlnetError
from yamlnet.language import check as language
from yamlnet.language import render
from yamlnet.language.check import Checked
from yamlnet.language.dump import dump
from yamlnet.language.files import Text
from yamlnet.language.inputs import input_fields
from yamlnet.language.resolve import dataset_calls, path_of, resolved

if TYPE_CHECKING:
    from torch import nn

    from yamlnet.data.splits import Prepared
    from yamlnet.language.experiment import Data, Experiment
    from yamlnet.network.initialise import Chosen
    from yamlnet.network.shapes import Shapes
    from yamlnet.network.summary import Summary
    from yamlnet.training.observer import Observer
    from yamlnet.training.run import Run
    from yamlnet.training.setup import Task
    from yamlnet.training.verdict import Result


@dataclass(frozen=True)
class Examined:
    """A file with every mistake that can be seen without its data, and what was found on the way."""

    checked: Checked
    diagnostics: tuple[Diagnostic, ...]
    shapes: Shapes | None = None
    chosen: Chosen | None = None

    @property
    def wrong(self) -> bool:
        """Whether there is an error (warnings alone are none)."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    @property
    def experiment(self) -> Experiment:
        """The experiment of a file without errors."""
        assert self.checked.experiment is not None
        return self.checked.experiment

    def raise_if_wrong(self) -> None:
        """Raises ConfigError where there is an error."""
        if self.wrong:
            raise ConfigError(
                self.diagnostics, render.as_text(self.diagnostics, self.checked.texts()).rstrip()
            )


def options_of(set: Mapping[str, Any] | None) -> list[str]:
    """`set` as the command line writes it: `KEY=VALUE`."""
    return [f"{key}={_inline(value)}" for key, value in (set or {}).items()]


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def examine(
    source: Text, options: Sequence[str] = (), facts: Facts | None = None, to_train: bool = False
) -> Examined:
    """Checks a text through every phase that needs no data; torch is imported where names are all right."""
    checked = language.check(source, options, facts, to_train)
    if checked.wrong or checked.experiment is None or checked.document is None:
        return Examined(checked, checked.diagnostics)
    from yamlnet.network import build, freeze, initialise, shapes, ties
    from yamlnet.training import judge

    experiment = checked.experiment
    found = shapes.judge(experiment.model)
    mistakes = list(found.mistakes)
    chosen = None
    if found.complete:
        empty = build.assemble(experiment.model, found.modules.__getitem__)
        mistakes += ties.tie(empty, experiment.model.root)
        chosen, wrong = initialise.choose(experiment.init, empty, experiment.model.root)
        mistakes += wrong or initialise.trial(chosen, empty)
        freeze.freeze(empty, freeze.frozen(experiment.model.root))
        mistakes += judge.judge(experiment, found, empty, checked.facts)
        mistakes += _cropped(experiment, found)
    located = [checked.document.locate(mistake) for mistake in mistakes]
    diagnostics = sorted((*checked.diagnostics, *located), key=lambda d: (d.span, d.code, d.message))
    return Examined(checked, tuple(diagnostics), found, chosen)


def _cropped(experiment: Experiment, found: Shapes) -> list[Mistake]:
    """A crop after which training images have a size that the network for the other splits can't take."""
    from yamlnet.network import shapes

    data, given = experiment.data, experiment.model.inputs[0]
    crops = [call for call in data.augment if call.name == "RandomCrop"] if data is not None else []
    if not crops or given.shape is None or len(given.shape) != 3:
        return []
    size = crops[-1].arguments["size"]
    height, width = size if isinstance(size, list) else (size, size)
    cropped = replace(given, shape=(given.shape[0], int(height), int(width)))
    if cropped.shape == given.shape:
        return []
    again = shapes.judge(replace(experiment.model, inputs=(cropped,)))
    if again.complete and again.constructions == found.constructions:
        return []
    message = (
        f"training images become {height} x {width}, which the network for {list(given.shape)} can't take"
    )
    return [Mistake("shape-mismatch", crops[-1].argument_path("size"), message)]


def with_data(examined: Examined, device: str = "cpu") -> tuple[Examined, Prepared]:
    """Reads the data, and examines the file again where it wasn't known what the data is like."""
    import torch

    from yamlnet.data.splits import prepare

    experiment = examined.experiment
    assert experiment.data is not None
    data = located_data(examined.checked)
    prepared = prepare(data, experiment.seed, examined.checked.source.folder, torch.device(device))
    if examined.checked.facts != prepared.facts:
        checked = examined.checked
        examined = examine(checked.source, checked.options, prepared.facts, to_train=True)
        examined.raise_if_wrong()
    return examined, prepared


def located_data(checked: Checked) -> Data:
    """The data section, the paths in it made absolute."""
    assert checked.experiment is not None
    assert checked.experiment.data is not None
    data = checked.experiment.data
    for key in ("dataset", "validation", "test"):
        call = getattr(data, key)
        if call in dataset_calls(checked.experiment) and "root" in call.entry.parameters:
            arguments = {**call.arguments, "root": str(path_of(checked, call, "root"))}
            data = data.model_copy(update={key: replace(call, arguments=arguments)})
    return data


def network_of(examined: Examined) -> nn.Module:
    """The network of a file without mistakes, with its first weights."""
    from yamlnet.network import freeze, ties
    from yamlnet.network.build import build
    from yamlnet.network.initialise import initialise

    examined.raise_if_wrong()
    experiment, document = examined.experiment, examined.checked.document
    assert examined.shapes is not None
    assert document is not None
    network = build(experiment.model, examined.shapes, experiment.seed)
    ties.tie(network, experiment.model.root)
    mistakes = initialise(network, examined.chosen or {}, experiment.seed)
    if mistakes:
        found = [document.locate(mistake) for mistake in mistakes]
        raise ConfigError(found, render.as_text(found, document.texts).rstrip())
    freeze.freeze(network, freeze.frozen(experiment.model.root))
    return network


def summary_of(examined: Examined) -> Summary:
    """The summary of a file without mistakes."""
    from yamlnet.network.summary import summarise
    from yamlnet.training.memory import num_slots

    examined.raise_if_wrong()
    if examined.shapes is None or not examined.shapes.complete:
        examined = with_data(examined)[0]
    experiment = examined.experiment
    assert examined.shapes is not None
    slots = None if experiment.optimizer is None else num_slots(experiment.optimizer)
    batch_size = None if experiment.data is None else experiment.data.batch_size
    return summarise(experiment.name, experiment.model, examined.shapes, batch_size, slots)


def start(examined: Examined, runs: Path, observer: Observer) -> Result:
    """Trains what was examined, in a new folder below `runs`."""
    from yamlnet.training import device as devices
    from yamlnet.training import run, trainer

    examined.raise_if_wrong()
    where = devices.device(examined.experiment.train.device)
    examined, prepared = with_data(examined, str(where))
    network = network_of(examined).to(where)
    document = resolved(examined.checked, examined.checked.source.folder)
    document["train"]["device"] = str(where)
    source = examined.checked.source
    bases = [(base.file, base.content) for base in examined.checked.bases]
    folder = run.create(runs, examined.experiment.name, source.content, dump(document), bases)
    return trainer.train(task_of(examined, network, prepared), folder, observer)


def task_of(examined: Examined, network: nn.Module, prepared: Prepared) -> Task:
    """The training of a network on its data."""
    from yamlnet.training.example import example
    from yamlnet.training.setup import Task
    from yamlnet.training.sources import sources

    experiment = examined.experiment
    assert experiment.data is not None
    assert examined.shapes is not None
    return Task(
        experiment,
        network,
        input_fields(experiment.model, prepared.facts),
        sources(experiment.data, prepared, experiment.seed),
        next(iter(prepared.train.fields.values())).device,
        example(examined.shapes, prepared.facts),
        prepared.facts.num_classes,
        prepared.digest,
    )


def resume(run: Path, options: Sequence[str], observer: Observer) -> Result:
    """Goes on where a run stopped, from its newest checkpoint that verifies."""
    from yamlnet.training import run as runs
    from yamlnet.training import trainer

    folder = runs.load(run)
    examined, prepared = of_run(folder, options)
    network = network_of(examined).to(next(iter(prepared.train.fields.values())).device)
    return trainer.resume(task_of(examined, network, prepared), folder, observer)


def of_run(folder: Run, options: Sequence[str] = ()) -> tuple[Examined, Prepared]:
    """A run's experiment and its data, read from what the run's folder holds."""
    from yamlnet.training import device as devices

    examined = examine(_resolved_text(folder), options, to_train=True)
    examined.raise_if_wrong()
    return with_data(examined, str(devices.device(examined.experiment.train.device)))


def loaded(folder: Run, which: Literal["best", "last"]) -> tuple[Examined, nn.Module]:
    """A run's network with its trained weights, in evaluation mode on the CPU."""
    examined = examine(_resolved_text(folder))
    network = network_of(examined)
    _, weights = folder.weights(which, _warn)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).split("\n")[1 if "\n" in str(error) else 0].strip()
        raise YamlnetError(f"the weights of `{folder.path}` don't fit its network: {reason}") from None
    return examined, network.eval()


def _warn(message: str) -> None:
    sys.stderr.write(f"warning: {message}\n")


def _resolved_text(folder: Run) -> Text:
    text = folder.resolved
    return Text(text, str(folder.path / "resolved.yaml"), folder.path.absolute(), "run", text.encode())
