"""A run's folder and a split in; the figures of its weights there, and what speaks against them, out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from yamlnet import loading, pipeline, starting
from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.foreign import blaming
from yamlnet.diagnostics import YamlnetError
from yamlnet.doubts import Doubt, other_data, unfinished
from yamlnet.language import check as language
from yamlnet.language.files import DataRoot

if TYPE_CHECKING:
    from yamlnet.loading import Loaded
    from yamlnet.training.setup import Task
    from yamlnet.training.sources import Source

SPLITS = ("train", "validation", "test")
READS = frozenset(
    {
        ("loss",),
        ("metrics",),
        ("model",),
        *(("data", key) for key in ("dataset", "fields", "target", "validation", "test", "transforms")),
        *(("data", key) for key in ("batch_size", "draw", "memory", "workers")),
        *(("train", key) for key in ("device", "precision", "memory_format", "threads", "deterministic")),
    }
)
"""What of a run's file an evaluation reads."""


@dataclass(frozen=True)
class Evaluated:
    """Figures by name, such as `test.loss`, over `num_samples`, of the weights that were loaded."""

    figures: dict[str, float]
    num_samples: int
    weights: Loaded
    doubts: tuple[Doubt, ...]


def evaluate(
    run: Path,
    split: Literal["train", "validation", "test"] = "test",
    which: Literal["best", "last"] = "best",
    options: Sequence[str] = (),
    allow: Allowed = NOTHING,
    data_root: DataRoot = None,
) -> Evaluated:
    """Measures a run's weights on a split of its data, or of the data that `options` set.

    Raises:
        ConfigError: an option is wrong, or would change nothing.
        YamlnetError: the data has no such split, or can't be measured.
    """
    from yamlnet.training import run as runs
    from yamlnet.training.sources import evaluation

    folder = runs.load(run)
    source = pipeline.text_of(folder, data_root)
    options = pipeline.heeded(source, options, READS, "an evaluation", allow)
    examined, prepared = pipeline.of_run(folder, options, allow, data_root=data_root)
    found = loading.load(folder, which, allow, options)
    task = starting.task_of(examined, found.network, prepared, criteria=found.criteria)
    data = examined.experiment.data
    assert data is not None
    batches = evaluation(data, prepared, split)
    if batches is None:
        there = [f"`--split {name}`" for name in SPLITS if getattr(prepared, name) is not None]
        raise YamlnetError(f"the data has no {split} split", help=f"it has {' and '.join(there)}")
    found.network.to(task.device)
    with closing(task.sources), blaming(allow):
        figures = _measured(task, batches, f"in the evaluation of the {split} split")
    doubts = unfinished(folder, run, found.step)
    trained = language.check(source, pipeline.UNJUDGED, allow=allow, trained=True).experiment
    if trained is not None and trained.data is not None:
        doubts += other_data(folder, trained.data, data, prepared, split)
    named = {f"{split}.{name}": value for name, value in figures.items()}
    return Evaluated(named, len(getattr(prepared, split)), found, tuple(doubts))


def _measured(task: Task, batches: Source, when: str) -> dict[str, float]:
    """The figures, computed as in training."""
    from yamlnet.training.device import deterministic, failures, tensor_float, threads
    from yamlnet.training.failure import placed
    from yamlnet.training.heap import kept
    from yamlnet.training.setup import evaluator_of
    from yamlnet.training.shortage import memory_named

    train = task.experiment.train
    with ExitStack() as stack:
        stack.enter_context(memory_named())
        stack.enter_context(failures())
        stack.enter_context(threads(train.threads))
        stack.enter_context(kept())
        stack.enter_context(deterministic(train.deterministic))
        stack.enter_context(tensor_float(train.precision == "tf32"))
        stack.enter_context(placed(task.model, task.experiment, task.places, lambda counted: when))
        return evaluator_of(task).evaluate(batches)
