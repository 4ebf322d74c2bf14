"""An examined file in; a run of it, trained, and the task that any training is, out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from yamlnet.catalog.foreign import blaming
from yamlnet.diagnostics import Mistake, RunError, YamlnetError, plural
from yamlnet.language import render
from yamlnet.language.dump import dump
from yamlnet.language.inputs import input_fields
from yamlnet.language.paths import weights_digests
from yamlnet.language.resolve import resolved
from yamlnet.pipeline import Examined, network_of, require_files, summary_of, with_data

if TYPE_CHECKING:
    from torch import nn

    from yamlnet.data.splits import Prepared
    from yamlnet.training.failure import Places
    from yamlnet.training.objective import Criteria
    from yamlnet.training.observer import Observer
    from yamlnet.training.processes import Processes
    from yamlnet.training.setup import Task
    from yamlnet.training.verdict import Result


def start(examined: Examined, runs: Path, observer: Observer, profile: bool = False) -> Result:
    """Trains what was examined, in a new folder below `runs`; with `profile` that has a profile of it."""
    from yamlnet.training.shortage import memory_named

    examined.raise_if_wrong()
    with memory_named(partial(needs, examined)):
        return _start(examined, runs, observer, profile)


def _start(examined: Examined, runs: Path, observer: Observer, profile: bool) -> Result:
    from yamlnet.training import device as devices
    from yamlnet.training import run, trainer
    from yamlnet.training.divisible import divisible, noted
    from yamlnet.training.processes import joined

    processes = joined()
    where = devices.device(examined.experiment.train.device)
    require_files(examined)
    known = {diagnostic.message for diagnostic in examined.diagnostics}
    examined, prepared = with_data(examined, str(where))
    for found in examined.diagnostics:
        if found.message not in known:
            help = f" ({found.help})" if found.help else ""
            observer.warned(f"{found.file}:{found.line}:{found.column}: {found.message}{help}")
    network = divisible(network_of(examined), processes, where).to(where)
    source = examined.checked.source
    bases = [(base.file, base.content) for base in examined.checked.bases]
    with blaming(examined.checked.allow):
        name = examined.experiment.name
        task = decided(task_of(examined, network, prepared), examined, runs / name, processes)
        read = {
            "data_digest": task.digest,
            "data_parts": dict(task.data_parts),
            "weights_files": dict(task.weights_files),
        }
        folder: run.Run = run.Followed(Path())
        if processes.first:
            folder = run.create(runs, name, source.content, dump(dict(task.settings)), bases, read)
        folder = replace(folder, path=Path(processes.agreed(str(folder.path))))
        return trainer.train(noted(task, processes), folder, observer, processes, profile)


def decided(task: Task, examined: Examined, runs: Path, processes: Processes) -> Task:
    """The task with every `auto` chosen, and the document with that in it: what a run below `runs` needs."""
    from yamlnet.training.choice import choose

    choice = choose(task, runs, processes)
    document = resolved(examined.checked, examined.checked.source.folder)
    notes = (*task.notes, *choice.notes)
    return replace(choice.task, settings=choice.settings(document), notes=notes)


def task_of(
    examined: Examined,
    network: nn.Module,
    prepared: Prepared,
    criteria: Criteria | None = None,
) -> Task:
    """The training of a network on its data; `decided`, to make a run.

    `criteria` are a run's losses with weights of their own; None makes them anew.
    """
    from yamlnet.data.encoding import as_json
    from yamlnet.training.criteria import criteria_of
    from yamlnet.training.example import example
    from yamlnet.training.setup import Task
    from yamlnet.training.sources import sources

    experiment = examined.experiment
    assert experiment.data is not None
    assert examined.shapes is not None
    if criteria is None:
        criteria = criteria_of(experiment, examined.shapes, prepared.facts)
    return Task(
        experiment,
        network,
        input_fields(experiment.model, prepared.facts),
        sources(experiment.data, prepared, experiment.seed),
        prepared.device,
        prepared.facts.most_classes,
        prepared.digest,
        as_json(prepared.encodings),
        () if examined.drawn is None else examined.drawn.frozen,
        (*prepared.notes, *(() if examined.drawn is None else examined.drawn.notes)),
        {} if examined.drawn is None else examined.drawn.chosen,
        weights_files={} if examined.trained else weights_digests(examined.checked),
        data_parts=prepared.digests,
        example=example(examined.shapes, prepared.facts, tuple(experiment.data.draw)),
        places=places_of(examined),
        needs=partial(needs, examined),
        criteria={name: criterion.to(prepared.device) for name, criterion in criteria.items()},
    )


def places_of(examined: Examined) -> Places:
    """Where the file says what runs in its network."""
    from yamlnet.training.failure import Places

    def located(mistake: Mistake) -> YamlnetError:
        assert examined.checked.document is not None
        found = examined.checked.document.locate(mistake)
        return RunError(found, render.as_text([found], examined.checked.texts()).rstrip())

    return Places(locate=located) if examined.drawn is None else Places(examined.drawn.drawing, located)


def needs(examined: Examined) -> str | None:
    """The memory that a training step takes by the count of `summary`, as a message says it."""
    from yamlnet.training.shortage import ADVICE, gigabytes

    table = summary_of(examined)
    if table.step_bytes is None or table.batch_size is None:
        return None
    kept = table.batch_size * table.activation_bytes
    help = (
        f"a step of {plural(table.batch_size, 'sample')} takes about {gigabytes(table.step_bytes)}, "
        f"{gigabytes(kept)} of it for what the backward pass needs of the batch; "
    )
    if 2 * kept < table.step_bytes:
        return help + f"the rest is weights, their gradients and what `{table.optimizer}` keeps of them"
    return help + ADVICE
