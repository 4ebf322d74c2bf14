"""What someone tries that isn't in the language yet -> what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yamlnet.diagnostics import Mistake, Path

SWEPT = ("data", "optimizer", "scheduler", "seed", "train")
"""Sections whose values people try several of."""

ONE_OPTIMIZER = (
    "`groups` of one optimizer have learning rates of their own: `groups: [{match: NAME, lr: 0.001}]`"
)
_SWEEP = "sweeps aren't in the language yet: train once for each value, with `--set KEY=VALUE`"

KEYS: Mapping[str, str] = {
    "optimizers": f"several optimizers aren't in the language yet; {ONE_OPTIMIZER}",
    **dict.fromkeys(("sweep", "sweeps", "grid", "search", "hyperparameters"), _SWEEP),
}
"""Keys of a document that isn't ours yet, with what helps."""


def several_optimizers(value: Any, path: Path, is_optimizer: Callable[[str], bool]) -> Mistake | None:
    """The mistake of a list of optimizers, of two side by side, or of names for several."""
    calls = value if isinstance(value, list) else _side_by_side(value, is_optimizer)
    if len(calls) < 2:
        return None
    return Mistake(
        "wrong-value", path, "several optimizers aren't in the language yet", ONE_OPTIMIZER, at="key"
    )


def _side_by_side(value: Any, is_optimizer: Callable[[str], bool]) -> list[Any]:
    """The optimizers of a mapping: its keys, or the values where the keys are names for them."""
    if not isinstance(value, dict):
        return []
    calls = [key for key in value if is_optimizer(key)]
    if calls:
        return calls
    names = [next(iter(below)) if isinstance(below, dict) and below else below for below in value.values()]
    return [name for name in names if isinstance(name, str) and is_optimizer(name)]


def one_run_each(value: Any, path: Path, accepts: Callable[[Any], bool]) -> str | None:
    """How values are tried one after another, where a list of them stands in the place of one."""
    several = isinstance(value, list) and len(value) > 1 and path[0] in SWEPT
    if not several or not all(map(accepts, value)):
        return None
    key = ".".join(map(str, path))
    if path[:2] == ("data", "fields"):
        return "each is a field of its own; `stack` and `cat` put fields together in the network"
    return f"sweeps aren't in the language yet: train once for each value, with `--set {key}={value[0]}`"


def split_at_commas(value: Any, plainly: Callable[[str], Any]) -> Any:
    """`1,2` of the command line as the list that it was meant to be; anything else as it is."""
    if not isinstance(value, str) or "," not in value:
        return value
    parts = [part.strip() for part in value.split(",")]
    return [part if (plain := plainly(part)) is None else plain for part in parts]
