"""Steps: what one of them does to the weights, and what it doesn't do."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import loss, metric, network, optimizer, scheduler, task
from yamlnet.language.experiment import Loss, MetricTerm
from yamlnet.language.formula import parse
from yamlnet.language.nodes import Expression
from yamlnet.training import loop, state
from yamlnet.training.average import Average
from yamlnet.training.interrupt import Interruption
from yamlnet.training.loop import REPORT_EVERY_S, NotFiniteError, Position
from yamlnet.training.meter import Meter
from yamlnet.training.setup import Setup, set_up
from yamlnet.training.sums import MAX_PENDING_BATCHES, MAX_PENDING_BYTES

MEAN = MetricTerm(call=None, inputs=(Expression(path=(), formula=parse("mean(output)")),))


def plain() -> nn.Sequential:
    """A network without randomness, whose samples don't see each other."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))


def made(model: nn.Module, train: dict[str, Any], batch_size: int = 8, **said: Any) -> tuple[Setup, Any]:
    given = task(model, batch_size=batch_size, train=train, **said)
    return set_up(given), given.sources.train


def halves(*names: str) -> Loss:
    """The mean of two losses, as two terms."""
    terms = (loss(name).terms[""].model_copy(update={"weight": 0.5}) for name in names)
    return Loss(terms=dict(zip("ab", terms, strict=True)))


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


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_where_losses_are_added_up_changes_no_bit(reduction: str) -> None:
    random = torch.Generator().manual_seed(0)
    # of sizes so different that other orders come to other sums
    losses = (10 * torch.randn(2 * MAX_PENDING_BATCHES + 7, generator=random)).exp().unbind()
    summed = loss("CrossEntropyLoss", reduction=reduction)
    whole, cut = (made(plain(), {}, loss=summed)[0].loop.sums for _ in range(2))
    expected, example = 0.0, {"image": torch.zeros(3), "target": torch.zeros(3)}
    for number, value in enumerate(losses):
        size = 1 + number % 64
        expected += float(value) * (1 if reduction == "sum" else size)
        for sums in (whole, cut):
            sums.add(torch.zeros(3, 4), [value], example, size)
        if number % 5 == 0:
            cut.flush()
        elif number % 3 == 0:
            cut.loss(1)
    assert whole.loss(1) == cut.loss(1) == expected


def test_where_the_loss_is_read_changes_no_figure() -> None:
    metrics = {"accuracy": metric("Accuracy")}
    whole, read = (made(plain(), {}, metrics=metrics)[0].loop.sums for _ in range(2))
    random = torch.Generator().manual_seed(0)
    for number in range(1, 20):
        output, value = torch.randn(4, 3, generator=random), torch.rand((), generator=random)
        target = torch.randint(3, (4,), generator=random)
        for sums in (whole, read):
            sums.add(output, [value], {"target": target}, 4)
        if number % 3 == 0:
            read.loss(4 * number)
    figures = read.figures(76)
    assert figures == whole.figures(76)
    assert 0 < figures["accuracy"] < 1


def test_what_is_taken_back_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have what no metric takes."""
    given = task(train={"epochs": 1}, metrics={"accuracy": metric("Accuracy")})
    loop = set_up(given).loop
    tensors, numbers = state.capture(given.learner, loop, None, given.device)
    saved = {name: tensor.clone() for name, tensor in tensors.items()}
    for _ in range(3):
        spoilt = torch.full((2, 3), torch.nan)
        loop.sums.add(spoilt, [torch.ones(())], {"target": torch.zeros(2, dtype=torch.long)}, 2)
    counts = list[Any]()
    monkeypatch.setattr(Meter, "count", lambda self, taken: counts.append(taken))
    state.restore(saved, numbers, given.learner, loop, None, given.device)
    assert loop.sums.loss(1) == 0
    assert not counts


def test_what_a_kept_tensor_is_a_part_of_counts() -> None:
    sums = made(plain(), {}, metrics={"accuracy": metric("Accuracy")})[0].loop.sums
    targets = torch.zeros(100_000, dtype=torch.long)
    for _ in range(20):
        wide = torch.zeros(2, 100_000)
        sums.add(wide[:, :3], [torch.zeros(())], {"target": targets[:2]}, 2)
        assert len(sums._kept) * wide.nbytes < 2 * MAX_PENDING_BYTES
    for _ in range(1_000):
        sums.add(torch.zeros(2, 3), [torch.zeros(())], {"target": targets[:2]}, 2)
    assert len(sums._kept) > 500  # all have a part of the same targets


def test_a_step_is_only_noted_until_many_are_counted_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = made(plain(), {}, metrics={"accuracy": metric("Accuracy")})[0].loop.sums
    counts = list[int]()
    monkeypatch.setattr(Meter, "count", lambda self, taken: counts.append(len(taken[0])))
    for _ in range(2 * MAX_PENDING_BATCHES + 1):
        sums.add(torch.zeros(2, 3), [torch.zeros(())], {"target": torch.zeros(2, dtype=torch.long)}, 2)
    assert counts == [1, MAX_PENDING_BATCHES, MAX_PENDING_BATCHES]  # of the first, how large they are is seen


@pytest.mark.parametrize("metrics", [{"a": metric("Accuracy")}, {"a": metric("Accuracy"), "mean": MEAN}, {}])
def test_nothing_of_a_step_is_held_but_numbers(metrics: dict[str, MetricTerm]) -> None:
    sums = made(plain(), {}, metrics=metrics)[0].loop.sums
    sums.add(torch.zeros(3, 3), [torch.zeros(())], {"target": torch.zeros(3, dtype=torch.long)}, 3)
    leaf = torch.zeros(3, 4, requires_grad=True)
    output = leaf * 2
    value = output.sum()
    held = [weakref.ref(output), weakref.ref(value)]
    sums.add(output, [value], {"image": torch.zeros(3), "target": torch.zeros(3, dtype=torch.long)}, 3)
    del output, value
    assert [reference() for reference in held] == [None, None]


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
    setup, source = made(plain(), given, num_train=9_000, scheduler=scheduler("OneCycleLR", max_lr=0.1))
    groups = [[batch] for batch in source.epoch(0)]
    reads: list[str] = []
    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__bool__", "__int__", "__index__"):
        monkeypatch.setattr(Tensor, name, counted(name, getattr(Tensor, name), reads))
    for group in groups:
        setup.loop.step(group)
    assert len(groups) > MAX_PENDING_BATCHES
    assert reads == []
    assert setup.loop.sums.loss(9_000) > 0
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
    for epoch in range(2):
        setup.loop.run(iter(source.epoch(epoch)), Position(), 10**9, Interruption(), reports.append)
    assert 10 <= len(reports) <= 11  # 100 steps of a tenth each, and the first


def test_the_first_step_of_an_epoch_is_not_timed() -> None:
    position = run(*made(plain(), {}))
    assert position.timed_samples == 32
    assert 0 < position.timed_s < position.time_s
    assert replace(position, timed_samples=0).samples_per_second == 40 / position.time_s


def spoilt(source: Any, *numbers: int, by: float = torch.nan) -> list[dict[str, Tensor]]:
    """An epoch's batches, those of these numbers without a finite loss."""
    batches = list(source.epoch(0))
    for number in numbers:
        batches[number] = {**batches[number], "image": batches[number]["image"] * by}
    return batches


@pytest.mark.parametrize("said", [{}, {"loss": halves("CrossEntropyLoss", "MultiMarginLoss")}], ids=str)
@pytest.mark.parametrize(("accumulate", "batch"), [(1, 3), (2, 3), (3, 4)])
def test_a_careful_step_is_not_taken_without_a_finite_loss(
    accumulate: int, batch: int, said: dict[str, Any]
) -> None:
    model = plain()
    setup, source = made(model, {"accumulate": accumulate}, **said)
    setup.loop.careful, position = True, Position()
    batches = iter(spoilt(source, batch))
    setup.loop.run(batches, position, batch // accumulate, Interruption(), lambda loss: None)
    taken = weights(model)
    with pytest.raises(NotFiniteError) as caught:
        setup.loop.run(batches, position, 10, Interruption(), lambda loss: None)
    assert (caught.value.what, caught.value.batch) == ("loss", batch % accumulate)
    assert position.step == batch // accumulate
    assert torch.equal(weights(model), taken)


def test_without_care_a_loss_is_seen_when_it_is_read() -> None:
    setup, source = made(plain(), {})
    with pytest.raises(NotFiniteError, match="the loss: nan"):
        setup.loop.run(iter(spoilt(source, 3)), Position(), 10**9, Interruption(), lambda loss: None)


@pytest.mark.parametrize("name", ["SGD", "LBFGS"])
def test_the_order_of_terms_changes_no_bit(name: str) -> None:
    models, names = [plain(), plain()], ["CrossEntropyLoss", "MultiMarginLoss"]
    for model, said in zip(models, (halves(*names), halves(*names[::-1])), strict=True):
        setup, source = made(model, {"non_finite": "skip"}, optimizer=optimizer(name, lr=0.1), loss=said)
        for batch in spoilt(source, 2):
            setup.loop.step([batch])
        assert setup.loop.sums.loss(32) > 0
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(plain()))


@pytest.mark.parametrize("name", ["SGD", "Rprop"])
def test_a_step_that_is_skipped_leaves_everything_as_it_was(name: str) -> None:
    models = [network(), network()]
    position = Position()
    given = optimizer(name, lr=0.1)
    for model, numbers in zip(models, ([1, 3], []), strict=True):
        setup, source = made(model, {"non_finite": "skip", "ema": 0.9}, optimizer=given)
        batches = spoilt(source, *numbers)
        if not numbers:
            del batches[3], batches[1]
        torch.manual_seed(1)
        position = Position()
        for batch in batches:
            state = torch.get_rng_state()
            num_samples, applied = setup.loop.step([batch])
            position.advance(1, num_samples, applied)
            if not applied:
                torch.set_rng_state(state)
        assert (position.num_samples, position.num_skipped) == (24, len(numbers))
        assert setup.loop.sums.loss(24) > 0
        assert setup.loop.average is not None
        assert setup.loop.average.num_averaged == 3
    for a, b in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_gradient_that_is_not_finite_is_skipped_too() -> None:
    model = plain()
    setup, source = made(model, {"non_finite": "skip"})
    before = weights(model)
    model[3].weight.register_hook(lambda gradient: gradient * torch.inf)
    assert setup.loop.step([next(iter(source.epoch(0)))]) == (8, False)
    assert torch.equal(weights(model), before)


def test_each_way_of_clipping_is_for_what_it_matches() -> None:
    model, other = plain(), plain()
    given = {"clip": [{"norm": 0.5, "match": "1"}, {"value": 0.01, "match": ["3.bias"]}]}
    loops = [
        made(m, train, optimizer=optimizer(lr=1.0))[0].loop for m, train in ((model, given), (other, {}))
    ]
    start = dict(plain().named_parameters())
    batch = next(iter(made(plain(), {})[1].epoch(0)))
    for steps in loops:
        steps.step([{**batch, "image": batch["image"] * 50}])
    moved, free = (
        {name: start[name].detach() - p.detach() for name, p in m.named_parameters()} for m in (model, other)
    )
    norm = torch.cat([moved["1.weight"].flatten(), moved["1.bias"]]).norm()
    assert float(norm) == pytest.approx(0.5, rel=1e-3)
    assert float(moved["3.bias"].abs().max()) == pytest.approx(0.01, rel=1e-3)
    assert torch.equal(moved["3.weight"], free["3.weight"])
    assert float(free["3.bias"].abs().max()) > 0.02


def test_tf32_and_auto_are_fp32_on_the_cpu() -> None:
    models = [plain() for _ in range(3)]
    for model, precision in zip(models, ("fp32", "tf32", "auto"), strict=True):
        run(*made(model, {"precision": precision}))
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert torch.equal(weights(models[0]), weights(models[2]))
