"""A run and the task to go on with in; its training as the newest checkpoint left it, or a refusal, out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.dump import dump
from yamlnet.training import checkpoint, continuation, fitting, state
from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.continuation import Change, Permits
from yamlnet.training.loop import Position
from yamlnet.training.origin import differences, environment
from yamlnet.training.plan import Plan
from yamlnet.training.run import Run, now
from yamlnet.training.setup import Setup, Task
from yamlnet.training.standing import Standing

SAID = {
    "train.threads": ("threads",),
    "train.device": ("device", "device_name", "cuda", "cudnn", "flags"),
    "train.deterministic": ("flags.deterministic",),
    "train.precision": ("flags.matmul_tf32", "flags.conv_tf32"),
}
"""What of the environment the file says itself: changed there, it is wanted so."""

LENGTHS = ("train.epochs", "train.steps")


@dataclass(frozen=True)
class TakenUp:
    """Where a training goes on, and what there is to say of it.

    `saved_step` has a checkpoint of today's settings; None where there is none.
    """

    position: Position
    standing: Standing
    saved_step: int | None
    notes: Sequence[str]


def take_up(
    task: Task,
    run: Run,
    setup: Setup,
    permits: Permits,
    made_with: Mapping[str, Any],
    warn: Callable[[str], None],
) -> TakenUp:
    """Brings model, optimizer and the rest to where the newest checkpoint was, and the folder too.

    The manifest lists the resumption. Without a checkpoint the training begins anew.

    Raises:
        YamlnetError: the run is finished, or can't be gone on with so; nothing was written then.
    """
    run.clear()
    processes = setup.loop.processes
    manifest, has_begun = processes.agreed([run.manifest, run.has_begun] if processes.first else None)
    if "started" not in manifest:  # killed before all of it was written
        manifest = {**made_with, **manifest}
    snapshot = None
    if has_begun:
        snapshot = checkpoint.of_first(processes, lambda: run.last(warn, task.model.state_dict()))
    if snapshot is None:
        position, standing, found, notes = Position(), Standing(), {}, [*task.notes]
    else:
        position, standing = _standing(snapshot)
        found = _changes_since(snapshot, task)
        continuation.refuse(found, position, permits)
        _refuse_other_length(snapshot, setup.plan)
        continuation.adapt(standing, found, task.experiment.train)
        _refuse_finished(run, setup, position, standing)
        notes = []
    surroundings = differences(environment(manifest), environment(made_with))
    _refuse_environment(surroundings, found, permits)
    _refuse_data(manifest, task, permits)
    if snapshot is not None:
        notes += _restore(task, setup, snapshot, position, found)
    entry = {
        "command": made_with["command"],
        "resumed": now(),
        "step": position.step,
        "changed": {key: list(change) for key, change in found.items()},
        "environment": {key: list(change) for key, change in surroundings.items()},
        "data_digest": task.digest,
        "data_parts": dict(task.data_parts),
    }
    _write(run, task, manifest, entry, snapshot, standing, warn)
    return TakenUp(position, standing, None if snapshot is None or found else snapshot.step, notes)


def _changes_since(snapshot: Snapshot, task: Task) -> dict[str, Change]:
    """How the task's settings differ from those that the snapshot was made with."""
    then = snapshot.state.get("settings") or {}
    return continuation.changes(then, json.loads(json.dumps(task.settings))) if then else {}


def _standing(snapshot: Snapshot) -> tuple[Position, Standing]:
    try:
        fitting.num_bytes_recorded(snapshot.state)
        position = fitting.position(snapshot.state)
        if position.step != snapshot.step:
            raise ValueError(f"`position.step` is {position.step}")
        return position, fitting.standing(snapshot.state)
    except (KeyError, ValueError, TypeError) as error:
        raise YamlnetError(
            f"the checkpoint of step {snapshot.step} is of another training: {error}"
        ) from error


def _refuse_other_length(snapshot: Snapshot, plan: Plan) -> None:
    then = snapshot.state["num_batches"]
    if then != plan.num_batches:
        raise YamlnetError(
            "the checkpoint is of another training: "
            f"an epoch had {then} batches, and has {plan.num_batches} here"
        )
    if snapshot.step > plan.num_steps:
        raise YamlnetError(
            f"the run has taken {snapshot.step:,} steps already, and would now end after {plan.num_steps:,}"
        )


def _refuse_finished(run: Run, setup: Setup, position: Position, standing: Standing) -> None:
    ended = standing.stopped or setup.plan.is_over(position)
    if not ended:
        return
    processes = setup.loop.processes
    result = processes.agreed((run.result or {}) if processes.first else None)
    if result.get("exit_code") in (0, 4):
        longer = "train.stop.patience" if standing.stopped else "train.epochs"
        raise YamlnetError(
            f"`{run.path}` is finished after step {position.step}: there is nothing to resume",
            help=f"`--set {longer}=MORE` goes on from there",
        )


def _refuse_environment(
    surroundings: Mapping[str, Change], found: Mapping[str, Change], permits: Permits
) -> None:
    said = tuple(key for setting in found for key in SAID.get(setting, ()))
    unsaid = {key: change for key, change in surroundings.items() if not key.startswith(said or ("\0",))}
    if unsaid and not permits.environment:
        listed = "; ".join(f"`{key}` was {old}, and is {new}" for key, (old, new) in unsaid.items())
        raise YamlnetError(
            f"the environment isn't that of the run any more: {listed}",
            help="`--allow-environment` goes on, to other bits perhaps, and marks the run",
        )


def _refuse_data(manifest: Mapping[str, Any], task: Task, permits: Permits) -> None:
    entries = (manifest, *manifest.get("resumes", ()))
    digests = [digest for entry in entries if isinstance(digest := entry.get("data_digest"), str)]
    if digests and task.digest not in (None, digests[-1]) and not permits.data:
        raise YamlnetError(
            "the data aren't what they were when the run was started: "
            f"their digest was {digests[-1][:12]}..., and is {str(task.digest)[:12]}...",
            help="`--allow-data` goes on with what they are now",
        )


def _restore(
    task: Task, setup: Setup, snapshot: Snapshot, position: Position, found: Mapping[str, Change]
) -> list[str]:
    """Puts the snapshot back; tells what changed, and what came of it."""
    task.model.load_state_dict(dict(snapshot.weights))
    numbers, begins = snapshot.state, position.batch == 0
    state.restore(
        snapshot.tensors, numbers, task.learner, setup.loop, setup.scheduler, task.device, found, begins
    )
    notes = [f"changed: {continuation.shown(key, change)}" for key, change in found.items()]
    before, after = numbers["optimizer"]["groups"][0]["lr"], setup.loop.optimizer.param_groups[0]["lr"]
    if found and float(before) != float(after):
        notes.append(f"the learning rate goes on at {float(after):.4g} instead of {float(before):.4g}")
    elif setup.scheduler is not None and any(key in found for key in LENGTHS):
        notes.append(
            "the schedule isn't stretched to the new length: the file says its lengths, or it has none"
        )
    return notes


def _write(
    run: Run,
    task: Task,
    manifest: Mapping[str, Any],
    entry: Mapping[str, Any],
    snapshot: Snapshot | None,
    standing: Standing,
    warn: Callable[[str], None],
) -> None:
    """Lists the resumption in the manifest, then forgets what came after the checkpoint."""
    kept = {key: value for key, value in manifest.items() if key not in ("weights_digest", "ended")}
    marked = {"environment_changed": True} if entry["environment"] else {}
    run.write_manifest({**kept, **marked, "resumes": [*manifest.get("resumes", ()), entry]})
    if entry["changed"]:
        run.write_resolved(dump(dict(task.settings)))
    best = None if standing.best is None or snapshot is None else snapshot.state["best"]
    sizes = {} if snapshot is None else fitting.num_bytes_recorded(snapshot.state)
    run.rewind(sizes, best, warn)
