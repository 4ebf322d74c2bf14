"""Steps: what one of them does to the weights, and what it doesn't do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import loss, network, optimizer, scheduler, task
from yamlnet.training import loop
from yamlnet.training.average import Average
from yamlnet.training.interrupt import Interruption
from yamlnet.training.loop import REPORT_EVERY_S, Position
from yamlnet.training.setup import Setup, set_up


def plain() -> nn.Sequential:
    """A network without randomness, whose samples don't see each other."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))


def made(model: nn.Module, train: dict[str, Any], batch_size: int = 8, **said: Any) -> tuple[Setup, Any]:
    given = task(model, batch_size=batch_size, train=train, **said)
    return set_up(given), given.sources.train


def run(setup: Setup, source: Any, until: int = 10**9) -> Position:
    position = Position()
    setup.loop.run(iter(source.epoch(0)), position, until, Interruption(), lambda loss: None)
    return position


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_accumulated_batches_give_the_gradient_of_one_large_batch(reduction: str) -> None:
    # 40 samples: three batches of 12 and one of 4 to one step, against one batch of 40
    summed = loss("CrossEntropyLoss", reduction=reduction)
    models = [plain(), plain()]
    taken = [
        run(*made(models[0], {"accumulate": 4}, batch_size=12, loss=summed)),
        run(*made(models[1], {}, batch_size=40, loss=summed)),
    ]
    assert [position.step for position in taken] == [1, 1]
    torch.testing.assert_close(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(plain()))


def test_the_last_smaller_accumulation_of_an_epoch_is_stepped_as_well() -> None:
    position = run(*made(plain(), {"accumulate": 2}))
    assert (position.step, position.batch, position.num_samples) == (3, 5, 40)


def test_training_can_pause_within_an_epoch() -> None:
    position = run(*made(plain(), {}), until=3)
    assert (position.step, position.batch, position.num_samples) == (3, 3, 24)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_is_the_mean_per_sample(reduction: str) -> None:
    summed = loss("CrossEntropyLoss", reduction=reduction)
    model = plain()
    setup, source = made(model, {}, batch_size=12, loss=summed, optimizer=optimizer(lr=0.0))
    run(setup, source)
    each = torch.cat(
        [
            nn.functional.cross_entropy(model(b["image"]), b["target"], reduction="none")
            for b in source.epoch(0)
        ]
    )
    assert setup.loop.sums.loss(40) == pytest.approx(each.mean().item(), rel=1e-6)


def test_the_average_follows_its_formula_and_begins_with_a_copy() -> None:
    model = nn.Linear(2, 2)
    average = Average(model, 0.9)
    states = []
    for _ in range(3):
        nn.init.normal_(model.weight)
        average.update()
        states.append(model.weight.detach().clone())
    expected = 0.9 * (0.9 * states[0] + 0.1 * states[1]) + 0.1 * states[2]
    torch.testing.assert_close(average.tensors["weight"], expected)
    with average.applied():
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight.detach(), states[2])


def test_fp16_overflow_leaves_out_the_step_and_the_schedule() -> None:
    model = plain()
    setup, source = made(model, {"precision": "fp16", "ema": 0.5}, scheduler=scheduler("LinearLR"))
    before, steps = weights(model), setup.loop
    assert steps.scaler is not None
    assert steps.average is not None
    assert steps.scheduler is not None
    batch = next(iter(source.epoch(0)))
    steps.step([{**batch, "image": batch["image"] * torch.inf}])
    assert torch.equal(weights(model), before)
    assert (steps.scheduler.last_epoch, steps.average.num_averaged) == (0, 0)
    assert steps.scaler.get_scale() == 2**15
    steps.step([batch])
    assert not torch.equal(weights(model), before)
    assert (steps.scheduler.last_epoch, steps.average.num_averaged) == (1, 1)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_with_weights_in_full(precision: str) -> None:
    model = network()
    setup, source = made(model, {"precision": precision, "clip": {"norm": 1.0}})
    before = weights(model)
    run(setup, source)
    assert not torch.equal(weights(model), before)
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_steps_read_nothing_from_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"ema": 0.9, "clip": {"norm": 1.0}, "precision": "bf16"}
    setup, source = made(plain(), given, num_train=400, scheduler=scheduler("OneCycleLR", max_lr=0.1))
    groups = [[batch] for batch in source.epoch(0)]
    reads: list[str] = []
    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__bool__", "__int__", "__index__"):
        monkeypatch.setattr(Tensor, name, counted(name, getattr(Tensor, name), reads))
    for group in groups:
        setup.loop.step(group)
    assert reads == []
    assert setup.loop.sums.loss(400) > 0
    assert reads == ["__float__"]


def counted(name: str, original: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def call(self: Tensor, *args: Any) -> Any:
        calls.append(name)
        return original(self, *args)

    return call


def test_a_report_is_made_after_the_first_step_and_then_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(0.0, REPORT_EVERY_S / 10)
    monkeypatch.setattr(loop, "perf_counter", lambda: next(clock))
    setup, source = made(plain(), {}, num_train=400)
    reports: list[float] = []
    setup.loop.run(iter(source.epoch(0)), Position(), 10**9, Interruption(), reports.append)
    assert 5 <= len(reports) <= 6  # 50 steps of a tenth each, and the first


def test_the_first_step_of_an_epoch_is_not_timed() -> None:
    position = run(*made(plain(), {}))
    assert position.timed_samples == 32
    assert 0 < position.timed_s < position.time_s
    assert replace(position, timed_samples=0).samples_per_second == 40 / position.time_s
