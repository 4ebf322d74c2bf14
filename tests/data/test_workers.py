"""Processes that work ahead: their results in order, their failures told, and none of them left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.processes import children, is_alive
from yamlnet.data.steps import Images
from yamlnet.data.workers import AHEAD, Task, WorkerError, Workers, num_workers
from yamlnet.diagnostics import YamlnetError


def tasks(count: int) -> Iterator[Task]:
    return (Task([number], [number * 2], 3, ("for", "this")) for number in range(count))


def told(task: Task) -> Tensor:
    return torch.tensor([*task.samples, *task.order, task.epoch, len(task.purpose), os.getpid()])


@pytest.fixture
def pool() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 20])
def test_results_come_in_order_from_all_workers(pool: Workers, count: int) -> None:
    results = [result.tolist() for result in pool.stream(told)(tasks(count))]  # type: ignore[union-attr]
    assert [result[:4] for result in results] == [[n, 2 * n, 3, 2] for n in range(count)]
    pids = {result[4] for result in results}
    assert os.getpid() not in pids
    assert len(pids) == min(count, 2)


def test_no_more_is_done_ahead_than_is_said(pool: Workers) -> None:
    given = 0

    def counted() -> Iterator[Task]:
        nonlocal given
        for task in tasks(100):
            given += 1
            yield task

    next(pool.stream(told)(counted()))
    assert given == 2 * AHEAD


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.int64, torch.bool])
def test_values_of_any_type_come_as_they_are(pool: Workers, dtype: torch.dtype) -> None:
    values = (torch.arange(-12, 12).view(2, 3, 4) / 5).to(dtype).transpose(0, 2)
    for result in pool.stream(lambda task: values)(tasks(5)):
        assert isinstance(result, Tensor)
        assert result.dtype is dtype
        assert torch.equal(result, values)


def test_images_of_different_sizes_come_one_by_one(pool: Workers) -> None:
    images = [torch.full((3, 2 + n, 4), n, dtype=torch.uint8) for n in range(3)]
    for result in pool.stream(lambda task: images)(tasks(5)):
        assert isinstance(result, list)
        assert all(torch.equal(*pair) for pair in zip(result, images, strict=True))


def failing(error: Exception) -> Images:
    raise error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (YamlnetError("no", "yes", exit_code=1), YamlnetError, "no"),
        (MemoryError("so much"), MemoryError, "so much"),
        (torch.OutOfMemoryError("much"), RuntimeError, "much"),
        (OSError(28, "No space"), RuntimeError, "No space"),
        (KeyError("odd"), WorkerError, "in failing"),
    ],
)
def test_what_fails_is_raised_in_its_turn(
    pool: Workers, error: Exception, kind: type[Exception], words: str
) -> None:
    stream = pool.stream(lambda task: failing(error) if task.samples[0] == 3 else told(task))
    results = stream(tasks(9))
    assert [next(results)[0].item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(kind, match=words) as found:
        next(results)
    if isinstance(error, YamlnetError):
        assert vars(found.value) == vars(error)
    assert len(list(stream(tasks(2)))) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
def test_a_worker_that_dies_is_told_of(pool: Workers, number: signal.Signals) -> None:
    results = pool.stream(told)(tasks(50))
    victim = int(next(results)[4])
    os.kill(victim, number)
    with pytest.raises(YamlnetError, match=f"process {victim}, was killed by {number.name}") as found:
        list(results)
    assert found.value.exit_code == 3
    assert children() == []


def test_signals_that_all_processes_get_end_no_worker(pool: Workers) -> None:
    results = pool.stream(told)(tasks(30))
    next(results)
    for pid in children():
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert len(list(results)) == 29


def test_workers_end_when_they_are_closed_or_forgotten() -> None:
    for _ in range(2):
        made = Workers(2)
        before = len(os.listdir("/proc/self/fd"))
        assert len(list(made.stream(told)(tasks(5)))) == 5
        assert len(children()) == 2
        made.close()
        made.close()
        assert children() == []
        assert len(os.listdir("/proc/self/fd")) == before
    made = Workers(2)
    next(made.stream(told)(tasks(5)))
    del made
    assert children() == []


def test_what_is_held_is_not_let_go_of_in_a_worker(pool: Workers, tmp_path: Path) -> None:
    """A file that goes with its owner is still there when a worker has ended."""
    import tempfile

    with tempfile.TemporaryDirectory(dir=tmp_path) as name:
        list(pool.stream(told)(tasks(5)))
        pool.close()
        assert Path(name).is_dir()


ORPHAN = """
import os, sys, time, torch
from yamlnet.data.workers import Task, Workers
pool = Workers(2)
results = pool.stream(lambda task: torch.tensor(os.getpid()))(Task([0], [0]) for _ in range(99))
print(*{int(next(results)) for _ in range(4)}, flush=True)
%s
"""


@pytest.mark.parametrize("end", ["time.sleep(60)", "sys.exit(0)", "os._exit(0)", "raise ValueError"])
def test_no_worker_outlives_its_maker(end: str) -> None:
    command = [sys.executable, "-c", ORPHAN % end]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        if "sleep" in end:
            process.kill()
        assert process.stdout.read() == ""  # until no process has it open any more
    until = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (2, 1), (4, 3), (9, 8), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: set(range(cores)))
        assert num_workers("auto") == expected
        assert [num_workers(said) for said in (0, 1, 30)] == [0, 1, 30]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert num_workers("auto") == num_workers(0) == 0
    with pytest.raises(YamlnetError, match="needs Linux"):
        num_workers(2)
