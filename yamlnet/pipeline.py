"""A file through the phases: read, examined, given its data, built, trained, and taken up from a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import (
    ConfigError,
    Diagnostic,
    Mistake,
    MistakeError,
    Path,
    YamlnetError,
)
from yamlnet.language import check as language
from yamlnet.language import images, render
from yamlnet.language.check import Checked
from yamlnet.language.depth import room
from yamlnet.language.files import DataRoot, Text, granted, with_record
from yamlnet.language.inputs import with_inputs
from yamlnet.language.known import picture
from yamlnet.language.merge import with_options
from yamlnet.language.paths import strays, weights_file
from yamlnet.language.source import read
from yamlnet.language.unheeded import unheeded
from yamlnet.located import located_data

if TYPE_CHECKING:
    from torch import nn

    from yamlnet.data.encoding import Encoding
    from yamlnet.data.splits import Prepared
    from yamlnet.language.experiment import Experiment
    from yamlnet.network.changes import Change
    from yamlnet.network.construct import Construction
    from yamlnet.network.drawing import Drawing
    from yamlnet.network.found import Shapes
    from yamlnet.network.initialise import Chosen
    from yamlnet.network.table import Summary
    from yamlnet.network.ties import Tie
    from yamlnet.training.objective import Criteria
    from yamlnet.training.run import Run


MAX_TEXT = 2**15
"""Characters of a text that isn't right yet, and whose network is looked at all the same."""


@dataclass(frozen=True)
class Drawn:
    """What is known of a network before it has weights.

    `constructions` are those of its layers before the `changes` of its edits. `ties`, `frozen` and `drawing`
    have the names after them; `notes` tell what came of edits and weights.
    """

    empty: nn.Module
    constructions: Mapping[str, Construction]
    changes: Sequence[Change]
    ties: Sequence[Tie]
    frozen: tuple[str, ...]
    notes: tuple[str, ...]
    chosen: Chosen
    drawing: Drawing


@dataclass(frozen=True)
class Examined:
    """A file with every mistake that can be seen without its data, and what was found on the way.

    `shapes` are those of the network after its edits; `trained` tells that its weights are those of a run.
    """

    checked: Checked
    diagnostics: tuple[Diagnostic, ...]
    shapes: Shapes | None = None
    drawn: Drawn | None = None
    trained: bool = False

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
    try:
        return [f"{key}={_inline(value)}" for key, value in (set or {}).items()]
    except (TypeError, ValueError, RecursionError) as error:
        raise YamlnetError(f"`set` holds what YAML can't write: {error}", exit_code=1) from None


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@room()
def examine(
    source: Text,
    options: Sequence[str] = (),
    facts: Facts | None = None,
    to_train: bool = False,
    allow: Allowed = NOTHING,
    trained: bool = False,
) -> Examined:
    """Checks a text through every phase that needs no data; torch is imported where names are all right."""
    checked = language.check(source, options, facts, to_train, allow, trained)
    if checked.wrong or checked.experiment is None or checked.document is None:
        return Examined(checked, _with_shapes(checked), trained=trained)
    import torch

    with torch.inference_mode(False):  # gradients are tried too, whatever mode the caller is in
        return _tried(checked, trained)


def _with_shapes(checked: Checked) -> tuple[Diagnostic, ...]:
    """What is wrong, and what is wrong with the network's shapes where only other sections can't be read."""
    if checked.model is None or checked.document is None or len(checked.source.text) > MAX_TEXT:
        return checked.diagnostics
    from yamlnet.network import shapes

    found = shapes.judge(checked.model).mistakes
    located = [checked.document.locate(mistake) for mistake in found if mistake.severity == "error"]
    return _sorted((*checked.diagnostics, *located))


def _sorted(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(diagnostics, key=lambda d: (d.span, d.code, d.message)))


def _tried(checked: Checked, trained: bool) -> Examined:
    """What making and trying the network, the loss and the rest shows of an experiment."""
    from yamlnet.data.trial import refused
    from yamlnet.network import images, shapes
    from yamlnet.network.filled import filled
    from yamlnet.network.found import blame_merging
    from yamlnet.training import criteria, judge, leftover, memory, trial

    assert checked.experiment is not None
    assert checked.document is not None
    experiment = checked.experiment
    found = shapes.judge(experiment.model)
    mistakes = list(found.mistakes)
    drawn = None
    if found.complete:
        experiment = experiment.model_copy(update={"model": filled(experiment.model, found.filled)})
        checked = replace(checked, experiment=experiment)
        found, drawn, wrong = _drawn(checked, found, trained)
        mistakes += wrong
    facts = None if checked.facts is None else with_inputs(checked.facts, experiment.model)
    if drawn is not None and not trained:
        num_samples = None if checked.facts is None else checked.facts.train
        mistakes += memory.judge(experiment, found, drawn.empty, num_samples)
    if drawn is not None and not any(mistake.code == "too-large" for mistake in mistakes):
        unsuited = judge.judge(experiment, found, facts)
        if not (unsuited and found.merged and blame_merging(mistakes, unsuited[0])):
            mistakes += unsuited
        losses: Criteria | None = None
        with suppress(YamlnetError):  # what can't be made is a mistake of the loss
            losses = criteria.criteria_of(experiment, found, facts, empty=True)
        drawn = replace(drawn, notes=(*drawn.notes, *criteria.notes(experiment.loss, losses or {})))
        mistakes += trial.judge(experiment, drawn.empty, losses, drawn.chosen, checked.facts)
        mistakes += leftover.judge(experiment, found, drawn.frozen, checked.facts)
        mistakes += refused(experiment.data, checked.facts) or _resized(experiment, checked.facts, drawn)
    if found.complete and not any(mistake.severity == "error" for mistake in mistakes):
        mistakes += images.unflattened(found, experiment.model)
        mistakes += images.channels_last(found, experiment.model)
    assert checked.document is not None
    located = [checked.document.locate(mistake) for mistake in mistakes]
    return Examined(checked, _sorted((*checked.diagnostics, *located)), found, drawn, trained)


def _drawn(checked: Checked, found: Shapes, trained: bool) -> tuple[Shapes, Drawn | None, list[Mistake]]:
    """The network without weights, edited, tied and frozen, and its shapes; what is wrong with all that."""
    from yamlnet.network import edit, freeze, initialise, ties
    from yamlnet.network.build import assemble
    from yamlnet.network.drawing import Drawing
    from yamlnet.network.weights import Loading

    assert checked.experiment is not None
    experiment, model = checked.experiment, checked.experiment.model
    empty = assemble(model, found.modules.__getitem__)
    loading = Loading(None if trained else lambda weights: weights_file(checked, weights))
    loading.judge(empty, model.root)
    plan = edit.plan(model, found, empty, loading)
    mistakes = [*loading.mistakes, *plan.mistakes]
    if not plan.complete:
        return plan.shapes, None, mistakes
    nodes = tuple(plan.nodes())
    mistakes += ties.tie(empty, plan.ties)
    chosen, wrong = initialise.choose(experiment.init, empty, nodes)
    mistakes += wrong or initialise.trial(chosen, empty)
    frozen = (*freeze.frozen(nodes), *plan.frozen)
    freeze.freeze(empty, frozen)
    notes = (*loading.notes, *plan.notes)
    drawing = Drawing(dict(nodes), tuple(given.name for given in model.inputs))
    drawn = Drawn(empty, found.constructions, plan.changes, plan.ties, frozen, notes, chosen, drawing)
    return plan.shapes, drawn, mistakes


def _resized(experiment: Experiment, facts: Facts | None, drawn: Drawn) -> list[Mistake]:
    """Training images of a size that the network for the other splits can't take."""
    from yamlnet.network import edit, shapes
    from yamlnet.network.build import assemble

    data, given = experiment.data, experiment.model.inputs[0]
    if data is None or facts is None or given.shape is None or len(given.shape) != 3:
        return []
    changes = images.changes(images.training(data), picture(data, facts))
    if not changes or changes[-1][1] in (None, given.shape):
        return []
    call, shape = changes[-1]
    model = replace(experiment.model, inputs=(replace(given, shape=shape),))
    again = shapes.judge(model)
    if again.complete and again.constructions == drawn.constructions:
        plan = edit.plan(model, again, assemble(model, again.modules.__getitem__))
        if plan.complete and plan.changes == drawn.changes:
            return []
    assert shape is not None
    become = f"{shape[1]} x {shape[2]}" if shape[0] == given.shape[0] else str(list(shape))
    message = f"training images become {become}, which the network for {list(given.shape)} can't take"
    return [Mistake("shape-mismatch", call.argument_path("size"), message)]


def with_data(
    examined: Examined,
    device: str = "cpu",
    encodings: Mapping[str, Encoding] | None = None,
    compared_later: bool = False,
) -> tuple[Examined, Prepared]:
    """Reads the data, and examines the file again where it wasn't known what the data is like.

    `encodings` are those of an earlier run. Data that a run has on record, and that nothing else permits,
    must be what it says; `compared_later` leaves that to the caller.
    """
    import torch

    from yamlnet.data.splits import prepare
    from yamlnet.training.device import data_memory

    experiment = examined.experiment
    assert experiment.data is not None
    checked, where = examined.checked, torch.device(device)
    try:
        data = located_data(checked)
        memory = data_memory(data.memory, where)
        prepared = prepare(data, experiment.seed, checked.source.folder, where, encodings, memory)
    except MistakeError as error:
        raise _config_error(checked, [error.mistake]) from error
    others = [] if compared_later else strays(checked, prepared.digests)
    if others:
        raise _config_error(checked, [_unlike_the_record(mistake) for mistake in others])
    facts = prepared.facts
    if checked.facts is not None and replace(checked.facts, classes=facts.classes) == facts:
        # nothing that is checked depends on what classes are called
        examined = replace(examined, checked=replace(checked, facts=facts))
    else:
        examined = examine(
            checked.source, checked.options, prepared.facts, False, checked.allow, examined.trained
        )
        examined.raise_if_wrong()
    return examined, prepared


def _unlike_the_record(mistake: Mistake) -> Mistake:
    return replace(mistake, message=f"{mistake.message}, and isn't what the run has read")


def _config_error(checked: Checked, mistakes: Sequence[Mistake]) -> ConfigError:
    assert checked.document is not None
    found = [checked.document.locate(mistake) for mistake in mistakes]
    return ConfigError(found, render.as_text(found, checked.texts()).rstrip())


@room()
def network_of(examined: Examined) -> nn.Module:
    """The network of a file without mistakes, with its first weights."""
    from yamlnet.network import edit, freeze, ties
    from yamlnet.network.build import build
    from yamlnet.network.initialise import initialise
    from yamlnet.network.weights import Loading

    examined.raise_if_wrong()
    require_files(examined)
    experiment, drawn = examined.experiment, examined.drawn
    assert drawn is not None
    model, seed, starts = experiment.model, experiment.seed, not examined.trained
    network = build(model, drawn.constructions, seed, downloads=starts)
    loading = Loading(lambda weights: weights_file(examined.checked, weights)) if starts else None
    if loading is not None:
        loading.load(network, model.root)
    edit.make(network, drawn.changes, seed, loading)
    ties.tie(network, drawn.ties)
    named = network.named_parameters(remove_duplicate=False)
    loaded = {name for name, parameter in named if loading is not None and parameter in loading.loaded}
    chosen = {name: calls for name, calls in drawn.chosen.items() if name not in loaded}
    mistakes = initialise(network, chosen, seed)
    if mistakes:
        raise _config_error(examined.checked, mistakes)
    freeze.freeze(network, drawn.frozen)
    return network


def require_files(examined: Examined) -> None:
    """Raises YamlnetError where weights aren't there."""
    for found in examined.diagnostics:
        if found.code == "missing-file":
            place = f"{found.file}:{found.line}:{found.column}"
            raise YamlnetError(f"can't load weights: {found.message}", help=f"they are named in {place}")


@room()
def summary_of(examined: Examined, depth: int | None = None) -> Summary:
    """The summary of a file; where its shapes have a mistake, up to the node that has it.

    Raises ConfigError where the mistakes are such that no shapes are known.
    """
    from yamlnet.language.nodes import walk
    from yamlnet.network import inventory, summary
    from yamlnet.training import memory

    if examined.shapes is None:
        examined.raise_if_wrong()
    if not examined.wrong and (examined.shapes is None or not examined.shapes.complete):
        examined = with_data(examined)[0]
    experiment, document = examined.experiment, examined.checked.document
    assert examined.shapes is not None
    assert document is not None
    model, drawn = experiment.model, examined.drawn
    network = None if drawn is None else drawn.empty
    table = summary.summarise(experiment.name, model, examined.shapes, document, network, depth)
    if drawn is not None:
        held = inventory.inventory(drawn.empty, walk(model.root), drawn.chosen, document)
        table = replace(table, parameters=held)
    step = None if drawn is None else memory.estimate(experiment, drawn.empty, table.activation_bytes)
    return table if step is None else summary.in_training(table, step)


UNJUDGED = ("expect=null", "scheduler=null", "train.stop=null", "train.checkpoint={}")
"""Options that leave out of a run's file what only a training judges: it may not go with other metrics."""


def heeded(
    source: Text, options: Sequence[str], reads: frozenset[Path], doing: str, allow: Allowed = NOTHING
) -> tuple[str, ...]:
    """The options for a run's file of which these keys alone are read, and which isn't to be trained.

    Raises ConfigError for an option that would change nothing.
    """
    refuse_unheeded(source, options, reads, doing, allow, UNJUDGED)
    return (*options, *UNJUDGED)


def refuse_unheeded(
    source: Text,
    options: Sequence[str],
    reads: frozenset[Path],
    doing: str,
    allow: Allowed = NOTHING,
    others: Sequence[str] = (),
) -> None:
    """Raises ConfigError for an option outside of these keys of a run's file, where none has other mistakes.

    `others` are options that stand beside them.
    """
    document = read(source.text, source.file)[0]
    if not options or document is None:
        return
    checked = language.check(source, (*options, *others), allow=allow, trained=True)
    document = with_options(document, options)[0]
    others_wrong = any(d.severity == "error" and d.code != "unused-value" for d in checked.diagnostics)
    mistakes = [] if others_wrong else list(unheeded(document, reads, doing))
    if mistakes:
        raise _config_error(replace(checked, document=document), mistakes)


def of_run(
    folder: Run,
    options: Sequence[str] = (),
    allow: Allowed = NOTHING,
    trained: bool = True,
    data_root: DataRoot = None,
    compared_later: bool = False,
) -> tuple[Examined, Prepared]:
    """A run's experiment and its data, read from what the run's folder holds.

    `trained` tells that its weights are to be taken from it, and not to be made anew. `data_root` and
    `compared_later` are as in `files.read` and `with_data`.
    """
    from yamlnet.data.encoding import from_json
    from yamlnet.training import device as devices

    source = text_of(folder, data_root)
    examined = examine(source, options, to_train=True, allow=allow, trained=trained)
    examined.raise_if_wrong()
    where = devices.device(examined.experiment.train.device)
    encodings = from_json(folder.manifest.get("fields", {}))
    return with_data(examined, str(where), encodings, compared_later)


def text_of(folder: Run, data_root: DataRoot = None) -> Text:
    """The file of a run, as `examine` takes it."""
    text = folder.resolved
    shown, where = str(folder.path / "resolved.yaml"), folder.path.absolute()
    return with_record(Text(text, shown, where, "run", text.encode(), granted(data_root)))
