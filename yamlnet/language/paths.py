"""The paths that a document says -> where each leads, and which of them lead out of the folders they may."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from yamlnet.catalog.entry import Call
from yamlnet.catalog.own import PATHS, is_path
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.experiment import Experiment
from yamlnet.language.files import Text
from yamlnet.language.merge import OPTIONS
from yamlnet.language.nodes import Weights, walk
from yamlnet.language.source import Document

if TYPE_CHECKING:
    from yamlnet.language.check import Checked


@dataclass(frozen=True)
class Said:
    """A path as a file, or the command line, says it, and the folder that it is relative to.

    `place` is where a mistake in it is told; `free` that the person who runs yamlnet says it.
    """

    written: str
    place: Path
    folder: FilePath
    own: bool
    free: bool
    source: Text

    @property
    def path(self) -> FilePath:
        """The path, absolute; ValueError where there can be none of that name."""
        return joined(self.folder, self.written)

    def leads_out(self, path: FilePath) -> bool:
        """Whether a path, its links followed, is outside of the folders granted to the file."""
        return not self.free and leads_out(path, self.source, self.folder)

    def judged(self) -> Mistake | None:
        """What is wrong with the path."""
        try:
            path = self.path
        except ValueError as error:
            return Mistake("wrong-value", self.place, f"`{self.written}` can't be a path: {error}")
        if self.leads_out(path):
            return self.refused()
        if self.free or not is_special(path):
            return None
        message = f"`{self.written}` is no file or folder, but a device, a pipe or a socket"
        return Mistake("wrong-value", self.place, message)

    def refused(self) -> Mistake:
        """The mistake that a path leads out."""
        key = ".".join(str(step) for step in self.place)
        option = shlex.quote(f"{key}={os.path.realpath(self.path)}")
        help = f"whoever runs it may allow it: `--set {option}`, or `--data-root {root_for(self.path)}`"
        return Mistake("outside-path", self.place, outside_of(self.path, self.written, self.folder), help)


def dataset_calls(experiment: Experiment | None) -> Iterator[Call]:
    """The data sets of an experiment."""
    if experiment is not None and experiment.data is not None:
        parts = (experiment.data.dataset, experiment.data.validation, experiment.data.test)
        yield from (part for part in parts if isinstance(part, Call))


def path_of(checked: Checked, call: Call, parameter: str) -> FilePath:
    """A path of the file, absolute: relative to the file that says it, or to the working directory
    where the command line does."""
    assert checked.document is not None
    return _said(checked.source, checked.document, call, parameter).path


def located(checked: Checked, call: Call, parameter: str) -> str:
    """An argument of a data set, absolute where it is a path."""
    written, path = str(call.with_defaults()[parameter]), path_of(checked, call, parameter)
    return str(path) if is_path(call.name, parameter, written, path) else written


def weights_file(checked: Checked, weights: Weights) -> FilePath:
    """Where a file of weights is, absolute, as `path_of` finds it."""
    assert checked.document is not None
    return _of_weights(checked.source, checked.document, weights).path


def weights_of(experiment: Experiment) -> list[Weights]:
    """The files of weights that a network starts from."""
    model = experiment.model
    roots = [model.root, *(edit.node for edit in model.edits if edit.node is not None)]
    nodes = (node for root in roots for _, node in walk(root))
    return list({w.file_path: w for node in nodes if (w := node.beside.weights) is not None}.values())


def weights_digests(checked: Checked) -> dict[str, str]:
    """The SHA-256 of each file of weights that the network starts from."""
    files = [] if checked.experiment is None else weights_of(checked.experiment)
    return {str(path): _sha256(path) for path in (weights_file(checked, weights) for weights in files)}


def outside(source: Text, document: Document, experiment: Experiment, trained: bool) -> Iterator[Mistake]:
    """The paths that lead out of where they may; a `trained` network reads no files of weights.

    Data that a run has on record may lie anywhere: the digest of `strays` is compared once they are read.
    """
    for said in _data_paths(source, document, experiment):
        found = said.judged()
        deferred = said.own and source.recorded_data and not is_special(said.path)
        if found is not None and not (found.code == "outside-path" and deferred):
            yield found
    for weights in () if trained else weights_of(experiment):
        said = _of_weights(source, document, weights)
        found = said.judged()
        if found is not None and not (said.own and _is_recorded(said.path, source.recorded_weights)):
            yield found


def strays(checked: Checked, digests: Mapping[str, str]) -> list[Mistake]:
    """The mistake that each path of the data is which a run's record alone could permit, and doesn't.

    `digests` are the SHA-256 of each part that was read.
    """
    if checked.document is None or checked.experiment is None or checked.experiment.data is None:
        return []
    data, known = checked.experiment.data, checked.source.recorded_data
    by_call = {key: (key,) for key in ("validation", "test") if isinstance(getattr(data, key), Call)}
    parts = {"dataset": tuple(part for part in digests if part not in by_call), **by_call}
    found = _data_paths(checked.source, checked.document, checked.experiment)
    return [
        said.refused()
        for said in found
        if said.leads_out(said.path)
        and not known.issuperset(digests[part] for part in parts[str(said.place[1])])
    ]


def said_by(checked: Checked, call: Call) -> Iterator[Said]:
    """What a data set says of paths."""
    assert checked.document is not None
    yield from _paths_in(checked.source, checked.document, call)


def outside_of(path: FilePath, written: str, folder: FilePath) -> str:
    """The words for a path that leads out of a file's folder."""
    real = os.path.realpath(path)
    leads = "is" if real == written else f"leads to `{real}`,"
    return f"`{written}` {leads} outside of the file's folder `{folder}`"


def root_for(path: FilePath) -> str:
    """The folder to permit, as the shell takes it, so that a path may be read."""
    real = FilePath(os.path.realpath(path))
    return shlex.quote(str(real if real.is_dir() else real.parent))


def joined(folder: FilePath, written: str) -> FilePath:
    """What is written as a path of its own: relative to `folder`, `~` the home folder.

    Raises ValueError where no path can be written so.
    """
    os.fsencode(written)
    if "\0" in written:
        raise ValueError("it holds a null character")
    return (folder / os.path.expanduser(written)).absolute()


def leads_out(path: FilePath, source: Text, folder: FilePath | None = None) -> bool:
    """Whether a path, its links followed, is outside of `folder` and of the folders granted to a file."""
    real = FilePath(os.path.realpath(path))
    granted = (folder or source.folder, source.folder, *source.roots)
    return not any(real.is_relative_to(os.path.realpath(root)) for root in granted)


def _data_paths(source: Text, document: Document, experiment: Experiment) -> Iterator[Said]:
    for call in dataset_calls(experiment):
        yield from _paths_in(source, document, call)


def _paths_in(source: Text, document: Document, call: Call) -> Iterator[Said]:
    for parameter in PATHS:
        if isinstance(call.with_defaults().get(parameter), str):
            said = _said(source, document, call, parameter)
            if _is_path(call.name, parameter, said):
                yield said


def _is_path(name: str, parameter: str, said: Said) -> bool:
    try:
        return is_path(name, parameter, said.written, said.path)
    except (ValueError, OSError):  # whatever it is, it is told
        return True


def _said(source: Text, document: Document, call: Call, parameter: str) -> Said:
    said_at = call.argument_path(parameter) if parameter in call.arguments else None
    return _written(source, document, call.with_defaults()[parameter], said_at, said_at or call.path)


def _of_weights(source: Text, document: Document, weights: Weights) -> Said:
    return _written(source, document, weights.file, weights.file_path, weights.file_path)


def _written(source: Text, document: Document, written: str, said_at: Path | None, place: Path) -> Said:
    file = source.file if said_at is None else document.span(said_at).file
    folder = FilePath.cwd() if file == OPTIONS else document.folders.get(file, source.folder)
    own = file == source.file
    return Said(written, place, folder, own, file == OPTIONS or (source.free and own), source)


def _is_recorded(path: FilePath, recorded: frozenset[str]) -> bool:
    """Whether a file of weights is one that the run's record knows."""
    try:
        return bool(recorded) and path.is_file() and _sha256(path) in recorded
    except OSError:
        return False


def _sha256(path: FilePath) -> str:
    """Of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_special(path: FilePath) -> bool:
    """Whether there is something that is neither file nor folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
