"""A finished run in; the same file trained again, and whether that gave the same, out."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from yamlnet import disk, launch, pipeline, starting
from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.files import DataRoot

if TYPE_CHECKING:
    from yamlnet.training.comparison import Comparison
    from yamlnet.training.observer import Observer
    from yamlnet.training.run import Run

TOLERANCE = 0.01


def reproduce(
    run: Path,
    observer: Observer,
    runs: Path | None = None,
    tolerance: float = TOLERANCE,
    allow: Allowed = NOTHING,
    data_root: DataRoot = None,
) -> Comparison | None:
    """Trains a run's `resolved.yaml` again, and compares every record and the weights.

    The new run is a folder below `runs`, or nowhere when this ends. `tolerance` is the share by which figures
    may differ. Of several processes the first alone compares.

    Raises:
        YamlnetError: the run isn't finished, its file alone doesn't give it, or training fails.
    """
    from yamlnet.training import run as folders
    from yamlnet.training.comparison import compare

    first = folders.load(run)
    if (first.result or {}).get("exit_code") not in (0, 4):
        raise YamlnetError(
            f"`{first.path}` isn't finished: there is nothing to compare with",
            help=f"`yamlnet train --resume {run}` finishes it",
        )
    _refuse_changed(first, observer)
    examined = pipeline.examine(pipeline.text_of(first, data_root), to_train=True, allow=allow)
    examined.raise_if_wrong()
    with disk.temporary_folder() if runs is None else nullcontext(runs) as folder:
        result = starting.start(examined, folder, observer)
        if not launch.is_first():
            return None
        return compare(first, folders.load(result.path), tolerance)


def _refuse_changed(run: Run, observer: Observer) -> None:
    """Raises YamlnetError where the file doesn't say what the run was; warns where it may not."""
    from yamlnet.training.midway import changed_midway

    changed = list(changed_midway(run.manifest))
    said = ", and ".join(map(str, changed))
    if any(each.matters for each in changed):
        raise YamlnetError(
            f"`{run.path}` can't be repeated by its file alone: it went on {said}",
            help=f"`yamlnet train {run.path / 'resolved.yaml'}` trains the last settings from the start",
        )
    if changed:
        observer.warned(f"the run went on {said}: here that holds from the start")
