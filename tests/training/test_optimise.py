"""Optimizers, groups and schedules as the file says them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tests.training.tasks import CPU, call, network, optimizer
from yamlnet.catalog import lookup
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Clip, Group, Optimizer
from yamlnet.training import optimise, schedule


def grouped(
    *groups: tuple[tuple[str, ...], dict[str, Any]], model: nn.Module | None = None
) -> list[dict[str, Any]]:
    section = Optimizer(
        call=call("optimizer", "AdamW", lr=0.1, weight_decay=0.5),
        groups=tuple(Group(match=match, options=options) for match, options in groups),
    )
    return optimise.optimizer(section, model or network(), CPU).param_groups


def rates(groups: list[dict[str, Any]], key: str = "lr") -> list[tuple[float, int]]:
    return [(group[key], len(group["params"])) for group in groups]


@pytest.mark.parametrize("name", lookup.names("optimizer"))
def test_every_optimizer_steps_or_says_why_not(name: str) -> None:
    model = nn.Embedding(4, 3, sparse=True) if name == "SparseAdam" else nn.Linear(4, 3, bias=False)
    made = optimise.optimizer(optimizer(name), model, CPU)
    before = [p.detach().clone() for p in model.parameters()]
    model(torch.tensor([1, 2]) if name == "SparseAdam" else torch.ones(2, 4)).square().sum().backward()
    made.step(lambda: torch.tensor(1.0))
    assert not all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "Adagrad"])
def test_fused_is_the_rule_and_the_file_overrules_it(name: str) -> None:
    assert optimise.optimizer(optimizer(name), network(), CPU).defaults["fused"]
    assert optimise.optimizer(optimizer(name, fused=None), network(), CPU).defaults["fused"]
    assert not optimise.optimizer(optimizer(name, fused=False), network(), CPU).defaults["fused"]
    assert not optimise.optimizer(optimizer(name, foreach=True), network(), CPU).defaults["fused"]


def test_a_plain_step_is_the_step_of_torch() -> None:
    models = [network(), network()]
    made = [
        optimise.optimizer(optimizer("AdamW", lr=0.1), models[0], CPU),
        torch.optim.AdamW(models[1].parameters(), lr=0.1, fused=True),
    ]
    for model, own in zip(models, made, strict=True):
        for _ in range(3):
            model.eval()(torch.ones(2, 16)).square().sum().backward()
            own.step()
            own.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in models), strict=True))


def test_what_torch_refuses_is_one_line() -> None:
    with pytest.raises(YamlnetError, match=r"`SGD` can't be made .* Nesterov momentum requires") as caught:
        optimise.optimizer(optimizer("SGD", nesterov=True), network(), CPU)
    assert caught.value.exit_code == 1


def test_groups_apply_in_order_and_the_later_wins_key_by_key() -> None:
    groups = grouped(
        (("*.bias", "2"), {"weight_decay": 0}), (("2",), {"lr": 0.01}), (("2.bias",), {"lr": 0.02})
    )
    assert rates(groups) == [(0.1, 2), (0.1, 2), (0.01, 1), (0.02, 1)]
    assert rates(groups, "weight_decay") == [(0.5, 2), (0, 2), (0, 1), (0, 1)]


def test_frozen_parameters_are_left_out() -> None:
    model = network()
    model[1].requires_grad_(False)
    assert rates(grouped((("1",), {"lr": 1.0}), model=model)) == [(0.1, 4)]


def test_a_tied_parameter_matches_by_any_of_its_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert rates(grouped((("1",), {"lr": 1.0}), model=model)) == [(1.0, 1)]


def test_a_pattern_without_a_match_is_an_error() -> None:
    with pytest.raises(YamlnetError, match="no parameter matches `head`"):
        grouped((("1", "head"), {"lr": 1.0}))


@pytest.mark.parametrize(("clip", "largest"), [(Clip(norm=0.5), 0.5), (Clip(value=0.01), None)])
def test_clipping_bounds_the_gradients(clip: Clip, largest: float | None) -> None:
    model = network()
    made = optimise.optimizer(optimizer(), model, CPU)
    model(torch.ones(4, 16)).square().sum().mul(100).backward()
    apply = optimise.clipper([clip], model, made)
    assert apply is not None
    apply()
    gradients = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert gradients.norm() <= 0.5 + 1e-4 if largest else gradients.abs().max() <= 0.01
    assert optimise.clipper([], model, made) is None


ARGUMENTS: dict[str, dict[str, Any]] = {
    "ChainedScheduler": {"schedulers": ["ConstantLR", {"ExponentialLR": 0.9}]},
    "ConstantLR": {"total_iters": 3},
    "CosineAnnealingWarmRestarts": {"T_0": 3},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1},
    "ExponentialLR": {"gamma": 0.9},
    "MultiStepLR": {"milestones": [2, 4]},
    "OneCycleLR": {"max_lr": 0.1},
    "ReduceLROnPlateau": {"patience": 2},
    "SequentialLR": {"schedulers": [{"LinearLR": 0.1}, "CosineAnnealingLR"], "milestones": [3]},
    "StepLR": {"step_size": 2},
}


def course(name: str, length: int, groups: tuple[Group, ...] = (), **said: Any) -> list[list[float]]:
    """The learning rates of each step, by group."""
    section = Optimizer(call=call("optimizer", "SGD", lr=0.1, momentum=0.9), groups=groups)
    made = optimise.optimizer(section, network(), CPU)
    advancing = schedule.scheduler(call("scheduler", name, **said), made, length)
    rates = []
    for _ in range(length):
        rates.append([group["lr"] for group in made.param_groups])
        made.step()
        advancing.step(*([1.0] if name == "ReduceLROnPlateau" else []))  # type: ignore[arg-type]
    return rates


@pytest.mark.parametrize("name", lookup.names("scheduler"))
def test_every_scheduler_runs_its_whole_length(name: str) -> None:
    rates = course(name, 12, **ARGUMENTS.get(name, {}))
    assert len({rate for (rate,) in rates}) > 1


def test_lengths_are_inferred_from_the_training() -> None:
    assert course("CosineAnnealingLR", 10)[5] == [pytest.approx(0.05)]
    assert course("PolynomialLR", 10)[9] == [pytest.approx(0.01)]
    assert course("LinearLR", 10, start_factor=0.5)[5] == [pytest.approx(0.075)]
    assert course("LinearLR", 10, start_factor=0.5, total_iters=2)[2] == [pytest.approx(0.1)]
    assert course("OneCycleLR", 10, max_lr=0.1, pct_start=0.4)[3] == [pytest.approx(0.1)]
    warm = course("SequentialLR", 10, **ARGUMENTS["SequentialLR"])
    assert warm[0] == [pytest.approx(0.01)]
    assert warm[3] == [pytest.approx(0.1)]
    assert warm[9] == course("CosineAnnealingLR", 7)[6]


def test_one_max_lr_keeps_the_ratios_of_the_groups() -> None:
    groups = (Group(match=("1",), options={"lr": 0.01}),)
    rates = course("OneCycleLR", 10, groups, max_lr=0.5)
    assert max(rate for rate, _ in rates) == pytest.approx(0.5, rel=0.1)
    assert all(second == pytest.approx(first / 10) for first, second in rates)
