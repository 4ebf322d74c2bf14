"""A file as plain data in; its task, and what comes of stopping and resuming its training, out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.tasks import new_run, signalled
from yamlnet import pipeline, starting
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.files import read
from yamlnet.training import trainer
from yamlnet.training.run import Run
from yamlnet.training.setup import Task

TIMES = ("samples_per_second", "time_s")


def task_of(written: dict[str, Any]) -> Task:
    """A file's task, its network initialised."""
    examined = pipeline.examine(read(written), to_train=True)
    examined.raise_if_wrong()
    examined, prepared = pipeline.with_data(examined)
    return starting.task_of(examined, pipeline.network_of(examined), prepared)


def final(run: Run) -> tuple[Any, ...]:
    """All that must be equal: the last step's state, the records but for times, the weights tested."""
    last = run.last(pytest.fail)
    given = {**last.weights, **{k: v for k, v in last.tensors.items() if not k.startswith("sums.")}}
    records = [{k: v for k, v in record.items() if k not in TIMES} for record in run.records()]
    tensors = {name: tensor.numpy().tobytes() for name, tensor in given.items()}
    return tensors, records, run.manifest["weights_digest"]


def resumes(written: dict[str, Any], folder: Path) -> None:
    """Holds a training that is stopped in the first and in the second epoch against one that isn't."""
    straight = new_run(folder / "straight")
    trainer.train(task_of(written), straight)
    for epoch, batch in ((0, 1), (1, 0), (1, 2)):
        run = new_run(folder / f"{epoch}-{batch}")
        with pytest.raises(YamlnetError, match="terminated"):
            trainer.train(signalled(task_of(written), epoch, batch), run)
        trainer.resume(task_of(written), run)
        assert final(run) == final(straight), f"stopped in epoch {epoch}, batch {batch}"
