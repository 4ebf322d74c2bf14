"""Work on batches in; its results, in order, from processes that do it ahead of time, out.

Processes are forked: they have the data as they are, without a copy, begin within milliseconds and need
nothing of the program that uses yamlnet. A worker computes with one thread and touches no device, so that
neither the pools of threads that a fork leaves behind nor a GPU matter to it. It takes tasks from a socket
and puts each result into a file in memory, which the caller reads into a tensor, pinned for a GPU. It heeds
no signal that a terminal or a scheduler sends to all processes of a training, which ends in its own way;
when the caller is gone, however that ended, the socket is closed, and so is the worker.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor

from yamlnet import disk
from yamlnet.data.steps import Images
from yamlnet.data.stored import read_into
from yamlnet.diagnostics import YamlnetError

AHEAD = 2
"""Tasks that each worker has at a time."""

MOST = 8
"""Workers that `auto` takes at most."""


@dataclass(frozen=True)
class Task:
    """What to prepare: the positions of samples, the numbers that their draws follow from, and the epoch."""

    samples: Sequence[int]
    order: Sequence[int]
    epoch: int = 0
    purpose: Sequence[str] = ()


UNHEEDED = {signal.SIGINT, signal.SIGTERM}

PLAIN: Mapping[str, type[Exception]] = {
    "MemoryError": MemoryError,
    "OSError": RuntimeError,
    "OutOfMemoryError": RuntimeError,
    "RuntimeError": RuntimeError,
}
"""What a failure that may happen to any program is raised as."""

Work = Callable[[Task], Images]
Stream = Callable[[Iterable[Task]], Iterator[Images]]
"""Tasks in; their results in the same order out."""


def num_workers(said: int | Literal["auto"]) -> int:
    """How many processes are to work; `auto` leaves one of the cores to the training itself.

    Raises:
        YamlnetError: some are asked for, and this system can't have them.
    """
    if sys.platform != "linux":
        if said not in ("auto", 0):
            raise YamlnetError(
                "`data.workers` needs Linux, where processes can be forked safely", "`workers: 0`"
            )
        return 0
    cores = len(os.sched_getaffinity(0))
    return max(1, min(MOST, cores - 1)) if said == "auto" else said


@dataclass(eq=False)
class _Ticket:
    """A task that a worker has, and its result once that was received."""

    worker: _Worker
    result: Images | Exception | None = None


@dataclass(eq=False)
class _Worker:
    """A process, the socket to it, and the files in memory for what it gives."""

    pid: int
    connection: Connection
    files: Sequence[int]
    tickets: deque[_Ticket] = field(default_factory=deque)
    num_tasks: int = 0


class Workers:
    """Processes that do work ahead of time; they are made when the first task comes.

    Without any, the work is done when its result is asked for, by the same functions.
    """

    def __init__(self, count: int, pinned: bool = False) -> None:
        self.count = count
        self._pinned = pinned
        self._work: list[Work] = []
        self._workers: list[_Worker] = []
        self._next = 0
        self._stop: Callable[[], object] = lambda: None

    def stream(self, work: Work) -> Stream:
        """What does the work for tasks, in order, some of it ahead; what fails is raised in its turn."""
        self.close()  # processes that are there already don't have it
        self._work.append(work)
        number = len(self._work) - 1
        return lambda tasks: self._results(number, tasks)

    def close(self) -> None:
        """Ends the processes; the next task makes new ones."""
        self._stop()
        self._workers = []

    def _results(self, number: int, tasks: Iterable[Task]) -> Iterator[Images]:
        if not self.count:
            yield from map(self._work[number], tasks)
            return
        waiting: deque[_Ticket] = deque()
        for task in tasks:
            waiting.append(self._give(number, task))
            if len(waiting) == self.count * AHEAD:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _give(self, number: int, task: Task) -> _Ticket:
        """Gives a task to the next worker; where that has enough, its oldest result is received first."""
        if not self._workers:
            self._start()
        worker = self._workers[self._next % self.count]
        self._next += 1
        while len(worker.tickets) >= AHEAD:
            self._receive(worker)
        slot = worker.num_tasks % AHEAD
        message = json.dumps([number, slot, task.samples, task.order, task.epoch, task.purpose])
        with self._alive(worker):
            worker.connection.send_bytes(message.encode())
        worker.num_tasks += 1
        ticket = _Ticket(worker)
        worker.tickets.append(ticket)
        return ticket

    def _result(self, ticket: _Ticket) -> Images:
        while ticket.result is None:
            self._receive(ticket.worker)
        if isinstance(ticket.result, Exception):
            raise ticket.result
        return ticket.result

    def _receive(self, worker: _Worker) -> None:
        """Takes the oldest result of a worker out of its file, which is free for another one then."""
        with self._alive(worker):
            answer = json.loads(worker.connection.recv_bytes())
        slot = (worker.num_tasks - len(worker.tickets)) % AHEAD
        worker.tickets.popleft().result = (
            _raised(answer["raised"]) if "raised" in answer else self._read(worker.files[slot], answer)
        )

    def _read(self, file: int, answer: Mapping[str, Any]) -> Images:
        """The images that a worker has put into a file."""
        dtype, images, start = getattr(torch, answer["dtype"]), [], 0
        for shape in answer["shapes"]:
            image = torch.empty(shape, dtype=dtype, pin_memory=self._pinned)
            read_into(file, _view(image), start, "a worker's memory")
            images.append(image)
            start += image.nbytes
        return images if answer["several"] else images[0]

    @contextmanager
    def _alive(self, worker: _Worker) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError):
            how = _ended(worker.pid)
            self.close()
            raise YamlnetError(
                f"a worker that prepares the data, process {worker.pid}, {how}",
                help="where the machine was out of memory, fewer `data.workers` need less of it",
            ) from None

    def _start(self) -> None:
        for _ in range(self.count):
            self._workers.append(_forked(self._work, [worker.connection for worker in self._workers]))
        self._stop = weakref.finalize(self, _end, self._workers, os.getpid())


def _forked(work: Sequence[Work], others: Sequence[Connection]) -> _Worker:
    """A new worker, which closes what it has of the others."""
    ours, theirs = Pipe()
    files = [os.memfd_create(f"yamlnet-{slot}") for slot in range(AHEAD)]
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads at a fork: see this module's reasons
        before = signal.pthread_sigmask(signal.SIG_BLOCK, UNHEEDED)
        try:
            pid = os.fork()
            if not pid:
                _live(work, theirs, files, [ours, *others])
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Worker(pid, ours, files)


def _live(
    work: Sequence[Work], connection: Connection, files: Sequence[int], others: Sequence[Connection]
) -> NoReturn:
    """All that a worker does; it never returns into the code that forked it."""
    try:
        for number in UNHEEDED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, UNHEEDED)
        gc.freeze()  # what the caller holds is never let go of here, where it would be closed or deleted
        for other in others:
            other.close()
        torch.set_num_threads(1)
        while True:
            number, slot, *task = json.loads(connection.recv_bytes())
            connection.send_bytes(json.dumps(_answer(work[number], Task(*task), files[slot])).encode())
    except (EOFError, OSError):  # the caller is gone
        os._exit(0)
    finally:
        os._exit(1)


def _answer(work: Work, task: Task, file: int) -> dict[str, Any]:
    """Does a task, and puts what it gives into the file; how that is to be read, or what was raised."""
    try:
        images = work(task)
        found = [images] if isinstance(images, Tensor) else images
        start = 0
        for image in found:
            disk.write_at(file, _view(image.contiguous()), start)
            start += image.nbytes
        dtype = str(found[0].dtype).removeprefix("torch.")
        shapes = [list(image.shape) for image in found]
        return {"dtype": dtype, "shapes": shapes, "several": found is images}
    except YamlnetError as error:
        return {"raised": ["YamlnetError", error.message, error.help, error.exit_code]}
    except Exception as error:
        return {"raised": [type(error).__name__, str(error), traceback.format_exc()]}


def _raised(said: Sequence[Any]) -> Exception:
    """What a worker raised; of what it doesn't foresee, its traceback."""
    kind, *rest = said
    if kind == "YamlnetError":
        message, help, exit_code = rest
        return YamlnetError(message, help, exit_code=exit_code)
    if kind in PLAIN:
        return PLAIN[kind](rest[0])
    return WorkerError(rest[1])


class WorkerError(Exception):
    """A worker failed in a way that nobody foresaw; the text is its traceback."""


def _view(image: Tensor) -> memoryview:
    """A tensor's bytes."""
    return image.view(-1).view(torch.uint8).numpy().data


def _end(workers: Sequence[_Worker], owner: int) -> None:
    """Kills workers; where a fork of their owner ends, they are none of its own."""
    if os.getpid() != owner:
        return
    for worker in workers:
        worker.connection.close()
        for file in worker.files:
            os.close(file)
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        _ended(worker.pid)


def _ended(pid: int) -> str:
    """Waits for the end of a process; how it ended, in words."""
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return "has ended"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
