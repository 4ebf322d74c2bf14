"""Disks that are full, too small or read-only in; what a run said of them, and what it left, out."""

from __future__ import annotations

import os
import resource
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.subject import Told, begin_or_resume, ended, final_bits, in_child, sound, subject
from yamlnet.training.run import Run

NOBODY = 65534


@dataclass
class Disks:
    """What was tried, and what went wrong; what this machine doesn't let one try."""

    tried: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        left_out = f" (not possible here: {', '.join(self.left_out)})" if self.left_out else ""
        return f"disks tried: {', '.join(self.tried)}{left_out}: {len(self.wrong)} wrong"


class Until:
    """`os`, which does something at a number of an operation."""

    def __init__(self, at: int, work: object) -> None:
        self._left, self._work = at, work

    def __getattr__(self, name: str) -> object:
        self._left -= 1
        if self._left == 0:
            self._work()  # type: ignore[operator]
        return getattr(os, name)


def disks(root: Path) -> Disks:
    """Every disk that can be made here."""
    found, made = Disks(), subject(width=400)

    def limited(num_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))

    def train(folder: Path, system: object = os) -> None:
        begin_or_resume(made, folder, Told(), system)

    def too_small(folder: Path) -> None:
        limited(10_000)
        train(folder)

    def small(folder: Path) -> None:
        limited(60_000)
        train(folder)

    def full_midway(folder: Path) -> None:
        train(folder, Until(120, lambda: limited(60_000)))

    def read_only(folder: Path) -> None:
        folder.mkdir(mode=0o555)
        _be_nobody()
        train(folder)

    def read_only_midway(folder: Path) -> None:
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        _be_nobody()
        train(folder, Until(120, lambda: _freeze(folder)))

    cases = {
        "no file may be as large as the weights": (too_small, "files may have 10,000", False),
        "no file may be as large as the state": (small, "File too large", False),
        "limited midway": (full_midway, "File too large", True),
        "read-only": (read_only, "Permission denied", False),
        "read-only midway": (read_only_midway, "Permission denied", True),
    }
    for name, (work, reason, saved) in cases.items():
        if name.startswith("read-only") and os.geteuid() != 0:
            found.left_out.append(name)
            continue
        _try(found, name, root / name.replace(" ", "-"), work, reason, saved)
    _small_disk(found, root, train)
    return found


def _try(found: Disks, name: str, folder: Path, work: object, reason: str, saved: bool) -> None:
    found.tried.append(name)
    words = folder.parent / "words"
    words.write_text("")
    words.chmod(0o666)
    code = ended(in_child(lambda: work(folder), words))  # type: ignore[operator]
    said = words.read_text()
    if code != 3 or reason not in said or f"`{folder}" not in said:
        found.wrong.append(f"{name}: exit {code}, {said}")
    run = folder / "tiny" / "1"
    if run.exists():
        _thaw(folder)
        if sound(run):
            found.wrong.append(f"{name}: not whole: {sound(run)}")
        if saved and not Run(run).has_begun:
            found.wrong.append(f"{name}: no checkpoint is left")
        code = ended(in_child(lambda: begin_or_resume(subject(width=400), folder, Told()), words))
        if code != 0 or final_bits(Run(run))["records"][-1]["split"] != "test":
            found.wrong.append(f"{name}: resuming ended with {code}, {words.read_text()}")


def _small_disk(found: Disks, root: Path, train: object) -> None:
    """A file system of its own that is too small for two checkpoints."""
    folder = root / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        found.left_out.append("a small tmpfs")
        return
    try:
        found.tried.append("a small tmpfs")
        words = root / "words"
        code = ended(in_child(lambda: train(folder), words))  # type: ignore[operator]
        if code != 3 or "No space left on device" not in words.read_text() or sound(folder / "tiny" / "1"):
            found.wrong.append(f"a small tmpfs: exit {code}, {words.read_text()}")
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def _be_nobody() -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _freeze(folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_dir()):
        path.chmod(0o555)


def _thaw(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o755)
