"""Small tasks to train: what is said in, a `Task` on sixteen-pixel images out."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call, Kind
from yamlnet.data.batches import Batches
from yamlnet.data.splits import Split
from yamlnet.language.experiment import Experiment, Loss, MetricTerm, Optimizer, Scheduler, Term, Train
from yamlnet.training import run as runs
from yamlnet.training.meter import Meter
from yamlnet.training.run import Run
from yamlnet.training.setup import Task
from yamlnet.training.sources import Source, Sources

CPU = torch.device("cpu")
NUM_CLASSES = 3
FLIP_AND_CROP = ("RandomHorizontalFlip", {}), ("RandomCrop", {"size": 4, "padding": 1})


def call(kind: Kind, name: str, **arguments: Any) -> Call:
    entry = lookup.find(name, kind)
    assert entry is not None, name
    return Call(entry, arguments, ())


def metric(name: str, **arguments: Any) -> MetricTerm:
    return MetricTerm(call=call("metric", name, **arguments))


def count(counted: Meter, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Counts batches in."""
    taken = [counted.take(output, {"target": t}) for output, t in zip(outputs, targets, strict=True)]
    counted.count(list(zip(*taken, strict=True)))


def loss(name: str, inputs: tuple[Any, ...] = ("output", "target"), **arguments: Any) -> Loss:
    return Loss(terms={"": Term(call=call("loss", name, **arguments), inputs=inputs)})


def example() -> tuple[Tensor, dict[str, Tensor]]:
    """An output and a batch such as those of `network` and `split`."""
    target = torch.zeros(2, dtype=torch.int64)
    return torch.zeros(2, NUM_CLASSES), {"image": torch.zeros(2, 1, 4, 4), "target": target}


def optimizer(name: str = "SGD", **arguments: Any) -> Optimizer:
    return Optimizer(call=call("optimizer", name, **arguments))


def scheduler(name: str, every: str = "step", **arguments: Any) -> Scheduler:
    return Scheduler.model_validate(
        {
            "call": call("scheduler", name, **arguments),
            "every": every,
            "metric": arguments.pop("metric", None),
        }
    )


def experiment(train: Mapping[str, Any], **sections: Any) -> Experiment:
    given = {
        "name": "tiny",
        "seed": 0,
        "loss": loss("CrossEntropyLoss"),
        "metrics": {"accuracy": metric("Accuracy")},
        "optimizer": optimizer(lr=0.1),
        "train": Train.model_validate({"device": "cpu", **train}),
    }
    return Experiment.model_construct(**{**given, **sections})


def split(num_samples: int, seed: int) -> Split:
    """Images `[sample, 1, 4, 4]` whose brightness tells the class, mostly."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 100, (num_samples, 1, 4, 4), generator=random)
    targets = torch.randint(0, NUM_CLASSES, (num_samples,), generator=random)
    images += 70 * targets[:, None, None, None]
    return Split({"image": images.to(torch.uint8), "target": targets})


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(16, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(12, NUM_CLASSES),
    )


def task(
    model: nn.Module | None = None,
    num_train: int = 40,
    batch_size: int = 8,
    chosen: Mapping[str, tuple[Call, ...]] | None = None,
    settings: Mapping[str, Any] | None = None,
    augmented: bool = True,
    **said: Any,
) -> Task:
    """A task with augmented training data, validation and test splits; `said` goes to `experiment`."""
    augment = [call("transform", name, **arguments) for name, arguments in FLIP_AND_CROP] * augmented
    sources = Sources(
        Batches(split(num_train, 1), batch_size, augment, seed=0),
        Batches(split(24, 2), 16),
        Batches(split(24, 3), 16),
    )
    return Task(
        experiment(**said),
        model or network(),
        ("image",),
        sources,
        CPU,
        NUM_CLASSES,
        "digest",
        chosen=chosen or {},
        settings=settings or {},
        example=example(),
    )


def new_run(folder: Path) -> Run:
    return runs.create(folder, "tiny", b"name: tiny # as given\n", "name: tiny\n")


class SignalledSource:
    """A source that sends a signal to its own process when a batch of an epoch is asked for."""

    def __init__(
        self, source: Source, epoch: int, batch: int, number: signal.Signals = signal.SIGTERM
    ) -> None:
        self._source, self._at, self._number = source, (epoch, batch), number

    def __len__(self) -> int:
        return len(self._source)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        for index, batch in enumerate(self._source.epoch(epoch, start), start):
            if (epoch, index) == self._at:
                signal.raise_signal(self._number)
            yield batch


def signalled(given: Task, epoch: int, batch: int, split: str = "train") -> Task:
    """The task, which is told to end while a batch of a split is made."""
    source = SignalledSource(getattr(given.sources, split), epoch, batch)
    return replace(given, sources=replace(given.sources, **{split: source}))
