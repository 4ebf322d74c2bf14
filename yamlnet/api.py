"""The public functions: each takes a path, YAML text or a dict, and leads it through the phases.

`allow` names the packages whose layers, functions, losses, optimizers and data sets the file may name by
their dotted path; without it no code that a file names is run. `data_root` names folders that the paths in a
file may lead into, beside the file's own; a text or dict may name any path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yamlnet import loading, pipeline, starting
from yamlnet.catalog.allowed import allowed
from yamlnet.diagnostics import ConfigError, Diagnostic, YamlnetError
from yamlnet.language.files import DataRoot, File, given
from yamlnet.pipeline import examine, options_of

if TYPE_CHECKING:
    from torch import nn

    from yamlnet.network.table import Summary
    from yamlnet.training.observer import Observer
    from yamlnet.training.predict import Predicted
    from yamlnet.training.verdict import Result


def check(
    file: File,
    set: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    data_root: DataRoot = None,
) -> list[Diagnostic]:
    """Every mistake in a file, without its data and without a device, sorted by place.

    Raises YamlnetError for a path that can't be read.
    """
    try:
        return list(examine(given(file, data_root), options_of(set), allow=allowed(allow)).diagnostics)
    except ConfigError as error:  # bytes that are no text
        return error.diagnostics


def build(
    file: File,
    set: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    data_root: DataRoot = None,
) -> nn.Module:
    """The file's network as a plain `nn.Module`, initialised by the file's seed.

    Raises ConfigError for a mistake in the file, YamlnetError where its data can't be read: a data set
    whose images have no fixed shape is read where the model declares no `input`.
    """
    examined = examine(given(file, data_root), options_of(set), allow=allowed(allow))
    examined.raise_if_wrong()
    if examined.shapes is None or not examined.shapes.complete:
        examined = pipeline.with_data(examined)[0]
    return pipeline.network_of(examined)


def summary(
    file: File,
    set: Mapping[str, Any] | None = None,
    depth: int | None = None,
    allow: Sequence[str] = (),
    data_root: DataRoot = None,
) -> Summary:
    """The table of the network's layers; printed, but for where the caller's prompt or notebook shows it.

    Rows deeper than `depth` are counted in those around them; one that reaches into a layer shows what
    modules it is made of.
    Raises ConfigError for a mistake in the file.
    """
    examined = examine(given(file, data_root), options_of(set), allow=allowed(allow))
    examined.raise_if_wrong()
    table = pipeline.summary_of(examined, depth)
    if not hasattr(sys, "ps1") and "ipykernel" not in sys.modules:
        sys.stdout.write(f"{table!r}\n")
    return table


def train(
    file: File,
    set: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    observer: Observer | None = None,
    allow: Sequence[str] = (),
    data_root: DataRoot = None,
) -> Result:
    """Trains a file's network, evaluates it and judges what it expects; the run's folder is `result.path`.

    Raises ConfigError for a mistake in the file, RunError where a layer, the loss or numbers fail and the
    file says where, YamlnetError where data, device or disk do. Ctrl-C raises KeyboardInterrupt once the step
    under way is saved; a second one raises it at once.
    """
    from yamlnet.training.observer import Silent

    source = given(file, data_root)
    examined = examine(source, options_of(set), to_train=True, allow=allowed(allow))
    try:
        return starting.start(examined, Path(runs), observer or Silent())
    except YamlnetError as error:
        if error.exit_code == 130:
            raise KeyboardInterrupt(str(error)) from None
        raise


def load(run: str | Path, which: Literal["best", "last"] = "best", allow: Sequence[str] = ()) -> nn.Module:
    """A run's network in evaluation mode, with the best weights that training found, or the last ones.

    Raises YamlnetError where the folder holds no run, or its weights aren't what was written.
    """
    from yamlnet.training import run as runs

    folder = runs.load(Path(run))
    return loading.load(folder, which, allowed(allow)).network


def evaluate(
    run: str | Path,
    split: Literal["train", "validation", "test"] = "test",
    which: Literal["best", "last"] = "best",
    options: Sequence[str] = (),
    allow: Sequence[str] = (),
    data_root: DataRoot = None,
) -> dict[str, float]:
    """The loss and metrics of a run's weights on a split of its data, or of the data that `options` set.

    Names are `SPLIT.loss` and so on. Raises YamlnetError where the data has no such split.
    """
    from yamlnet import evaluating

    return evaluating.evaluate(Path(run), split, which, options, allowed(allow), data_root).figures


def predict(
    run: str | Path,
    files: Sequence[str],
    which: Literal["best", "last"] = "best",
    options: Sequence[str] = (),
    allow: Sequence[str] = (),
    tell: Callable[[str], object] = lambda note: None,
) -> list[Predicted]:
    """What a run's network, on the CPU, makes of every sample in image files, arrays or tables.

    `-` is standard input. `tell` takes what there is to say of rows that were left out.
    Raises YamlnetError where a file isn't what the network takes, RunError where a layer fails on it.
    """
    from yamlnet import predicting

    return predicting.predict(Path(run), files, which, options, allowed(allow), tell).samples
