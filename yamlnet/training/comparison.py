"""Two runs in; whether they are equal, from which step on they aren't, and what they were made with, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from yamlnet.training.midway import changed_midway
from yamlnet.training.origin import differences, environment
from yamlnet.training.run import Record, Run

TIMES = ("samples_per_second", "time_s")
"""The figures that aren't the same twice."""

BESIDE = ("data_digest", "git", "platform")


@dataclass(frozen=True)
class Difference:
    """A figure of a record that two runs have otherwise; None where one has no such record or figure."""

    step: int
    split: str
    figure: str
    first: Any
    second: Any

    def is_within(self, tolerance: float) -> bool:
        """Whether both are numbers, as near as this share of the larger."""
        numbers = [side for side in (self.first, self.second) if isinstance(side, int | float)]
        return len(numbers) == 2 and abs(numbers[0] - numbers[1]) <= tolerance * max(map(abs, numbers))


@dataclass(frozen=True)
class Comparison:
    """How the second run compares with the first.

    `verdict` is `bits` where the weights and every figure but times are equal to the bit, `tolerance` where
    every figure is near, else `different`. `first` is the earliest difference: None where only weights
    differ. `environment` has what differs of versions, machine, threads, flags and data; `settings` tells
    what the first run was gone on with, and the second had from the start.
    """

    first_run: str
    second_run: str
    verdict: Literal["bits", "tolerance", "different"]
    first: Difference | None
    num_differences: int
    environment: Mapping[str, tuple[Any, Any]]
    settings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 4 where they are different."""
        return 4 if self.verdict == "different" else 0


def compare(first: Run, second: Run, tolerance: float) -> Comparison:
    """Compares two runs by their records and the digests of their weights."""
    found = list(_differences(first, second))
    old, new = first.manifest, second.manifest
    same_weights = old.get("weights_digest") == new.get("weights_digest") is not None
    verdict: Literal["bits", "tolerance", "different"] = "different"
    if all(difference.is_within(tolerance) for difference in found):
        verdict = "bits" if same_weights and not found else "tolerance"
    beside = {key: (old.get(key), new.get(key)) for key in BESIDE if old.get(key) != new.get(key)}
    surroundings = differences(environment(old), environment(new)) | beside
    start = found[0] if found else None
    settings = tuple(str(changed) for changed in changed_midway(old))
    return Comparison(str(first.path), str(second.path), verdict, start, len(found), surroundings, settings)


def _differences(first: Run, second: Run) -> Iterator[Difference]:
    for a, b in zip_longest(first.records(), second.records()):
        yield from _in_record(a or {}, b or {})


def _in_record(first: Record, second: Record) -> Iterator[Difference]:
    place = first or second
    for name in {**first, **second}:
        if name not in TIMES and first.get(name) != second.get(name):
            step, split = place.get("step", 0), place.get("split", "")
            yield Difference(step, split, name, first.get(name), second.get(name))
