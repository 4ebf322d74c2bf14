"""A scheduler and the length of the training -> mistakes in lengths that don't fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, plural
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment
from yamlnet.training.plan import plan
from yamlnet.training.schedule import LENGTHS, segments

CODE = "schedule-mismatch"

SLACK = 0.1
"""Schedules that end so much earlier or later than the training hardly differ from those that fit."""

NOTHING = 1e-8
"""What is left of a learning rate that has fallen too far to train anything."""

AFTER_END: Mapping[str, str] = {"CosineAnnealingLR": "rises again", "PolynomialLR": "reaches 0"}


@dataclass(frozen=True)
class Span:
    """How often a scheduler is advanced: a unit is a step or an epoch.

    `num_epochs` tells numbers that were meant as epochs, `part` that other schedulers run before or after.
    """

    length: int
    unit: str
    num_epochs: int | None
    part: bool = False

    def __str__(self) -> str:
        return f"{'it runs for' if self.part else 'the training takes'} {self.units(self.length)}"

    def units(self, count: int) -> str:
        """So many steps or epochs, in words."""
        return plural(count, self.unit)

    def fits(self, length: int) -> bool:
        """Whether a schedule of this length ends about where the training does."""
        return abs(length - self.length) <= max(1, SLACK * self.length)

    def means_epochs(self, number: int) -> bool:
        """Whether a number of steps is so small that it was likely meant as epochs."""
        return self.unit == "step" and 1 < number <= (self.num_epochs or 0) < self.length * SLACK


def judge(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """Schedules that end long before the training or after it, where the training's length is known."""
    span = _span(experiment, facts)
    if span is None or experiment.scheduler is None:
        return
    call = experiment.scheduler.call
    if call.name == "ReduceLROnPlateau" and experiment.train.evaluate == "epoch":
        yield from _plateau(call, span)
    else:
        yield from _judged(call, span)


def _span(experiment: Experiment, facts: Facts | None) -> Span | None:
    """The training's length in the scheduler's unit; None where only the data tells."""
    train, data, scheduler = experiment.train, experiment.data, experiment.scheduler
    if scheduler is None or data is None:
        return None
    steps, epochs = train.steps, train.epochs
    if facts is not None and facts.train is not None:
        known = plan(train, ceil(facts.train / data.batch_size))
        steps, epochs = known.num_steps, known.num_epochs
    length = steps if scheduler.every == "step" else epochs
    return None if length is None else Span(length, scheduler.every, epochs)


def _judged(call: Call, span: Span) -> Iterator[Mistake]:
    if "schedulers" in call.arguments:
        late = list(_late(call, span))
        yield from late
        lengths = segments(call.arguments, span.length) if not late else ()
        for inner, length in zip(call.arguments["schedulers"], lengths, strict=False):
            yield from _judged(inner, replace(span, length=length, part=length < span.length))
    elif call.name in RULES:
        yield from RULES[call.name](call, span)


def _late(call: Call, span: Span) -> Iterator[Mistake]:
    """Milestones that the training doesn't reach."""
    milestones = call.arguments.get("milestones", ())
    late = next((place for place, when in enumerate(milestones) if when >= span.length), None)
    if late is not None:
        message = f"{span.unit} {milestones[late]:,} is never reached: {span}"
        yield Mistake(CODE, (*call.argument_path("milestones"), late), message, severity="warning")


def _milestones(call: Call, span: Span) -> Iterator[Mistake]:
    late = list(_late(call, span))
    yield from late
    milestones = call.arguments.get("milestones", ())
    if not late and milestones and span.means_epochs(milestones[-1]):
        message = f"`{call.name}` is done after {span.units(milestones[-1])}, and {span}"
        yield _warning(call, "milestones", message, "`every: epoch` beside it counts epochs")


def _whole(call: Call, span: Span) -> Iterator[Mistake]:
    """A schedule that should end with the training."""
    parameter = LENGTHS[call.name]
    length = call.arguments.get(parameter)
    if isinstance(length, int) and not span.fits(length):
        does = "ends" if length > span.length else AFTER_END[call.name]
        yield _length(call, parameter, does, length, span)


def _one_cycle(call: Call, span: Span) -> Iterator[Mistake]:
    """A cycle of so many steps; torch refuses to go on after the last."""
    said, parameter = call.arguments, "total_steps"
    total = said.get(parameter)
    if total is None and isinstance(said.get("epochs"), int) and isinstance(said.get("steps_per_epoch"), int):
        total, parameter = said["epochs"] * said["steps_per_epoch"], "epochs"
    if isinstance(total, int) and total < span.length:
        yield replace(_length(call, parameter, "can't go on", total, span), severity="error")
    elif isinstance(total, int) and not span.fits(total):
        yield _length(call, parameter, "ends", total, span)


def _ramp(call: Call, span: Span) -> Iterator[Mistake]:
    """A stretch after which the rate stays as it is: it may end early, unless at 0."""
    length = call.arguments.get("total_iters")
    if isinstance(length, int) and length > span.length:
        yield _length(call, "total_iters", "ends", length, span)
    elif isinstance(length, int) and call.arguments.get("end_factor") == 0 and not span.fits(length):
        yield _length(call, "total_iters", "reaches 0", length, span)


def _cycle(parameter: str, does: str) -> Callable[[Call, Span], Iterator[Mistake]]:
    """The rule of a schedule that does something after a number of steps, and from there on again."""

    def rule(call: Call, span: Span) -> Iterator[Mistake]:
        length = call.with_defaults().get(parameter)
        if isinstance(length, int) and length > span.length and not span.fits(length):
            yield _length(call, parameter, does, length, span)

    return rule


def _powers(call: Call, span: Span) -> Iterator[Mistake]:
    """Powers of `gamma`: none in the whole training, or so many that nothing is left."""
    said = call.with_defaults()
    step, gamma = said.get("step_size", 1), said.get("gamma")
    if not isinstance(step, int) or not isinstance(gamma, int | float):
        return
    if step >= span.length > 1 and "step_size" in said:
        yield _length(call, "step_size", "changes the learning rate", step, span)
    elif 0 < gamma < 1 and gamma ** ((span.length - 1) // step) < NOTHING:
        every = span.unit if step == 1 else span.units(step)
        message = f"`{call.name}` leaves nothing of the learning rate: it falls to {gamma:g} of itself every"
        help = "`every: epoch` beside it counts epochs" if span.unit == "step" else None
        yield _warning(call, "", f"{message} {every}, and {span}", help)


def _plateau(call: Call, span: Span) -> Iterator[Mistake]:
    """A plateau that is waited for longer than the training measures."""
    patience = call.with_defaults().get("patience")
    if isinstance(patience, int) and patience >= span.length > 1:
        yield _length(call, "patience", "waits for an improvement and acts", patience, span)


def _length(call: Call, parameter: str, does: str, length: int, span: Span) -> Mistake:
    """The mistake of what a scheduler does after too long or too short a time."""
    advice = ["`every: epoch` beside it counts epochs"] if span.means_epochs(length) else []
    if parameter == "epochs":
        advice.append("leave `epochs` and `steps_per_epoch` out: the length is inferred")
    elif parameter == LENGTHS.get(call.name):
        advice.append(f"leave `{parameter}` out: it is inferred")
    message = f"`{call.name}` {does} after {span.units(length)}, and {span}"
    return _warning(call, parameter, message, "; or ".join(advice) or None)


def _warning(call: Call, parameter: str, message: str, help: str | None) -> Mistake:
    """A warning at an argument, or at the call's name where the file doesn't say it."""
    if parameter in call.arguments:
        return Mistake(CODE, call.argument_path(parameter), message, help, severity="warning")
    return Mistake(CODE, call.path, message, help, severity="warning", at=name_place(call.path, call.name))


RULES: Mapping[str, Callable[[Call, Span], Iterator[Mistake]]] = {
    "ConstantLR": _ramp,
    "CosineAnnealingLR": _whole,
    "CosineAnnealingWarmRestarts": _cycle("T_0", "restarts for the first time"),
    "CyclicLR": _cycle("step_size_up", "reaches its top"),
    "ExponentialLR": _powers,
    "LinearLR": _ramp,
    "MultiStepLR": _milestones,
    "OneCycleLR": _one_cycle,
    "PolynomialLR": _whole,
    "StepLR": _powers,
}
"""What is held of a scheduler's lengths, by its name."""
