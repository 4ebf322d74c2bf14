"""No step reads from the device: what waits for it is a line that is logged, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training.tasks import loss, metric, optimizer, scheduler, task
from yamlnet.training import device as devices
from yamlnet.training import loop as loops
from yamlnet.training.interrupt import interruptible
from yamlnet.training.loop import Position
from yamlnet.training.setup import set_up

READS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal")
"""Operators that need the numbers themselves; the first is beneath `.item()`, `float()` and `bool()`."""

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped, averaged": {"train": {"clip": {"norm": 1.0}, "ema": 0.9, "accumulate": 2}},
    "a schedule": {"scheduler": scheduler("OneCycleLR", max_lr=0.1), "optimizer": optimizer("AdamW")},
    "many metrics": {
        "metrics": {
            "accuracy": metric("Accuracy"),
            "top": metric("Accuracy", top_k=2),
            "f1": metric("F1Score", average="macro"),
        }
    },
    "a smoothed loss": {"loss": loss("CrossEntropyLoss", label_smoothing=0.1)},
}


class Reads(TorchDispatchMode):
    """Counts what reads tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in READS:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that bring a tensor to the CPU."""
    found: list[str] = []
    for name in ("cpu", "tolist", "numpy"):
        plain = getattr(torch.Tensor, name)

        def called(
            self: torch.Tensor, *args: Any, name: str = name, plain: Any = plain, **keywords: Any
        ) -> Any:
            found.append(name)
            return plain(self, *args, **keywords)

        monkeypatch.setattr(torch.Tensor, name, called)
    return found


def epoch(said: dict[str, Any], monkeypatch: pytest.MonkeyPatch, num_batches: int = 40) -> Reads:
    """What an epoch of steps reads; no line is due, as no time passes."""
    monkeypatch.setattr(loops, "perf_counter", lambda: 0.0)
    given = task(num_train=8 * num_batches, **{"train": {"epochs": 1}, **said})
    setup, reads = set_up(given), Reads()
    batches = iter(list(given.sources.train.epoch(0)))
    with interruptible() as interruption, reads:
        setup.loop.run(batches, Position(), setup.plan.num_steps, interruption, lambda loss: None)
    return reads


@pytest.mark.parametrize("said", KINDS.values(), ids=KINDS.keys())
def test_an_epoch_reads_its_loss_twice_however_long_it_is(
    said: dict[str, Any], monkeypatch: pytest.MonkeyPatch, copies: list[str]
) -> None:
    """After its first step, and at its end."""
    reads = epoch(said, monkeypatch)
    assert reads.found == {"_local_scalar_dense": 2}
    assert not copies


def test_a_step_that_may_be_left_out_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it would be seen."""
    reads = epoch({"train": {"epochs": 1, "non_finite": "skip"}}, monkeypatch)
    assert reads.found["_local_scalar_dense"] + reads.found["is_nonzero"] > 40


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("said", KINDS.values(), ids=KINDS.keys())
def test_no_step_waits_for_the_gpu(said: dict[str, Any]) -> None:
    given = task(**{"num_train": 80, "train": {"epochs": 1}} | said)
    where = devices.device("cuda")
    given.model.to(where)
    moved = [{name: t.to(where) for name, t in batch.items()} for batch in given.sources.train.epoch(0)]
    setup = set_up(replace(given, device=where))
    setup.loop.step(moved[:1])  # the first makes what later ones find
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in moved[1:]:
            setup.loop.step([batch])
        setup.loop.sums.flush()
    finally:
        torch.cuda.set_sync_debug_mode("default")
