"""A run's folder and files in; what its network makes of each sample in them, out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from yamlnet import loading, pipeline, starting
from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.foreign import blaming
from yamlnet.doubts import Doubt, unfinished

if TYPE_CHECKING:
    from yamlnet.loading import Loaded
    from yamlnet.training.predict import Predicted

READS = frozenset(
    {
        ("loss",),
        ("metrics",),
        ("model",),
        *(("data", key) for key in ("dataset", "fields", "target", "transforms", "batch_size")),
    }
)
"""What of a run's file a prediction reads."""


@dataclass(frozen=True)
class Predictions:
    """Every sample with its answers, by the weights that were loaded."""

    samples: list[Predicted]
    weights: Loaded
    doubts: tuple[Doubt, ...]


def predict(
    run: Path,
    files: Sequence[str],
    which: Literal["best", "last"] = "best",
    options: Sequence[str] = (),
    allow: Allowed = NOTHING,
    tell: Callable[[str], object] = lambda note: None,
) -> Predictions:
    """Runs the network on the CPU; `-` is standard input, and `tell` takes what was left out of the files.

    Raises:
        ConfigError: an option is wrong, or would change nothing.
        YamlnetError: a file isn't what the network takes.
        RunError: a layer fails on it.
    """
    from yamlnet.data.encoding import from_json
    from yamlnet.data.given import read_given, wanted
    from yamlnet.training import run as runs
    from yamlnet.training.failure import placed
    from yamlnet.training.heap import kept
    from yamlnet.training.predict import predictions
    from yamlnet.training.shortage import memory_named

    folder = runs.load(run)
    options = pipeline.heeded(pipeline.text_of(folder), options, READS, "a prediction", allow)
    found = loading.load(folder, which, allow, options)
    encodings = from_json(folder.manifest.get("fields", {}))
    experiment = found.examined.experiment
    assert experiment.data is not None
    given = read_given(files, wanted(experiment.model, experiment.data, encodings))
    for note in given.notes:
        tell(note)
    places = starting.places_of(found.examined)
    network, on = found.network, "on these inputs"
    with kept(), memory_named(), blaming(allow), placed(network, experiment, places, lambda counted: on):
        samples = predictions(network, given, experiment, encodings, found.criteria)
    return Predictions(samples, found, tuple(unfinished(folder, run, found.step)))
