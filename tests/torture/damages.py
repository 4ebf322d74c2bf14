"""A run's folder, a seed and a number in; which damages to its checkpoints were overlooked out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from yamlnet.diagnostics import YamlnetError
from yamlnet.training import checkpoint
from yamlnet.training.run import Run

PAGE = 4096


@dataclass
class Damages:
    """How many damages of each kind were done, and those that weren't noticed as they should."""

    done: Counter[str] = field(default_factory=Counter)
    overlooked: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not self.overlooked

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.done.items())
        return f"{self.done.total():,} damages ({kinds}): {len(self.overlooked)} overlooked"


def flipped(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """One bit is the other way round."""
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def truncated(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """The end is missing."""
    return content[: draw.randrange(len(content))]


def zeroed(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """A page is zeros, as a crash of the file system leaves it."""
    start = draw.randrange(len(content)) // PAGE * PAGE
    page = content[start : start + PAGE]
    return content[:start] + bytes(len(page)) + content[start + len(page) :]


def swapped(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """The file is that of the checkpoint before."""
    return other


DAMAGES: dict[str, Callable[[bytes, bytes, random.Random], bytes]] = {
    "bit flips": flipped,
    "truncations": truncated,
    "zeroed pages": zeroed,
    "swapped files": swapped,
}


def damage(found: Run, number: int, seed: int) -> Damages:
    """Damages the newest of a run's checkpoints so often for each file and kind, and repairs it again."""
    draw, result = random.Random(seed), Damages()
    newest, before = checkpoint.steps(found.checkpoints)[:2]
    for path in sorted(checkpoint.folder(found.checkpoints, newest).iterdir()):
        content = path.read_bytes()
        other = (checkpoint.folder(found.checkpoints, before) / path.name).read_bytes()
        for kind, make in DAMAGES.items():
            for _ in range(number if kind != "swapped files" else 1):
                damaged = make(content, other, draw)
                if damaged == content:
                    continue
                path.write_bytes(damaged)
                result.done[kind] += 1
                wrong = _wrong(found, path, before)
                result.overlooked += [f"{kind} of {path.name}: {wrong}"] if wrong else []
        path.write_bytes(content)
    assert found.last(lambda message: None).step == newest
    return result


def _wrong(found: Run, path: Path, before: int) -> str | None:
    warnings: list[str] = []
    try:
        step = found.last(warnings.append).step
    except YamlnetError as error:
        return error.message
    if step != before:
        return f"step {step} was taken"
    return None if len(warnings) == 1 and f"`{path}`" in warnings[0] else f"the warnings are {warnings}"
