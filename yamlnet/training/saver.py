"""Snapshots of a training in; checkpoints, written by a thread while training goes on, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.run import Run


class Saver:
    """Writes at most one checkpoint at a time; who brings the next one, or wants to end, waits for it."""

    def __init__(self, run: Run, keep: int, saved: Callable[[int, Path], object]) -> None:
        """`saved` is told of each checkpoint that is on disk, in the thread that brings the snapshots."""
        self._run, self._keep, self._saved = run, keep, saved
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="yamlnet-saver")
        self._writing: Future[Path] | None = None
        self._step = 0

    def submit(self, snapshot: Snapshot, best: Mapping[str, Any] | None) -> None:
        """Copies a snapshot aside and begins to write it; `best` becomes the run's best once it is on disk.

        Raises:
            YamlnetError: the checkpoint before couldn't be written.
        """
        self.wait()
        self._step = snapshot.step
        self._writing = self._thread.submit(self._write, snapshot.copied(), best)

    def wait(self) -> None:
        """Waits until nothing is being written.

        Raises:
            YamlnetError: it couldn't be written.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._saved(self._step, writing.result())

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, *_: object) -> None:
        """Lets what is being written be finished, however training ended."""
        self._thread.shutdown()

    def _write(self, snapshot: Snapshot, best: Mapping[str, Any] | None) -> Path:
        path = self._run.save(snapshot, self._keep)
        if best is not None:
            self._run.write_best(best)
        return path
