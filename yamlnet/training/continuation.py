"""The settings of a checkpoint and those of today in; what differs, and what of it can't be honoured, out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Train
from yamlnet.training.loop import Position
from yamlnet.training.standing import Standing

NOTHING = "(nothing)"
"""What stands for a key that one side doesn't have."""

Change = tuple[Any, Any]
"""What was said, and what is said now."""

NEVER: Mapping[str, str] = {
    r"version|name": "it is another run's then",
    r"seed": "the first weights and the order of the data follow from it",
    r"(model|init)(\..*)?": "the checkpoint is of another network",
    r"optimizer|optimizer\.(?!groups)[^.]+": "the checkpoint is of another optimizer",
    r"optimizer\.groups(\.\d+\.match)?": "the checkpoint has other groups of parameters",
    r"data\.batch_size|train\.accumulate": "an epoch would have other steps",
    r"scheduler|scheduler\.(?!metric$)[^.]+": "only the arguments and the length of a schedule can change",
}
DATA = r"data|data\.(dataset|fields|target|validation|test)(\..*)?"
BETWEEN_EPOCHS = rf"{DATA}|(loss|metrics)(\..*)?"


@dataclass(frozen=True)
class Permits:
    """What may be otherwise than when the run was started: the environment, the data."""

    environment: bool = False
    data: bool = False


def changes(old: Any, new: Any, key: str = "") -> dict[str, Change]:
    """What differs between two documents, by keys with dots."""
    return dict(_changes(old, new, key))


def _changes(old: Any, new: Any, key: str) -> Iterator[tuple[str, Change]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            inner = f"{key}.{name}" if key else str(name)
            yield from _changes(old.get(name, NOTHING), new.get(name, NOTHING), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and _nested(old + new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _changes(a, b, f"{key}.{index}")
    elif old != new or (type(old) is not type(new) and isinstance(old, bool) != isinstance(new, bool)):
        yield key, (old, new)


def _nested(items: list[Any]) -> bool:
    return all(isinstance(item, Mapping) for item in items)


def refuse(found: Mapping[str, Change], position: Position, permits: Permits) -> None:
    """Raises YamlnetError for the first change that can't be honoured at a position, with the reason."""
    for key, change in found.items():
        said = shown(key, change)
        for pattern, reason in NEVER.items():
            if re.fullmatch(pattern, key):
                raise YamlnetError(f"can't go on with another `{key}`: {reason} ({said})")
        if re.fullmatch(DATA, key) and not permits.data:
            raise YamlnetError(
                f"can't go on with another `{key}`: it is other data ({said})", help="`--allow-data` goes on"
            )
        if re.fullmatch(BETWEEN_EPOCHS, key) and position.batch:
            raise YamlnetError(
                f"`{key}` can change between epochs only, and the checkpoint is "
                f"{position.batch} batches into epoch {position.epoch + 1} ({said})"
            )


def shown(key: str, change: Change) -> str:
    """A change in words: `train.epochs: 2 -> 4`."""
    old, new = (_short(side) for side in change)
    return f"{key}: {old} -> {new}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def adapt(standing: Standing, found: Mapping[str, Change], train: Train) -> None:
    """Lets a standing follow other rules for what is best and when to stop."""
    if "train.checkpoint.best" in found or any(re.match(r"data|loss|metrics", key) for key in found):
        standing.best = None
    if any(key.startswith("train.stop") for key in found):
        if train.stop is None or found.keys() & {"train.stop", "train.stop.metric"}:
            standing.stop_value, standing.waited = None, 0
        standing.stopped = train.stop is not None and standing.waited >= train.stop.patience
