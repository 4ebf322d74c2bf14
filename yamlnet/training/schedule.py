"""The scheduler section, an optimizer and the length of the training in; a torch scheduler out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.network.construct import arguments
from yamlnet.training.calls import construct
from yamlnet.training.fitting import check_alike

LENGTHS: Mapping[str, str] = {
    "ConstantLR": "total_iters",
    "CosineAnnealingLR": "T_max",
    "LinearLR": "total_iters",
    "OneCycleLR": "total_steps",
    "PolynomialLR": "total_iters",
}
"""The parameter of a scheduler that is the number of its advances."""

MAX_ADVANCES = 10**8

RATES = ("max_lr", "base_lr")


def scheduler(call: Call, optimizer: Optimizer, num_advances: int) -> LRScheduler:
    """The scheduler of the file, to be advanced `num_advances` times in the whole training.

    Lengths that the file leaves out are inferred. One number for a `max_lr` is that of the optimizer's own
    `lr`: each group gets its share.
    """
    return _made(call, optimizer, num_advances, _shares(optimizer))


def _made(call: Call, optimizer: Optimizer, num_advances: int, shares: Sequence[float]) -> LRScheduler:
    given = arguments(call)
    length = LENGTHS.get(call.name)
    if length is not None and given.get(length) is None and given.get("epochs") is None:
        given[length] = num_advances
    for rate in RATES:
        if isinstance(given.get(rate), (int, float)):
            given[rate] = [given[rate] * share for share in shares]
    if "schedulers" in given:
        lengths = segments(given, num_advances)
        inner = [_call(nested, call) for nested in given["schedulers"]]
        given["schedulers"] = [_made(c, optimizer, n, shares) for c, n in zip(inner, lengths, strict=True)]
    # `ChainedScheduler` takes the schedulers first and the optimizer only by keyword
    made: LRScheduler = construct(call, arguments={"optimizer": optimizer, **given})
    return made


def moves_momentum(call: Call) -> bool:
    """Whether the scheduler changes more than learning rates."""
    nested = [_call(one, call) for one in call.arguments.get("schedulers", ())]
    return bool(call.with_defaults().get("cycle_momentum")) or any(map(moves_momentum, nested))


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


def state(scheduler: LRScheduler) -> Any:
    """All that a scheduler holds but the milestones of `MultiStepLR`, which the file says and JSON can't."""
    return _without_counters(scheduler.state_dict())


def resume(
    scheduler: LRScheduler | None, optimizer: Optimizer, saved: Any, changed: Collection[str] = ()
) -> bool:
    """Brings a fresh scheduler to where a saved one was; whether the optimizer's saved settings hold on.

    Where keys of the file have `changed`, the schedule may be another one: it is then advanced from its start
    as often as the saved one was, and the optimizer has the rates that it would have had so. A
    `ReduceLROnPlateau` keeps what it has seen.
    """
    same = not any(key.startswith("optimizer.") for key in changed)
    if scheduler is None:
        return same
    if not changed or isinstance(scheduler, ReduceLROnPlateau):
        fresh = state(scheduler)
        loaded = saved if not changed else {**fresh, **_seen(saved, fresh, changed)}
        check_alike(fresh, loaded, "scheduler")
        scheduler.load_state_dict(loaded)
        return same
    optimizer._opt_called = True  # type: ignore[attr-defined]  # or torch warns that no step was taken before
    for _ in range(_num_advances(saved)):
        scheduler.step()
    return same and json.loads(json.dumps(state(scheduler))) == saved


def _seen(saved: Mapping[str, Any], fresh: Mapping[str, Any], changed: Collection[str]) -> dict[str, Any]:
    """What a `ReduceLROnPlateau` remembers, as far as it still looks at the same figure."""
    forgets = "scheduler.metric" in changed or fresh["mode"] != saved["mode"]
    kept = ("last_epoch", "_last_lr", "cooldown_counter", *(() if forgets else ("best", "num_bad_epochs")))
    return {key: saved[key] for key in kept}


def _num_advances(saved: Mapping[str, Any]) -> int:
    """How often a saved schedule was advanced; `ChainedScheduler` counts in the schedules that it holds."""
    found = saved["last_epoch"] if "last_epoch" in saved else saved["_schedulers"][0]["last_epoch"]
    if type(found) is not int or not 0 <= found <= MAX_ADVANCES:
        raise ValueError(f"`scheduler.last_epoch` is {found!r}")
    return found


def _without_counters(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _without_counters(v) for key, v in state.items() if not isinstance(v, Counter)}
    return [_without_counters(v) for v in state] if isinstance(state, list) else state
