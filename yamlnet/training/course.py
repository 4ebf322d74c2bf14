"""A task, what trains it and a run folder in; the training step by step, with what is due between, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, replace
from itertools import islice
from time import perf_counter
from typing import Any, Literal

from torch import Tensor

from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.network.freeze import train_mode
from yamlnet.training import checkpoint, randomness, state
from yamlnet.training.care import Care, kept
from yamlnet.training.checkpoint import Snapshot
from yamlnet.training.continuation import Permits
from yamlnet.training.diagnosis import Diagnosis
from yamlnet.training.divisible import refuse_other_data
from yamlnet.training.interrupt import Interrupted, Interruption
from yamlnet.training.loop import REPORT_EVERY_S, NotFiniteError, Position, finite_weights
from yamlnet.training.objective import Batch
from yamlnet.training.observer import Observer, Progress, Silent
from yamlnet.training.origin import of_task
from yamlnet.training.processes import Pace
from yamlnet.training.resumption import take_up
from yamlnet.training.run import Run, now
from yamlnet.training.saver import Saver
from yamlnet.training.setup import Setup, Task
from yamlnet.training.standing import Standing
from yamlnet.training.verdict import Result, verdicts

SILENT = Silent()

MOST_TOLD = 5
"""How many steps that are left out are told of one by one."""


class Course:
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
        self.processes = setup.loop.processes
        self.pace = Pace(self.processes)
        self.task, self.run, self.observer, self.setup, self.saver = task, run, observer, setup, saver
        self.interruption = interruption
        self.care = Care()
        self.position = Position()
        self.standing = Standing()
        self._batches: Iterator[Batch] | None = None
        self._saved_step: int | None = None
        self._next_report_s = 0.0
        self._shown = observer
        self._under_way: str | None = None
        self._num_told = 0
        setup.loop.skipped = self._left_out
        if setup.loop.ahead is not None:
            setup.loop.ahead.tell = self._captured

    def begin(self, permits: Permits | None) -> None:
        """Notes what the run is made with; goes back to the newest checkpoint where it is resumed."""
        task = self.task
        disk.require_space(self.run.path, sum(t.nbytes for t in task.model.state_dict().values()))
        made_with = self.processes.agreed(of_task(task, self.setup.loop.optimizer))
        refuse_other_data(self.processes.each(task.digest))
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
        if self.setup.uncaptured is not None:
            self._captured(self.setup.uncaptured)
        if self._saved_step is None:
            self._save()  # what an interruption, or a step that isn't finite, can go back to

    def fit(self) -> None:
        """Trains to the end; after an interruption to the step under way, which is saved."""
        train_mode(self.task.model, self.task.frozen)
        self.setup.prepare()
        try:
            while True:
                try:
                    if not self._advance():
                        return
                except NotFiniteError as found:
                    self._look_closer(found)
        except Interrupted:
            with suppress(NotFiniteError):  # then what is on disk is the last good state
                self._save()
            self.saver.wait()
            raise

    def _advance(self) -> bool:
        """Does what is due after a step, and takes steps to the next pause; false where all is done."""
        plan, position, loop = self.setup.plan, self.position, self.setup.loop
        if plan.is_pause(position) and position.step > self.standing.settled:
            self._settle()
        if plan.is_over(position) or self.standing.stopped:
            self._careful(False)
            return False
        until = plan.next_pause(position.step)
        if self._careful(position.step < self.care.until):
            until = position.step + 1
            self.care.before = kept(self._snapshot())
        if self._batches is None:
            self._batches = iter(self.setup.source.epoch(position.epoch, position.batch))
        until = self.pace.until(position.step, until)
        # several processes stop after the same step: none sees alone that it is asked to
        asked = self.interruption if self.processes.count == 1 else Interruption()
        loop.run(self._batches, position, until, asked, self._report)
        self.pace.took(position.step)
        self._check_interruption()
        return True

    def _careful(self, wanted: bool) -> bool:
        """Whether each step is looked at; one that is taken for the second time isn't shown again."""
        loop = self.setup.loop
        if loop.careful and not wanted:
            self.observer, self.care.before = self._shown, None
            self._note(
                f"what wasn't finite is, when taken once more: going on from step {self.position.step}"
            )
        if wanted:
            self.observer = SILENT
        loop.careful = wanted
        return wanted

    def _look_closer(self, found: NotFiniteError) -> None:
        """Goes back to where all was finite, to take each step since with care; from such a step it ends."""
        if self.care.before is None:
            self.care.until = self.position.step + 1
            self.saver.wait()
            mark = self.care.mark
            last = self._stored("last") if mark is None else mark
            self._go_back(last, on_disk=mark is None)
            return
        before = self.care.before
        self._go_back(before, on_disk=False)
        position, loop = self.position, self.setup.whole
        group = self._group()
        if loop.resample is not None:
            loop.resample(position.step + 1)
        diagnosis = Diagnosis(self.task, loop, position.step + 1, position.epoch)
        mistake = diagnosis.of(found, group, position.batch)
        self._go_back(before, on_disk=False)
        self.observer = self._shown
        self._save()
        self.saver.wait()
        saved = checkpoint.folder(self.run.checkpoints, position.step)
        help = f"{mistake.help}\nthe state before that step is saved in `{saved}`"
        raise self.task.places.locate(replace(mistake, help=help))

    def _left_out(self, group: Sequence[Batch], found: NotFiniteError, random: Mapping[str, Tensor]) -> None:
        """Tells what wasn't finite in the first steps that are left out."""
        self._num_told += 1
        if self._num_told > MOST_TOLD:
            return
        if self.processes.count > 1:
            group = self._group()
        position, loop, device = self.position, self.setup.whole, self.task.device
        buffers = [(buffer, buffer.clone()) for buffer in self.task.model.buffers()]
        states = randomness.capture(device)
        randomness.restore(device, random)
        diagnosis = Diagnosis(self.task, loop, position.step + 1, position.epoch)
        mistake = diagnosis.of(found, group, position.batch)
        loop.clear()
        randomness.restore(device, states)
        for buffer, old in buffers:
            buffer.copy_(old)
        error = self.task.places.locate(mistake)
        samples = (mistake.help or "").split("; ")[0].split("\n")[-1]
        self._warn(f"left out: {error.message} ({samples})")

    def _group(self) -> list[Batch]:
        """The whole batches of the step that is due."""
        batches = self.task.sources.train.epoch(self.position.epoch, self.position.batch)
        return list(islice(batches, self.setup.loop.accumulate))

    def finish(self) -> Result:
        """Tests the best weights where a metric chooses them, else the last; judges; writes the result."""
        self.saver.wait()
        digest, best = self._load_final(), self.standing.best
        figures = self.standing.figures | (best["figures"] if best else {})
        if self.task.sources.test is not None:
            self._under_way = "in the evaluation of the test split"
            tested = self.setup.evaluator.evaluate(self.task.sources.test, self._asked)
            self._check_interruption()
            self._under_way = None
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
        figures: dict[str, float] = self.processes.agreed(
            {
                **sums.figures(position.num_samples),
                "samples_per_second": position.samples_per_second,
                "time_s": position.time_s,
                "lr": float(self.setup.loop.optimizer.param_groups[0]["lr"]),
                "num_skipped": position.num_skipped,
            }
        )
        return figures

    def _validate(self) -> dict[str, float]:
        average = self.setup.loop.average
        assert self.task.sources.validation is not None
        self._under_way = "in the evaluation of the validation split"
        self.processes.broadcast(list(self.task.learner.buffers()))
        with nullcontext() if average is None else average.applied():
            figures = self.setup.evaluator.evaluate(self.task.sources.validation, self._asked)
        self._check_interruption()
        self._under_way = None
        return figures

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
        found = best if best and best["step"] == step else None
        if self._saved_step != step:
            if not finite_weights(list(self.task.learner.parameters())):
                raise NotFiniteError("weights")
            snapshot = self._snapshot()
            randomness.put_back(self.task.device)
            if self.processes.first:
                self.saver.submit(snapshot, found)
            self._saved_step = step
            self.care.saved()
        elif found is not None:
            self.saver.wait()
            self.run.write_best(found)

    def _snapshot(self) -> Snapshot:
        """All that the next step depends on; its tensors are the training's own."""
        task, setup, best = self.task, self.setup, _public(self.standing.best)
        tensors, numbers = state.capture(task.learner, setup.loop, setup.scheduler, task.device)
        numbers |= {"position": asdict(self.position), "standing": asdict(self.standing), "best": best}
        recorded = self.run.num_bytes_recorded if self.processes.first else {}
        numbers |= {"num_bytes_recorded": recorded, "settings": task.settings}
        numbers["num_batches"] = setup.plan.num_batches
        return Snapshot(self.position.step, task.model.state_dict(), tensors, numbers)

    def _go_back(self, snapshot: Snapshot, on_disk: bool) -> None:
        """Puts the training where it was before, and the run's folder too."""
        task, setup, numbers = self.task, self.setup, snapshot.state
        task.model.load_state_dict(dict(snapshot.weights))
        state.restore(snapshot.tensors, numbers, task.learner, setup.loop, setup.scheduler, task.device)
        self.position, self.standing = Position(**numbers["position"]), Standing(**numbers["standing"])
        self._batches = None
        self._saved_step = snapshot.step if on_disk else None
        self.run.rewind(numbers["num_bytes_recorded"], numbers["best"], self._warn)

    def _stored(self, which: Literal["best", "last"]) -> Snapshot:
        return checkpoint.of_first(self.processes, lambda: self.run.chosen(which, self._warn))

    def _load_final(self) -> str:
        """Loads the weights to test from their checkpoint; gives their digest."""
        found = self._stored("last" if self.standing.best is None else "best")
        self.task.model.load_state_dict(found.averaged_weights)
        state.restore_losses(self.task.learner, found.loss_weights)
        return checkpoint.digest({**found.averaged_weights, **found.loss_weights})

    def _asked(self) -> bool:
        """Whether this process is asked to stop; one alone stops at once."""
        if self.processes.count == 1:
            self._check_interruption()
        return self.interruption.signal is not None

    def _check_interruption(self) -> None:
        asked = self.processes.each(self.interruption.signal)
        self.interruption.check(
            self.position.step, asked, f"`yamlnet train --resume {self.run.path}` goes on"
        )

    def when(self, counted: bool = False) -> str:
        """What is under way, for a message; metrics are `counted` some steps later."""
        at = f"epoch {self.position.epoch + 1}" if counted else f"training step {self.position.step + 1}"
        return self._under_way or f"in {at}"

    def _report(self, loss: float) -> None:
        if not self.setup.loop.careful and self.processes.agreed(self.care.is_due):
            if not finite_weights(list(self.task.learner.parameters())):
                raise NotFiniteError("weights")
            self.care.keep(self._snapshot)
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

    def _captured(self, reason: str | None) -> None:
        """Tells whether steps are replayed as CUDA graphs, or why not."""
        found = {"used": reason is None, "reason": reason}
        self.run.write_manifest({**self.run.manifest, "cuda_graphs": found})
        self._note("steps are replayed as CUDA graphs" if reason is None else f"no CUDA graphs: {reason}")

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
