"""The run folder: what a training tells in, its files out, and from the files what readers want.

Nothing else reads or writes `runs/NAME/N`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from yamlnet.diagnostics import YamlnetError
from yamlnet.training import checkpoint
from yamlnet.training.checkpoint import DamagedError, Snapshot
from yamlnet.training.durable import sync_folder, write, write_json, writing

Record = Mapping[str, Any]
"""One line of `metrics.jsonl`: `step`, `epoch`, `split` and the split's figures."""

RECORDED, WATCHED = "metrics.jsonl", "watch.jsonl"

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
        return self._text("resolved.yaml")

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was made with; a run under way has no `weights` and `ended` yet."""
        return self._json("manifest.json") or {}

    @property
    def result(self) -> dict[str, Any] | None:
        """What came out; None while the run isn't at its end."""
        return self._json("result.json")

    @property
    def best(self) -> dict[str, Any] | None:
        """The best step, its metric and value; None where nothing chooses one."""
        return self._json("best.json")

    def records(self) -> list[dict[str, Any]]:
        """Every record of `metrics.jsonl`, oldest first."""
        return self._lines(RECORDED)

    def weights(self, which: Literal["best", "last"], warn: Warn) -> tuple[int, dict[str, Tensor]]:
        """The step and the state dict of the best weights, or of the last; averaged ones where there are any.

        The best are the last where nothing chose. Every byte is verified: a damaged best is an error, a
        damaged last is passed over for the one before, with a warning.
        """
        chosen = self.best if which == "best" else None
        snapshot = self.last(warn) if chosen is None else checkpoint.read(self.checkpoints, chosen["step"])
        return snapshot.step, snapshot.averaged_weights

    def last(self, warn: Warn) -> Snapshot:
        """The newest checkpoint that verifies."""
        for step in checkpoint.steps(self.checkpoints):
            try:
                return checkpoint.read(self.checkpoints, step)
            except DamagedError as error:
                warn(f"{error.message}; going on with an older checkpoint")
        raise YamlnetError(f"`{self.path}` has no checkpoint that is whole")

    def save(self, snapshot: Snapshot, keep: int) -> Path:
        """Writes a checkpoint, then deletes older ones but for `keep` and the best ones those know of."""
        checkpoint.write(self.checkpoints, snapshot)
        steps = checkpoint.steps(self.checkpoints)
        kept = {step for step in steps if step <= snapshot.step}
        kept = set(sorted(kept, reverse=True)[:keep])
        for step in tuple(kept):
            best = checkpoint.read_state(self.checkpoints, step).get("best")
            kept.update([best["step"]] if best else [])
        for step in steps:
            if step < snapshot.step and step not in kept:
                with writing(self.checkpoints):
                    checkpoint.remove(checkpoint.folder(self.checkpoints, step))
        return checkpoint.folder(self.checkpoints, snapshot.step)

    def watched(self) -> list[dict[str, Any]]:
        """Every record of `watch.jsonl`, oldest first; none where nothing is watched."""
        return self._lines(WATCHED)

    def append(self, record: Record) -> None:
        """Adds one line to `metrics.jsonl`; what JSON has no number for is written as text: `nan`."""
        self._append(RECORDED, _line(record))

    def append_watched(self, record: Record) -> None:
        """Adds one line to `watch.jsonl`."""
        self._append(WATCHED, _line(record))

    @property
    def num_bytes_recorded(self) -> dict[str, int]:
        """How long the files of records are, once all of each is on disk; those that there are."""
        return {name: self._synced(name) for name in (RECORDED, WATCHED) if (self.path / name).exists()}

    def rewind(self, num_bytes_recorded: Mapping[str, int], best: Mapping[str, Any] | None) -> None:
        """Forgets what was written after a checkpoint: records, the best step and the result."""
        with writing(self.path):
            for name in (RECORDED, WATCHED):
                if (self.path / name).exists():
                    os.truncate(self.path / name, num_bytes_recorded.get(name, 0))
            (self.path / "result.json").unlink(missing_ok=True)
            if best is None:
                (self.path / "best.json").unlink(missing_ok=True)
        if best is not None:
            self.write_best(best)

    def log(self, line: str) -> None:
        """Adds one line to `log.txt`, with the time."""
        self._append("log.txt", f"{now()} {line}")

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Says what the run is made with."""
        write_json(self.path / "manifest.json", manifest)

    def write_best(self, best: Mapping[str, Any]) -> None:
        """Says which step is the best so far, once its checkpoint is on disk."""
        write_json(self.path / "best.json", best)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """The last file of a run: what is there is finished."""
        metrics = {key: _number(value) for key, value in result["metrics"].items()}
        expect = [{**verdict, "value": _number(verdict["value"])} for verdict in result["expect"]]
        write_json(self.path / "result.json", {**result, "metrics": metrics, "expect": expect})

    def _lines(self, name: str) -> list[dict[str, Any]]:
        path = self.path / name
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def _synced(self, name: str) -> int:
        with writing(self.path / name), (self.path / name).open("ab") as file:
            os.fsync(file.fileno())
            return file.tell()

    def _append(self, name: str, line: str) -> None:
        path = self.path / name
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _text(self, name: str) -> str:
        path = self.path / name
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise YamlnetError(f"can't read `{path}`: {error.strerror}") from error

    def _json(self, name: str) -> dict[str, Any] | None:
        if not (self.path / name).exists():
            return None
        try:
            value: dict[str, Any] = json.loads(self._text(name))
        except ValueError as error:
            raise YamlnetError(f"`{self.path / name}` is damaged: {error}") from error
        return value


def create(
    root: Path, name: str, config: bytes, resolved: str, bases: Sequence[tuple[str, bytes]] = ()
) -> Run:
    """A new folder `root/name/N`, N the next free number, with the file as given and as resolved in it.

    `bases` are the names and contents of the files that it extends.
    """
    parent = root / name
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        path = _next_folder(parent)
        (path / "checkpoints").mkdir()
        if bases:
            (path / "extends").mkdir()
        _link(parent / "latest", path.name)
    write(path / "config.yaml", config)
    write(path / "resolved.yaml", resolved.encode())
    for number, (base, content) in enumerate(bases, 1):
        write(path / "extends" / f"{number}-{Path(base).name}", content)
    return Run(path)


def load(folder: Path) -> Run:
    """The run in a folder, `runs/NAME/latest` too."""
    if not (folder / "resolved.yaml").is_file():
        help = "a run is a folder such as `runs/NAME/1`"
        raise YamlnetError(f"there is no run in `{folder}`", help, exit_code=2)
    return Run(folder.resolve())


def now() -> str:
    """The time in UTC, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _next_folder(parent: Path) -> Path:
    number = max((int(path.name) for path in parent.iterdir() if path.name.isdecimal()), default=0) + 1
    while True:
        try:
            (parent / str(number)).mkdir()
        except FileExistsError:
            number += 1
        else:
            return parent / str(number)


def _link(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}-{target}")
    temporary.symlink_to(target, target_is_directory=True)
    os.replace(temporary, link)
    sync_folder(link.parent)


def _line(record: Record) -> str:
    return json.dumps({key: _number(value) for key, value in record.items()}, allow_nan=False)


def _number(value: Any) -> Any:
    """A value as JSON has it, numbers that it has none for as text: `nan`, `inf`, `-inf`."""
    if isinstance(value, list):
        return [_number(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _number(each) for key, each in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
