"""A choice of how steps are computed, and what is left open of it, in; the fastest way by a few steps out.

Every step is taken on a copy of the network, with an optimizer of its own and draws of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Train
from yamlnet.network.freeze import train_mode
from yamlnet.training import device as devices
from yamlnet.training.choice import Choice, Way
from yamlnet.training.compiled import compiling, failure, is_compiling
from yamlnet.training.heap import kept
from yamlnet.training.objective import Batch
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.setup import set_up

LEAST_GAIN = 0.05
"""The share of a step that another way must save, so that chance doesn't choose."""

MOST_COST = 0.02
"""The share of the whole training that compiling may take before it is known what it saves."""

LEAST_ROUNDS, MOST_ROUNDS, ENOUGH_S = 3, 12, 0.1
HOPELESS = 3.0
"""A way whose first steps take so many times as long isn't looked at any further."""

FAILURES = (RuntimeError, ValueError, IndexError, TypeError, YamlnetError)
"""What a step may raise: then its way isn't chosen."""

SEED = 0


class Stepper:
    """Steps of a choice, on a copy of what it trains."""

    def __init__(self, choice: Choice, group: Sequence[Batch]) -> None:
        task = choice.task
        model, criteria = copy.deepcopy((task.model, dict(task.criteria)))
        train_mode(model, task.frozen)
        self._loop = set_up(replace(task, model=model, criteria=criteria)).loop
        self._group, self._device = group, task.device
        self.step_s()  # in which much is made that later steps find
        self.best_s = self.step_s()

    def step_s(self) -> float:
        """The seconds that one step takes."""
        start = perf_counter()
        self._loop.step(self._group)
        if self._device.type in ("cuda", "mps"):
            getattr(torch, self._device.type).synchronize()
        return perf_counter() - start

    def again(self) -> None:
        """Takes one more step, which may be the fastest."""
        self.best_s = min(self.best_s, self.step_s())


def fastest(rule: Choice, said: Train, ways: Sequence[Way], num_steps: int, runs: Path) -> Choice:
    """The rule, or what a probe finds faster by `LEAST_GAIN`; `said` is the file's section `train`."""
    task = rule.task
    with ExitStack() as stack:
        stack.enter_context(devices.threads(said.threads))
        stack.enter_context(kept())
        stack.enter_context(devices.tensor_float(said.precision == "tf32"))
        stack.enter_context(drawn_apart(task.device, SEED))
        stack.enter_context(compiling(task.experiment.train.compile is True, runs, deterministic=False))
        group = list(islice(task.sources.train.epoch(0), said.accumulate))
        try:
            best, held = rule, Stepper(rule, group)
        except FAILURES:
            return rule  # what is wrong is told by the training itself
        better: list[str] = []
        others: list[str] = []
        for words, way, values in _candidates(rule, said, ways, group):
            other = best.tried(way, **values)
            found = _faster(held, other, group)
            if isinstance(found, Stepper):
                better.append(f"{words} ({_ms(found.best_s)} a step against {_ms(held.best_s)})")
                best, held = other, found
            else:
                others.append(f"{words} ({found})")
        told = (("chosen by timing some steps", better), ("timed and not chosen", others))
        for verdict, names in told:
            best = best.noted(f"{verdict}: {', '.join(names)}") if names else best
        if said.compile == "auto":
            best = _compiled(best, held, group, num_steps, runs)
    return best


def _candidates(
    rule: Choice, said: Train, ways: Sequence[Way], group: Sequence[Batch]
) -> Iterator[tuple[str, Way | None, Mapping[str, str]]]:
    """What may be faster: the name that a note gives it, how the optimizer steps, and values of `train`."""
    task = rule.task
    for way in ways[1:]:
        yield "`foreach: true`" if way["foreach"] else "`fused: false`", way, {}
    if said.precision == "auto" and task.device.type == "cpu":
        yield "`bf16`", None, {"precision": "bf16"}
    has_images = any(group[0][name].dim() == 4 for name in task.inputs)
    if said.memory_format == "auto" and has_images and any(p.dim() == 4 for p in task.model.parameters()):
        yield "`channels_last`", None, {"memory_format": "channels_last"}


def _faster(held: Stepper, other: Choice, group: Sequence[Batch]) -> Stepper | str:
    """Steps of another way, where they are faster twice; else why it isn't chosen, in a few words."""
    try:
        stepper = Stepper(other, group)
    except FAILURES as error:
        return _line(error)
    for _ in range(2):
        if stepper.best_s < HOPELESS * held.best_s:
            _race(held, stepper)
        if stepper.best_s > (1 - LEAST_GAIN) * held.best_s:
            return f"{_ms(stepper.best_s)} a step against {_ms(held.best_s)}"
    return stepper


def _race(held: Stepper, other: Stepper) -> None:
    """Finds the fastest step of both anew, by some of each in turn."""
    start = perf_counter()
    held.best_s, other.best_s = held.step_s(), other.step_s()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and perf_counter() - start > ENOUGH_S:
            return
        held.again()
        other.again()


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _line(error: BaseException) -> str:
    found = failure(error) if is_compiling(error) else error
    return str(found).strip().split("\n")[0]


def _compiled(best: Choice, held: Stepper, group: Sequence[Batch], num_steps: int, runs: Path) -> Choice:
    """The best way compiled, where that pays; tried only where the trial is cheap against the training."""
    auto = "`train.compile: auto` is"
    cost_s, whole_s = expected_cost_s(best.task.model), num_steps * held.best_s
    if cost_s > MOST_COST * whole_s:
        return best.noted(
            f"{auto} false: compiling takes about {cost_s:.0f} s, and all steps about {whole_s:.0f} s without"
        )
    other = best.tried(compile=True)
    with compiling(True, runs, deterministic=False):
        start = perf_counter()
        found = _faster(held, other, group)
        spent_s = perf_counter() - start
    if isinstance(found, str):
        return best.noted(f"{auto} false: {found}")
    saved_s, words = num_steps * (held.best_s - found.best_s), f"against {_ms(held.best_s)}"
    verdict = "true" if saved_s > spent_s else "false"
    chosen = other if saved_s > spent_s else best
    return chosen.noted(f"{auto} {verdict}: a compiled step takes {_ms(found.best_s)} {words}")


def expected_cost_s(network: nn.Module) -> float:
    """About how long compiling takes where nothing is kept of it: each layer has a few kernels."""
    return 10.0 + 2.0 * sum(1 for module in network.modules() if not any(True for _ in module.children()))
