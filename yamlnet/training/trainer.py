"""A task and a run folder in; the trained weights, the records and the verdict in the folder out."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from yamlnet.seeds import seed_of
from yamlnet.training.compiled import compiling
from yamlnet.training.continuation import Permits
from yamlnet.training.course import Course
from yamlnet.training.device import deterministic, failures, tensor_float, threads
from yamlnet.training.ending import failure_noted, note_failure
from yamlnet.training.failure import placed
from yamlnet.training.heap import kept
from yamlnet.training.interrupt import interruptible
from yamlnet.training.observer import Observer, Silent
from yamlnet.training.processes import ALONE, Processes
from yamlnet.training.randomness import drawn_apart
from yamlnet.training.run import Run
from yamlnet.training.saver import Saver
from yamlnet.training.setup import Task, set_up
from yamlnet.training.shortage import memory_named
from yamlnet.training.verdict import Result

SILENT, NO_PERMITS = Silent(), Permits()


def train(
    task: Task, run: Run, observer: Observer = SILENT, processes: Processes = ALONE, profile: bool = False
) -> Result:
    """Trains from the start, in a run folder just made; the model ends with the weights that were tested.

    With `profile` the folder tells where the time of some steps went, too.

    Raises:
        YamlnetError: a layer fails, the loss isn't finite, the disk is full, ... (3), or the training was
            interrupted (130) or terminated (143), after a checkpoint. No such run looks finished.
    """
    return _train(task, run, observer, None, processes, profile)


def resume(
    task: Task,
    run: Run,
    observer: Observer = SILENT,
    permits: Permits = NO_PERMITS,
    processes: Processes = ALONE,
) -> Result:
    """Goes on from the run's newest checkpoint, to the same bits as a training that nobody stopped.

    Where the task's settings aren't those of the checkpoint, the task's hold from there on.

    Raises:
        YamlnetError: the run is finished, or can't be gone on with so: it stays as it is. Else as `train`.
    """
    return _train(task, run, observer, permits, processes)


def _train(
    task: Task,
    run: Run,
    observer: Observer,
    permits: Permits | None,
    processes: Processes,
    profile: bool = False,
) -> Result:
    seed = seed_of(task.experiment.seed, "training", *filter(None, [processes.rank]))
    observer = observer if processes.first else SILENT
    noting = partial(note_failure, run)
    with ExitStack() as stack:
        stack.enter_context(run.owned())
        stack.callback(task.sources.close)
        interruption = stack.enter_context(interruptible())  # to the end: a failure is noted all the same
        if permits is None:
            stack.enter_context(failure_noted(run))
        stack.enter_context(processes.watched(noting if permits is None else run.log))
        stack.enter_context(memory_named(task.needs))
        stack.enter_context(failures())
        stack.enter_context(threads(task.experiment.train.threads))
        stack.enter_context(kept())
        stack.enter_context(deterministic(task.experiment.train.deterministic))
        stack.enter_context(tensor_float(task.experiment.train.precision == "tf32"))
        stack.enter_context(drawn_apart(task.device, seed))
        saver = stack.enter_context(Saver(run, task.experiment.train.checkpoint.keep, observer.saved))
        setup = set_up(task, run.append_watched, processes)
        if profile:
            from yamlnet.training.profile import profiled

            setup = stack.enter_context(profiled(task, setup, run.write_profile))
        course = Course(task, run, observer, interruption, setup, saver)
        course.begin(permits)
        if permits is not None:  # what is refused leaves the run as it is; what fails from here on is noted
            stack.enter_context(failure_noted(run))
            stack.enter_context(processes.watched(noting))
            stack.enter_context(memory_named(task.needs))
            stack.enter_context(failures())
        stack.enter_context(placed(task.model, task.experiment, task.places, course.when))
        train = task.experiment.train
        stack.enter_context(compiling(train.compile is True, run.path.parent, train.deterministic))
        course.fit()
        result = course.finish()
    processes.finished()
    return result
