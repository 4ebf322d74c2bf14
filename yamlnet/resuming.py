"""A run's folder in; the run gone on with where it stopped, its result out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yamlnet import pipeline, starting
from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.foreign import blaming
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Experiment
from yamlnet.language.files import DataRoot

if TYPE_CHECKING:
    from yamlnet.training.continuation import Permits
    from yamlnet.training.observer import Observer
    from yamlnet.training.verdict import Result

READS = frozenset((section,) for section in Experiment.model_fields if section != "vars")
"""What of a run's file is read again: its expressions are worked out."""


def resume(
    run: Path,
    options: Sequence[str],
    observer: Observer,
    allow: Allowed = NOTHING,
    permits: Permits | None = None,
    data_root: DataRoot = None,
) -> Result:
    """Goes on from the newest checkpoint that verifies; `options` change settings from there on.

    Raises ConfigError for a mistake in an option, YamlnetError where the run is finished or can't be gone on
    with.
    """
    from yamlnet.training import run as runs
    from yamlnet.training import trainer
    from yamlnet.training.divisible import divisible, noted
    from yamlnet.training.processes import joined
    from yamlnet.training.shortage import memory_named

    processes = joined()
    folder = runs.load(run)
    if not options and (folder.result or {}).get("exit_code") in (0, 4):
        raise YamlnetError(
            f"`{folder.path}` is finished: there is nothing to resume",
            help="`--set train.epochs=MORE` goes on from there; after an early stop "
            "`--set train.stop.patience=MORE` does",
        )
    source = pipeline.text_of(folder, data_root)
    pipeline.refuse_unheeded(source, options, READS, "a run that goes on", allow)
    with memory_named():
        examined, prepared = pipeline.of_run(
            folder, options, allow, trained=folder.has_begun, data_root=data_root, compared_later=True
        )
        device = prepared.device
        network = divisible(pipeline.network_of(examined), processes, device).to(device)
    followed = folder if processes.first else runs.Followed(folder.path)
    with blaming(allow):
        task = starting.task_of(examined, network, prepared)
        task = noted(starting.decided(task, examined, folder.path.parent, processes), processes)
        return trainer.resume(task, followed, observer, permits or trainer.NO_PERMITS, processes)
