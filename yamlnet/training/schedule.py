"""The scheduler section, an optimizer and the length of the training in; a torch scheduler out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.network.construct import arguments
from yamlnet.training.calls import construct

LENGTHS: Mapping[str, str] = {
    "ConstantLR": "total_iters",
    "CosineAnnealingLR": "T_max",
    "LinearLR": "total_iters",
    "OneCycleLR": "total_steps",
    "PolynomialLR": "total_iters",
}
"""The parameter of a scheduler that is the number of its advances."""

RATES = ("max_lr", "base_lr")


def scheduler(
    call: Call, optimizer: Optimizer, num_advances: int, higher_is_better: bool = False
) -> LRScheduler:
    """The scheduler of the file, to be advanced `num_advances` times in the whole training.

    Lengths that the file leaves out are inferred. One number for a `max_lr` is that of the optimizer's own
    `lr`: each group gets its share. `ReduceLROnPlateau` follows the direction of its metric.
    """
    return _made(call, optimizer, num_advances, higher_is_better, _shares(optimizer))


def _made(
    call: Call, optimizer: Optimizer, num_advances: int, higher_is_better: bool, shares: Sequence[float]
) -> LRScheduler:
    given = arguments(call)
    length = LENGTHS.get(call.name)
    if length is not None and given.get(length) is None and given.get("epochs") is None:
        given[length] = num_advances
    for rate in RATES:
        if isinstance(given.get(rate), (int, float)):
            given[rate] = [given[rate] * share for share in shares]
    if call.name == "ReduceLROnPlateau" and "mode" not in call.arguments:
        given["mode"] = "max" if higher_is_better else "min"
    if "schedulers" in given:
        lengths = segments(given, num_advances)
        inner = [_call(nested, call) for nested in given["schedulers"]]
        given["schedulers"] = [
            _made(c, optimizer, n, higher_is_better, shares) for c, n in zip(inner, lengths, strict=True)
        ]
    # `ChainedScheduler` takes the schedulers first and the optimizer only by keyword
    made: LRScheduler = construct(call, arguments={"optimizer": optimizer, **given})
    return made


def _shares(optimizer: Optimizer) -> list[float]:
    """Each group's `lr` as a share of the optimizer's own; schedules change both as soon as they are made."""
    base = optimizer.defaults["lr"]
    return [group["lr"] / base if base else 1.0 for group in optimizer.param_groups]


def segments(given: Mapping[str, Any], num_advances: int) -> Sequence[int]:
    """How often each of the nested schedulers is advanced: between the milestones, else all the time."""
    if "milestones" not in given:
        return [num_advances] * len(given["schedulers"])
    ends = [*given["milestones"], num_advances]
    return [max(1, end - start) for start, end in zip([0, *given["milestones"]], ends, strict=True)]


def _call(nested: Call | str | Mapping[str, Any], outer: Call) -> Call:
    """A nested call, which the checked file may hold as it was written."""
    if isinstance(nested, Call):
        return nested
    name, argument = (nested, {}) if isinstance(nested, str) else next(iter(nested.items()))
    entry = lookup.find(name, "scheduler")
    assert entry is not None, f"unchecked scheduler `{name}` in `{outer.name}`"
    if not isinstance(argument, Mapping):
        assert entry.positional is not None, f"unchecked argument of `{name}`"
        argument = {entry.positional.name: argument}
    return Call(entry, argument, outer.argument_path("schedulers"))
