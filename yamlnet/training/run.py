"""The run folder: what a training tells in, its files out, and from the files what readers want.

Nothing else reads or writes `runs/NAME/N`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.render import printable
from yamlnet.training import checkpoint, stored
from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.stored import DamagedError

Record = Mapping[str, Any]
"""One line of `metrics.jsonl`: `step`, `epoch`, `split` and the split's figures."""

RECORDED, WATCHED, RESOLVED = "metrics.jsonl", "watch.jsonl", "resolved.yaml"

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """One run by its folder."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """The folder that holds the checkpoints' folders."""
        return self.path / "checkpoints"

    @property
    def resolved(self) -> str:
        """The text of the file with every default and expression in it."""
        try:
            return stored.content(self.path / RESOLVED).decode()
        except UnicodeDecodeError as error:
            raise stored.damaged(self.path / RESOLVED, "it is no text") from error

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was made with; a run under way has no `weights` and `ended` yet."""
        manifest = self._json("manifest.json") or {}
        resumes = manifest.get("resumes", [])
        if not isinstance(resumes, list) or not all(map(_is_resumption, resumes)):
            raise stored.damaged(self.path / "manifest.json", "`resumes` lists something else")
        return manifest

    @property
    def result(self) -> dict[str, Any] | None:
        """What came out; None while the run isn't at its end."""
        return self._json("result.json")

    @property
    def best(self) -> dict[str, Any] | None:
        """The best step, its metric and value; None where nothing chooses one."""
        best = self._json("best.json")
        if best is not None and type(best.get("step")) is not int:
            raise stored.damaged(self.path / "best.json", "it names no step")
        return best

    def records(self) -> list[dict[str, Any]]:
        """Every record of `metrics.jsonl`, oldest first."""
        return stored.records(self.path / RECORDED)

    def clear(self) -> None:
        """Clears away what a process that was killed has left half done."""
        disk.remove_remains(self.path)
        disk.remove_remains(self.checkpoints)

    def chosen(
        self, which: Literal["best", "last"], warn: Warn, network: Mapping[str, Tensor] | None = None
    ) -> Snapshot:
        """The snapshot of the best weights, or of the last.

        The best are the last where nothing chose. Every byte is verified: a damaged best is an error, a
        damaged last is passed over for the one before, with a warning. `network` is the state dict that the
        weights are for.
        """
        chosen = self.best if which == "best" else None
        if chosen is None:
            return self.last(warn, network)
        return checkpoint.read(self.checkpoints, chosen["step"], network)

    def last(self, warn: Warn, network: Mapping[str, Tensor] | None = None) -> Snapshot:
        """The newest checkpoint that verifies."""
        for step in checkpoint.steps(self.checkpoints):
            try:
                return checkpoint.read(self.checkpoints, step, network)
            except DamagedError as error:
                warn(f"{error.message}; going on with an older checkpoint")
        raise YamlnetError(f"`{self.path}` has no checkpoint that is whole")

    @property
    def has_begun(self) -> bool:
        """Whether a checkpoint was ever written, whole or not by now."""
        return bool(checkpoint.steps(self.checkpoints))

    def save(self, snapshot: Snapshot, keep: int) -> Path:
        """Writes a checkpoint, then deletes older ones but for `keep` and the best ones those know of.

        The records that it counts are on disk before it is.
        """
        for name in (RECORDED, WATCHED):
            if (self.path / name).exists():
                disk.sync(self.path / name)
        checkpoint.write(self.checkpoints, snapshot)
        steps = [step for step in checkpoint.steps(self.checkpoints) if step <= snapshot.step]
        best = {checkpoint.best_step(self.checkpoints, step) for step in steps[:keep]}
        for step in steps[keep:]:
            if step not in best:
                disk.remove_folder(checkpoint.folder(self.checkpoints, step))
        return checkpoint.folder(self.checkpoints, snapshot.step)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Within it no other process writes to the run.

        Raises:
            YamlnetError: another one does; the message says which.
        """
        with disk.owned(self.path / ".lock", f"`{self.path}`"):
            yield

    def watched(self) -> list[dict[str, Any]]:
        """Every record of `watch.jsonl`, oldest first; none where nothing is watched."""
        return stored.records(self.path / WATCHED)

    def append(self, record: Record) -> None:
        """Adds one line to `metrics.jsonl`; what JSON has no number for is written as text: `nan`."""
        disk.append(self.path / RECORDED, _line(record))

    def append_watched(self, record: Record) -> None:
        """Adds one line to `watch.jsonl`."""
        disk.append(self.path / WATCHED, _line(record))

    @property
    def num_bytes_recorded(self) -> dict[str, int]:
        """How long the files of records are; those that there are."""
        files = [self.path / name for name in (RECORDED, WATCHED)]
        return {file.name: file.stat().st_size for file in files if file.exists()}

    def rewind(
        self, num_bytes_recorded: Mapping[str, int], best: Mapping[str, Any] | None, warn: Warn
    ) -> None:
        """Forgets what was written after a checkpoint: records, the best step and the result.

        The result goes first: a run that lost its end isn't finished.
        """
        disk.remove(self.path / "result.json")
        for name in (RECORDED, WATCHED):
            self._cut(self.path / name, num_bytes_recorded.get(name, 0), warn)
        if best is None:
            disk.remove(self.path / "best.json")
        else:
            self.write_best(best)

    def _cut(self, path: Path, size: int, warn: Warn) -> None:
        """Takes away what a file of records has beyond a size, and a line that was cut off."""
        try:
            with stored.opened(path) as (file, found):
                kept = file.read(size)
        except DamagedError:
            if size:
                warn(f"`{path}` is gone: what was recorded before is lost")
            return
        whole = kept.rfind(b"\n") + 1
        if whole < size:
            warn(f"`{path}` has lost {size - whole:,} of its {size:,} bytes")
        if whole < found:
            disk.truncate(path, whole)

    def log(self, line: str) -> None:
        """Adds one line to `log.txt`, with the time."""
        disk.append(self.path / "log.txt", f"{now()} {printable(line)}")

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Says what the run is made with."""
        disk.write_json(self.path / "manifest.json", manifest)

    def write_resolved(self, text: str) -> None:
        """Says what the run's settings are from now on."""
        disk.write(self.path / RESOLVED, text.encode())

    def write_profile(self, profile: Mapping[str, Any], trace: bytes) -> None:
        """Keeps where the time of some steps went, and their trace in Chrome's format."""
        files = {"profile.json": disk.as_json(profile), "trace.json": trace}
        disk.write_folder(self.path / "profile", files)

    @property
    def profile(self) -> dict[str, Any] | None:
        """Where the time of some steps went; None where nobody asked, or too few were taken."""
        return self._json("profile/profile.json")

    def write_best(self, best: Mapping[str, Any]) -> None:
        """Says which step is the best so far, once its checkpoint is on disk."""
        disk.write_json(self.path / "best.json", best)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """The last file of a run: what is there is finished."""
        metrics = {key: _number(value) for key, value in result["metrics"].items()}
        expect = [{**verdict, "value": _number(verdict["value"])} for verdict in result["expect"]]
        disk.write_json(self.path / "result.json", {**result, "metrics": metrics, "expect": expect})

    def _json(self, name: str) -> dict[str, Any] | None:
        return stored.json_object(self.path / name) if (self.path / name).exists() else None


class Followed(Run):
    """A run that another process writes: here nothing of it is."""

    @contextmanager
    def owned(self) -> Iterator[None]:
        yield

    def clear(self) -> None: ...
    def append(self, record: Record) -> None: ...
    def append_watched(self, record: Record) -> None: ...
    def log(self, line: str) -> None: ...
    def write_manifest(self, manifest: Mapping[str, Any]) -> None: ...
    def write_resolved(self, text: str) -> None: ...
    def write_best(self, best: Mapping[str, Any]) -> None: ...
    def write_result(self, result: Mapping[str, Any]) -> None: ...

    def rewind(
        self, num_bytes_recorded: Mapping[str, int], best: Mapping[str, Any] | None, warn: Warn
    ) -> None: ...


def create(
    root: Path,
    name: str,
    config: bytes,
    resolved: str,
    bases: Sequence[tuple[str, bytes]] = (),
    read: Mapping[str, Any] | None = None,
) -> Run:
    """A new folder `root/name/N`, N the next free number, with the file as given and as resolved in it.

    `bases` are the names and contents of the files that it extends; `read` is what the manifest says of what
    was read, until all of it is known. The folder is there whole, or not at all.
    """
    files = {"config.yaml": config, RESOLVED: resolved.encode()}
    if read is not None:
        files["manifest.json"] = disk.as_json(read)
    for number, (base, content) in enumerate(bases, 1):
        files[f"extends/{number}-{Path(base).name}"] = content
    parent = root / name
    disk.make_folder(parent)
    with disk.waiting_for(parent):
        taken = [int(path.name) for path in parent.iterdir() if re.fullmatch("[0-9]{1,9}", path.name)]
        path = parent / str(max(taken, default=0) + 1)
        disk.write_folder(path, files)
        disk.link(parent / "latest", path.name)
    return Run(path)


def load(folder: Path) -> Run:
    """The run in a folder, `runs/NAME/latest` too."""
    if not (folder / RESOLVED).is_file():
        newest = folder / "latest"
        is_parent = (newest / RESOLVED).is_file()
        help = f"the newest in it is `{newest}`" if is_parent else "a run is a folder such as `runs/NAME/1`"
        raise YamlnetError(f"there is no run in `{folder}`", help, exit_code=2)
    return Run(folder.resolve())


def now() -> str:
    """The time in UTC, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_resumption(entry: Any) -> bool:
    """Whether an entry of the manifest's `resumes` has what is read of it."""
    changed = entry.get("environment") if isinstance(entry, dict) else None
    pairs = changed.values() if isinstance(changed, dict) else [None]
    return all(isinstance(pair, list) and len(pair) == 2 for pair in pairs) and "data_digest" in entry


def _line(record: Record) -> str:
    return json.dumps({key: _number(value) for key, value in record.items()}, allow_nan=False)


def _number(value: Any) -> Any:
    """A value as JSON has it, numbers that it has none for as text: `nan`, `inf`, `-inf`."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _number(each) for key, each in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
