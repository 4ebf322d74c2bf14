"""A task and a run folder in; the trained weights, the records and the verdict in the folder out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict
from time import perf_counter
from typing import Any

import torch

from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.network.freeze import train_mode
from yamlnet.seeds import seed_of
from yamlnet.training import checkpoint, state
from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.continuation import Permits
from yamlnet.training.device import deterministic, failures, tensor_float, threads
from yamlnet.training.interrupt import Interrupted, Interruption, interruptible
from yamlnet.training.loop import REPORT_EVERY_S, Position
from yamlnet.training.objective import Batch
from yamlnet.training.observer import Observer, Progress, Silent
from yamlnet.training.origin import origin
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.resumption import take_up
from yamlnet.training.run import Run, now
from yamlnet.training.saver import Saver
from yamlnet.training.setup import Setup, Task, set_up
from yamlnet.training.standing import Standing
from yamlnet.training.verdict import Result, verdicts

SILENT, NO_PERMITS = Silent(), Permits()


def train(task: Task, run: Run, observer: Observer = SILENT) -> Result:
    """Trains from the start, in a run folder just made; the model ends with the weights that were tested.

    Raises:
        YamlnetError: the loss isn't finite, the disk is full, ... (3), or the training was interrupted
            (130) or terminated (143), after a checkpoint. No such run looks finished.
    """
    return _train(task, run, observer, permits=None)


def resume(task: Task, run: Run, observer: Observer = SILENT, permits: Permits = NO_PERMITS) -> Result:
    """Goes on from the run's newest checkpoint, to the same bits as a training that nobody stopped.

    Where the task's settings aren't those of the checkpoint, the task's hold from there on.

    Raises:
        YamlnetError: the run is finished, or can't be gone on with so: it stays as it is. Else as `train`.
    """
    return _train(task, run, observer, permits)


def _train(task: Task, run: Run, observer: Observer, permits: Permits | None) -> Result:
    seed = seed_of(task.experiment.seed, "training")
    with ExitStack() as stack:
        stack.enter_context(run.owned())
        if permits is None:
            stack.enter_context(_failure_noted(run))
        stack.enter_context(failures())
        stack.enter_context(threads(task.experiment.train.threads))
        interruption = stack.enter_context(interruptible())
        stack.enter_context(deterministic(task.experiment.train.deterministic))
        stack.enter_context(tensor_float(task.experiment.train.precision == "tf32"))
        stack.enter_context(drawn_apart(task.device, seed))
        saver = stack.enter_context(Saver(run, task.experiment.train.checkpoint.keep, observer.saved))
        trainer = Trainer(task, run, observer, interruption, set_up(task, run.append_watched), saver)
        trainer.begin(permits)
        if permits is not None:  # what is refused leaves the run as it is; what fails from here on is noted
            stack.enter_context(_failure_noted(run))
            stack.enter_context(failures())
        trainer.fit()
        return trainer.finish()


@contextmanager
def _failure_noted(run: Run) -> Iterator[None]:
    """Leaves a failure's one line in the run's folder, as far as the disk still takes it."""
    try:
        yield
    except YamlnetError as error:
        with suppress(YamlnetError):
            run.log(error.message)
            if not isinstance(error, Interrupted):
                run.write_result(
                    {"metrics": {}, "expect": [], "exit_code": error.exit_code, "error": error.message}
                )
        raise
    except RuntimeError as error:
        words = str(error).strip().split("\n")[0]
        with suppress(YamlnetError):
            run.log(words)
            run.write_result({"metrics": {}, "expect": [], "exit_code": 3, "error": words})
        raise YamlnetError(f"PyTorch can't go on: {words}") from error


class Trainer:
    """A training under way: its steps, and what is due between them."""

    def __init__(
        self,
        task: Task,
        run: Run,
        observer: Observer,
        interruption: Interruption,
        setup: Setup,
        saver: Saver,
    ) -> None:
        self.task, self.run, self.observer, self.setup, self.saver = task, run, observer, setup, saver
        self.interruption = interruption
        self.position = Position()
        self.standing = Standing()
        self._batches: Iterator[Batch] | None = None
        self._saved_step: int | None = None
        self._next_report_s = 0.0

    def begin(self, permits: Permits | None) -> None:
        """Notes what the run is made with; goes back to the newest checkpoint where it is resumed."""
        task, optimizer = self.task, self.setup.loop.optimizer
        disk.require_space(self.run.path, sum(t.nbytes for t in task.model.state_dict().values()))
        made_with = origin(task.device, task.experiment.seed) | {
            "optimizer": {"name": type(optimizer).__name__, "fused": bool(optimizer.defaults.get("fused"))},
            "data_digest": task.digest,
            "fields": task.fields,
            "notes": list(task.notes),
            "started": now(),
        }
        notes: Sequence[str] = task.notes
        if permits is None:
            self.run.write_manifest(made_with)
        else:
            taken_up = take_up(task, self.run, self.setup, permits, made_with, self._warn)
            self.position, self.standing, notes = taken_up.position, taken_up.standing, taken_up.notes
            self._saved_step = taken_up.saved_step
        how = "started" if permits is None else "resumed"
        self.run.log(f"{how} after step {self.position.step} on {task.device}")
        self.observer.started(self.run.path, self.setup.plan.num_steps, self.position.step)
        for note in notes:
            self._note(note)
        if task.experiment.train.precision == "tf32" and task.device.type != "cuda":
            self._note(f"`precision: tf32` is fp32 on {task.device}: only CUDA has TF32")

    def fit(self) -> None:
        """Trains to the end; after an interruption to the step under way, which is saved."""
        plan, position = self.setup.plan, self.position
        train_mode(self.task.model, self.task.frozen)
        try:
            while True:
                if plan.is_pause(position) and position.step > self.standing.settled:
                    self._settle()
                if plan.is_over(position) or self.standing.stopped:
                    return
                if self._batches is None:
                    self._batches = iter(self.task.sources.train.epoch(position.epoch, position.batch))
                until = plan.next_pause(position.step)
                self.setup.loop.run(self._batches, position, until, self.interruption, self._report)
                self._check_interruption()
        except Interrupted:
            self._save()
            self.saver.wait()
            raise

    def finish(self) -> Result:
        """Tests the best weights where a metric chooses them, else the last; judges; writes the result."""
        self.saver.wait()
        digest = self._load_final()
        best = self.standing.best
        figures = self.standing.figures | (best["figures"] if best else {})
        if self.task.sources.test is not None:
            tested = self.setup.evaluator.evaluate(self.task.sources.test, self._check_interruption)
            self._record("test", tested)
            figures |= _named("test", tested)
        parameters = list(self.task.model.parameters())
        figures["parameters"] = sum(p.numel() for p in parameters)
        figures["trainable_parameters"] = sum(p.numel() for p in parameters if p.requires_grad)
        judged = verdicts(self.task.experiment.expect, figures)
        result = Result(self.run.path, figures, judged, _public(best), self.position.step)
        self.run.write_manifest({**self.run.manifest, "weights_digest": digest, "ended": now()})
        self.run.log(f"finished after step {self.position.step}")
        self.run.write_result(result.as_dict())
        return result

    def _settle(self) -> None:
        """Does all that is due after a step: records, evaluation, schedule, early stop, checkpoint."""
        plan, position, standing = self.setup.plan, self.position, self.standing
        ends_epoch = plan.is_epoch_over(position)
        measured: dict[str, dict[str, float]] = {}
        if ends_epoch or plan.is_over(position):
            measured["train"] = self._training_figures()
        if self.task.sources.validation is not None and plan.is_due(plan.evaluate, position):
            measured["validation"] = self._validate()
        # an interruption until here leaves all of it to be done again; from here on there is none
        for split, figures in measured.items():
            self._record(split, figures)
        new = {
            key: value for split, figures in measured.items() for key, value in _named(split, figures).items()
        }
        is_best = standing.settle(
            position.step, position.epoch + 1, new, self.task.experiment.train, self.setup.rising
        )
        self._advance_schedule(new, ends_epoch)
        saves = is_best or standing.stopped or plan.is_due(plan.checkpoint, position)
        if ends_epoch:
            position.next_epoch()
            self.setup.loop.sums.reset()
            self._batches = None
        if saves:
            self._save()
        if standing.stopped:
            self._note(f"stopped after step {position.step}: no better for {standing.waited} evaluations")

    def _training_figures(self) -> dict[str, float]:
        position, sums = self.position, self.setup.loop.sums
        if not position.num_samples:
            raise YamlnetError(
                f"no sample of epoch {position.epoch + 1} had a finite loss",
                help="`train.non_finite: stop` names the first such step",
            )
        return {
            **sums.figures(position.num_samples),
            "samples_per_second": position.samples_per_second,
            "time_s": position.time_s,
            "lr": float(self.setup.loop.optimizer.param_groups[0]["lr"]),
            "num_skipped": position.num_skipped,
        }

    def _validate(self) -> dict[str, float]:
        average = self.setup.loop.average
        assert self.task.sources.validation is not None
        with nullcontext() if average is None else average.applied():
            return self.setup.evaluator.evaluate(self.task.sources.validation, self._check_interruption)

    def _advance_schedule(self, figures: Mapping[str, float], ends_epoch: bool) -> None:
        scheduler, metric = self.setup.scheduler, self.setup.scheduler_metric
        if scheduler is None or scheduler is self.setup.loop.scheduler:
            return
        if metric is None and ends_epoch:
            scheduler.step()
        elif metric is not None and metric in figures:
            scheduler.step(figures[metric])  # type: ignore[arg-type]  # a figure is what a plateau is seen in

    def _save(self) -> None:
        """Has a checkpoint of this step written, unless there is one."""
        step, best = self.position.step, _public(self.standing.best)
        found = best if best is not None and best["step"] == step else None
        if self._saved_step != step:
            tensors, numbers = state.capture(
                self.task.model, self.setup.loop, self.setup.scheduler, self.task.device
            )
            numbers |= {"position": asdict(self.position), "standing": asdict(self.standing), "best": best}
            numbers |= {"num_bytes_recorded": self.run.num_bytes_recorded, "settings": self.task.settings}
            numbers["num_batches"] = self.setup.plan.num_batches
            self._check_finite()
            self.saver.submit(Snapshot(step, self.task.model.state_dict(), tensors, numbers), found)
            self._saved_step = step
        elif found is not None:
            self.saver.wait()
            self.run.write_best(found)

    def _load_final(self) -> str:
        """Loads the weights to test from their checkpoint; gives their digest."""
        _, weights = self.run.weights("last" if self.standing.best is None else "best", self._warn)
        self.task.model.load_state_dict(weights)
        return checkpoint.digest(weights)

    def _check_interruption(self) -> None:
        self.interruption.check(self.position.step)

    def _check_finite(self) -> None:
        parameters = [p.detach() for p in self.task.model.parameters()]
        if parameters and not torch.stack([p.isfinite().all() for p in parameters]).all():
            raise YamlnetError(
                f"the weights aren't finite any more after step {self.position.step}",
                help="a lower learning rate or `train.clip` often helps",
            )

    def _report(self, loss: float) -> None:
        position, now_s = self.position, perf_counter()
        if now_s < self._next_report_s or not position.num_samples:
            return
        self._next_report_s = now_s + REPORT_EVERY_S
        num_steps, rate = self.setup.plan.num_steps, position.samples_per_second
        samples_per_step = position.num_samples / -(-position.batch // self.setup.loop.accumulate)
        time_left_s = (num_steps - position.step) * samples_per_step / rate
        self.observer.progressed(
            Progress(position.step, num_steps, position.epoch + 1, loss, rate, time_left_s)
        )

    def _record(self, split: str, figures: Mapping[str, float]) -> None:
        # an epoch that is under way counts; one that was just begun doesn't
        epoch = self.position.epoch + (self.position.batch > 0)
        record: dict[str, Any] = {"step": self.position.step, "epoch": epoch, "split": split, **figures}
        self.run.append(record)
        self.observer.recorded(record)

    def _note(self, message: str) -> None:
        self.run.log(message)
        self.observer.noted(message)

    def _warn(self, message: str) -> None:
        self.run.log(f"warning: {message}")
        self.observer.warned(message)


def _named(split: str, figures: Mapping[str, float]) -> dict[str, float]:
    """The figures by the names that `best`, `stop` and `expect` use."""
    return {f"{split}.{name}": value for name, value in figures.items()}


def _public(best: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What `best.json` holds."""
    return None if best is None else {key: best[key] for key in ("step", "epoch", "metric", "value")}
