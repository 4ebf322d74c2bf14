"""An experiment, its model and its data in; every object that a training runs with, made once, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.draws import outputs_drawn
from yamlnet.language.experiment import Experiment
from yamlnet.training import graphs, optimise, schedule
from yamlnet.training.average import Average
from yamlnet.training.compiled import Compiled
from yamlnet.training.criteria import Learner
from yamlnet.training.device import autocast, laid_out, precision, scaler
from yamlnet.training.evaluate import Evaluator
from yamlnet.training.failure import Places
from yamlnet.training.loop import Forward, Loop, forward
from yamlnet.training.meter import meter
from yamlnet.training.objective import Batch, Criteria, Objective, objective
from yamlnet.training.plan import Plan, plan
from yamlnet.training.processes import ALONE, Processes
from yamlnet.training.resample import resampler
from yamlnet.training.sources import Source, Sources
from yamlnet.training.sums import Sums
from yamlnet.training.watch import Figures, Watcher


@dataclass(frozen=True)
class Task:
    """What is to be trained on what: the checked file, the built model on its device, and the data.

    `inputs` are the fields of a batch that the model takes, in order. `num_classes` and `digest` are the
    data's; None where it has no classes. `fields` tells how the fields were made of the data, as JSON.
    `frozen` are the names of what is frozen in the model, `notes` what there is to say of it and of the
    data before it is trained. `chosen` has the initialisers of each parameter and buffer. `settings` is the
    whole document with every default in it, as JSON has it. `weights_files` has the SHA-256 of each file of
    weights that the model starts from, `data_parts` that of each part of the data. `example` is an output and
    a batch of any size.
    `places` tells where the file says what runs, `needs` how much memory a step takes, if that can be said.
    """

    experiment: Experiment
    model: nn.Module
    inputs: tuple[str, ...]
    sources: Sources
    device: torch.device
    num_classes: int | None = None
    digest: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    chosen: Mapping[str, Sequence[Call]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights_files: Mapping[str, str] = field(default_factory=dict)
    data_parts: Mapping[str, str] = field(default_factory=dict)
    example: tuple[Any, Batch] = field(kw_only=True)
    places: Places = field(default_factory=Places)
    needs: Callable[[], str | None] = lambda: None
    criteria: Criteria = field(default_factory=dict, kw_only=True)

    @property
    def learner(self) -> Learner:
        """The model and the losses with weights: all that is trained."""
        return Learner(self.model, self.criteria)


@dataclass(frozen=True)
class Setup:
    """What a task needs to run, beside the model; `scheduler` is advanced by `loop` or after each epoch.

    `source` gives the batches, or this process's share of each. `whole` takes steps on whole batches.
    `prepare` is called before the first step. `uncaptured` tells why no step becomes a CUDA graph, on CUDA.
    """

    plan: Plan
    source: Source
    loop: Loop
    whole: Loop
    evaluator: Evaluator
    scheduler: LRScheduler | None
    scheduler_metric: str | None
    rising: frozenset[str]
    prepare: Callable[[], object] = lambda: None
    uncaptured: str | None = None


def set_up(
    task: Task, keep: Callable[[Figures], object] = lambda record: None, processes: Processes = ALONE
) -> Setup:
    """Makes the optimizer, the schedule and the rest of what the file names; `keep` takes what is watched.

    Raises:
        YamlnetError: a section is missing, torch refuses an argument, a metric isn't measured, or several
            processes can't do it.
    """
    train, device = task.experiment.train, task.device
    lengths = plan(train, len(task.sources.train))
    evaluator = evaluator_of(task, processes)
    training = evaluator_of(task, processes).sums
    rising = _measured(task)
    section = task.experiment.scheduler
    optimizer = _optimizer(task)
    metric = _scheduler_metric(task)
    _check_metrics(task, metric, rising)
    scheduler = None
    if section is not None:
        num_advances = lengths.num_steps if section.every == "step" else lengths.num_epochs
        scheduler = schedule.scheduler(section.call, optimizer, num_advances)
    scaling = scaler(precision(train.precision, device), device)
    whole = Loop(
        _forward(task, training.objective, _compiled(task)) if train.compile is True else evaluator.forward,
        training.objective,
        training,
        optimizer,
        optimise.trained(optimizer),
        field=task.inputs[0],
        accumulate=train.accumulate,
        scaler=scaling,
        clip=optimise.clipper([clip for _, clip in train.clips], task.learner, optimizer),
        skips=train.non_finite == "skip",
        buffers=list(task.learner.buffers()) if train.non_finite == "skip" else (),
        scheduler=scheduler if section is not None and section.every == "step" and metric is None else None,
        average=None if train.ema is None else Average(task.learner, train.ema),
        resample=resampler(task.model, train.resample, task.chosen, task.experiment.seed),
        watcher=None
        if train.watch is None
        else Watcher(train.watch, task.model, keep, scaling, processes.count),
    )
    rises = frozenset(k for k, up in rising.items() if up)
    made = Setup(lengths, task.sources.train, whole, whole, evaluator, scheduler, metric, rises)
    made = made if processes.count == 1 else _divided(task, made, processes)
    return _captured(task, made)


def _captured(task: Task, setup: Setup) -> Setup:
    """The same, its steps taken by CUDA graphs where the device has them and nothing speaks against it."""
    machine = graphs.machine(task.device)
    if machine is None:
        return setup
    from yamlnet.training.capturable import obstacle
    from yamlnet.training.captured import Captured

    found = obstacle(task, setup.loop)
    if found is None:
        setup.loop.ahead = Captured(setup.loop, task.learner, machine)
    return replace(setup, uncaptured=found)


def _divided(task: Task, setup: Setup, processes: Processes) -> Setup:
    """The same, where several processes take their shares of every batch."""
    from yamlnet.training import division  # what it imports of torch takes its time
    from yamlnet.training.shares import Divided, least_rows

    whole, section = setup.whole, task.experiment.loss
    assert section is not None
    division.refuse(task.experiment.train, task.model, whole.optimizer, task.device)
    source = Divided(task.sources.train, processes, task.inputs[0], least_rows(task.model))
    terms = division.Division(section, whole.objective, task.device, processes)
    following = terms.following(_forward(task, terms.objective, task.model))
    run = division.Together(
        division.Step(task.model, task.criteria, following),
        whole.forward,
        processes,
        task.device,
    )
    loop = replace(whole, forward=run, objective=terms.objective, processes=processes)
    return replace(setup, source=source, loop=loop, prepare=lambda: run.prepare(next(source.epoch(0))))


def evaluator_of(task: Task, processes: Processes = ALONE) -> Evaluator:
    """What it takes to evaluate the task's model."""
    experiment, device = task.experiment, task.device
    if experiment.loss is None:
        raise YamlnetError("there is no `loss` to measure", exit_code=1)
    aim = objective(experiment.loss, device, task.criteria)
    run = _forward(task, aim, task.model)
    metrics, loss = experiment.metrics, experiment.loss
    counted = meter(metrics, loss, task.example, task.num_classes, device, task.criteria)
    totals = Sums(aim, counted, device, processes)
    return Evaluator(task.learner, run, totals, task.inputs[0], processes)


def _forward(task: Task, aim: Objective, network: Callable[..., Any]) -> Forward:
    """What runs the task's network, or what stands for it, in the file's precision; losses are float32."""
    train = task.experiment.train
    run = autocast(network, precision(train.precision, task.device), task.device)
    run = laid_out(run, train.memory_format)
    return forward(run, task.inputs, aim, outputs_drawn(task.experiment))


def _compiled(task: Task) -> Compiled:
    data, all_alike = task.experiment.data, len(task.sources.train) == 1
    return Compiled(task.model, None if data is None or all_alike else data.batch_size)


def _optimizer(task: Task) -> torch.optim.Optimizer:
    if task.experiment.optimizer is None:
        raise YamlnetError("training needs an `optimizer`", exit_code=1)
    return optimise.optimizer(task.experiment.optimizer, task.learner, task.device)


def _scheduler_metric(task: Task) -> str | None:
    """What `ReduceLROnPlateau` looks at: where the file doesn't say, the validation loss if there is one."""
    section = task.experiment.scheduler
    if section is None or section.call.name != "ReduceLROnPlateau":
        return None
    return section.metric or ("train.loss" if task.sources.validation is None else "validation.loss")


def _measured(task: Task) -> dict[str, bool]:
    """The figures that are known while training runs, and whether higher is better."""
    loss = task.experiment.loss
    up = dict.fromkeys(["loss", *(f"loss.{name}" for name in (loss.terms if loss else ()) if name)], False)
    calls = {name: term.call for name, term in task.experiment.metrics.items()}
    up |= {name: call is not None and call.entry.rising is True for name, call in calls.items()}
    splits = ["train"] if task.sources.validation is None else ["train", "validation"]
    return {f"{split}.{name}": rises for split in splits for name, rises in up.items()}


def _check_metrics(task: Task, scheduler_metric: str | None, measured: Mapping[str, bool]) -> None:
    train = task.experiment.train
    wanted = {
        "train.stop.metric": train.stop and train.stop.metric,
        "train.checkpoint.best": train.checkpoint.best,
        "scheduler.metric": scheduler_metric,
    }
    for key, metric in wanted.items():
        if metric is not None and metric not in measured:
            raise YamlnetError(
                f"`{key}` is `{metric}`, which training doesn't measure",
                help="choose from " + ", ".join(f"`{name}`" for name in measured),
                exit_code=1,
            )
