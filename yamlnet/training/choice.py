"""A task in; the same one, what was left open of how its steps are computed chosen, out.

With `deterministic: true` by fixed rules. Else a few steps on copies of the network tell which way is the
fastest, where the training is long enough for them to repay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yamlnet import launch
from yamlnet.training import device as devices
from yamlnet.training import optimise
from yamlnet.training.plan import plan
from yamlnet.training.processes import ALONE, Processes
from yamlnet.training.setup import Task

LEAST_STEPS = 2_000
"""A training of fewer steps isn't worth a probe."""

Way = Mapping[str, bool]
"""How an optimizer steps, as arguments of it: `fused`, `foreach`."""


@dataclass(frozen=True)
class Choice:
    """The task with nothing left open, how its optimizer steps beside what the file says, and why."""

    task: Task
    way: Way = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def settings(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The whole document, with what was chosen in it."""
        experiment = self.task.experiment
        train = {key: getattr(experiment.train, key) for key in ("precision", "memory_format", "compile")}
        device = self.task.device
        name = str(device) if launch.count() == 1 else device.type  # each process has one of its own
        train |= {"device": name, "threads": devices.num_threads(experiment.train.threads)}
        found = {**document, "train": {**document["train"], **train}}
        if experiment.optimizer is not None and self.way:
            section, name = document["optimizer"], experiment.optimizer.call.name
            found["optimizer"] = {**section, name: {**(section[name] or {}), **self.way}}
        return found

    def tried(self, way: Way | None = None, **said: Any) -> Choice:
        """Another choice: other values in `train`, another way to step."""
        experiment = self.task.experiment
        changed: dict[str, Any] = {"train": experiment.train.model_copy(update=said)}
        if way is not None:
            assert experiment.optimizer is not None
            changed["optimizer"] = optimise.stepped(experiment.optimizer, way)
        task = replace(self.task, experiment=experiment.model_copy(update=changed))
        return Choice(task, self.way if way is None else way, self.notes)

    def noted(self, note: str) -> Choice:
        """The same with one more thing to say of it."""
        return replace(self, notes=(*self.notes, note))


def choose(task: Task, runs: Path, processes: Processes = ALONE) -> Choice:
    """What the file leaves open of precision, memory format, compiling and the optimizer's kernels.

    The task's model and all random states stay as they are. Code that a probe compiles is kept below the
    folder `runs`.
    """
    train, device = task.experiment.train, task.device
    assert task.experiment.optimizer is not None
    ways = optimise.ways(task.experiment.optimizer, task.learner, device)
    rule = Choice(task).tried(
        ways[0],
        precision=devices.precision(train.precision, device),
        memory_format="contiguous" if train.memory_format == "auto" else train.memory_format,
        compile=train.compile is True,
    )
    if len(ways) == 1 and "auto" not in (train.precision, train.memory_format, train.compile):
        return rule
    num_steps = plan(train, len(task.sources.train)).num_steps
    if not train.deterministic and num_steps >= LEAST_STEPS and processes.count == 1:
        from yamlnet.training.fastest import fastest

        return fastest(rule, train, ways, num_steps, runs)
    if train.compile != "auto":
        return rule
    few = f"{num_steps:,} steps are too few to try what it saves"
    reason = "with `deterministic: true` no timing chooses" if train.deterministic else few
    reason = reason if processes.count == 1 else "several processes train the network as it is"
    return rule.noted(f"`train.compile: auto` is false: {reason}")
