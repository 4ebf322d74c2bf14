"""A run and what its weights are measured on in; what speaks against the figures, in words, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamlnet.diagnostics import plural

if TYPE_CHECKING:
    from yamlnet.data.splits import Prepared
    from yamlnet.language.experiment import Data
    from yamlnet.training.run import Run


@dataclass(frozen=True)
class Doubt:
    """Why a figure may not be what it seems, and what to do about it."""

    message: str
    help: str | None = None


def unfinished(run: Run, given: Path, step: int) -> list[Doubt]:
    """That the run whose weights of a step these are isn't at its end; `given` is how it was named."""
    result = run.result or {}
    if result.get("exit_code") in (0, 4):
        return []
    state, reason = ("failed", f": {result['error']}") if "error" in result else ("isn't finished", "")
    help = f"`yamlnet train --resume {given}` goes on with it"
    return [Doubt(f"the run {state}, and these are its weights of step {step:,}{reason}", help)]


def other_data(run: Run, trained: Data, asked: Data, prepared: Prepared, split: str) -> list[Doubt]:
    """That a split isn't what training held out or measured: other data, or another share of them.

    `trained` is the data section that the run was trained with, `asked` the one that `prepared` was read by.
    """
    from yamlnet.data.splits import shares_of

    recorded = _recorded(run)
    if not recorded:
        return []
    if split in shares_of(asked):
        if any(parts.get("train") != prepared.digests["train"] for parts in recorded):
            message = (
                f"the data aren't what the run was trained on, and the {split} split is a share drawn from "
                "them: it may hold samples that were trained on"
            )
            return [Doubt(message, f"`--set data.{split}=DATASET` measures all of another data set")]
        return _of_other_share(trained, asked, prepared, split)
    is_meant = _reading(asked, split) != _reading(trained, split)
    if is_meant or recorded[-1].get(split) == prepared.digests.get(split):
        return []
    return [Doubt(f"the {split} split isn't what it was when the run was trained: the data have changed")]


def _recorded(run: Run) -> list[Mapping[str, Any]]:
    """The digest of each part of the data, as the run was begun and each time that it was gone on with."""
    manifest = run.manifest
    entries = (manifest, *manifest.get("resumes", ()))
    return [parts for entry in entries if isinstance(parts := entry.get("data_parts"), dict)]


def _reading(data: Data, split: str) -> tuple[Any, ...]:
    """What a data section says of how a split is read."""
    return data.dataset, data.fields, data.target, data.transforms, getattr(data, split, None)


def _of_other_share(trained: Data, asked: Data, prepared: Prepared, split: str) -> list[Doubt]:
    from yamlnet.data.splits import shares_of, shuffled_places

    shares, before = shares_of(asked), shares_of(trained)
    count = sum(len(getattr(prepared, name)) for name in ("train", *shares))
    measured, seen = shuffled_places(count, shares)[split], shuffled_places(count, before)["train"]
    both = range(max(measured.start, seen.start), min(measured.stop, seen.stop))
    if not both:
        return []
    share = "all" if both == measured else f"{len(both):,} of the"
    message = f"{share} {plural(len(measured), 'sample')} of the {split} split were trained on"
    was = f"was {before[split]}" if split in before else "wasn't said"
    return [Doubt(message, f"`data.{split}` {was} in training")]
