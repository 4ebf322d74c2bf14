"""A run's manifest in; what the run was gone on with otherwise than it was begun, out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yamlnet.training.continuation import Change, shown

ALIKE = (
    r"(expect|train\.(epochs|steps|stop|checkpoint|watch|device|threads|deterministic|memory_format|compile)"
    r"|data\.(memory|workers))(\..*)?"
)
"""Settings that may leave every figure as it would have been with them from the start."""


@dataclass(frozen=True)
class Midway:
    """Settings that hold from a step on, and whether the data are others from there on."""

    step: int
    settings: Mapping[str, Change]
    data: bool

    @property
    def matters(self) -> bool:
        """Whether figures must differ from those of a run that had all this from the start."""
        return self.data or not all(re.fullmatch(ALIKE, key) for key in self.settings)

    def __str__(self) -> str:
        said = [shown(key, change) for key, change in self.settings.items()]
        return f"from step {self.step:,} with " + "; ".join([*said, *(["other data"] if self.data else [])])


def changed_midway(manifest: Mapping[str, Any]) -> Iterator[Midway]:
    """Each time that the run was gone on with after its first step, with other settings or data."""
    digest = manifest.get("data_digest")
    for entry in manifest.get("resumes", ()):
        before, digest = digest, entry["data_digest"]
        changed = Midway(entry.get("step", 0), entry.get("changed", {}), before not in (None, digest))
        if changed.step and (changed.settings or changed.data):
            yield changed
