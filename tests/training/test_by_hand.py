"""Two steps with every optimizer, and a whole schedule, against the same loop written by hand: to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from tests.training.tasks import optimizer, scheduler, task
from yamlnet.catalog import lookup
from yamlnet.language.experiment import Group
from yamlnet.training.interrupt import Interruption
from yamlnet.training.loop import Position
from yamlnet.training.setup import set_up

FUSED = ("Adagrad", "Adam", "AdamW", "SGD")
RATE = 0.1


def matrices(sparse: bool = False) -> nn.Sequential:
    """A network of matrices alone, which `Muon` wants; or an embedding, which `SparseAdam` does."""
    torch.manual_seed(0)
    if sparse:
        return nn.Sequential(nn.Embedding(16, 3, sparse=True), nn.AvgPool2d((16, 1)), nn.Flatten())
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8, bias=False), nn.Tanh(), nn.Dropout(), nn.Linear(8, 3, bias=False)
    )


def batches(num_batches: int, sparse: bool = False) -> list[dict[str, Tensor]]:
    random = torch.Generator().manual_seed(1)
    shape = (8, 16) if sparse else (8, 1, 4, 4)
    images = [
        torch.randint(0, 16, shape, generator=random) if sparse else torch.randn(shape, generator=random)
        for _ in range(num_batches)
    ]
    return [{"image": i, "target": torch.randint(0, 3, (8,), generator=random)} for i in images]


def by_file(model: nn.Module, given: list[dict[str, Tensor]], **said: Any) -> Tensor:
    """The weights after the steps of our own loop."""
    made = set_up(task(model, train={"steps": len(given)}, metrics={}, **said))
    torch.manual_seed(2)
    made.loop.run(iter(given), Position(), len(given), Interruption(), lambda loss: None)
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def by_hand(
    model: nn.Module,
    given: list[dict[str, Tensor]],
    made: Optimizer,
    schedule: Callable[[Optimizer], Any] | None = None,
) -> Tensor:
    """The weights after the steps of the plainest loop."""
    advancing = schedule(made) if schedule else None
    torch.manual_seed(2)
    for batch in given:

        def closure(batch: dict[str, Tensor] = batch) -> Tensor:
            made.zero_grad()
            loss = nn.functional.cross_entropy(model(batch["image"]), batch["target"])
            loss.backward()
            return loss

        made.step(closure)
        if advancing is not None:
            advancing.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("name", lookup.names("optimizer"))
def test_every_optimizer(name: str) -> None:
    is_sparse = name == "SparseAdam"
    said = {"max_iter": 4, "line_search_fn": "strong_wolfe"} if name == "LBFGS" else {}
    fused = {"fused": True} if name in FUSED else {}
    models = [matrices(is_sparse), matrices(is_sparse)]
    given = batches(2, is_sparse)
    made = getattr(torch.optim, name)(models[1].parameters(), lr=RATE, **said, **fused)
    found = by_file(models[0], given, optimizer=optimizer(name, lr=RATE, **said))
    assert torch.equal(found, by_hand(models[1], given, made))
    assert not torch.equal(found, torch.cat([p.detach().flatten() for p in matrices(is_sparse).parameters()]))


NUM_STEPS = 12
SCHEDULES: Mapping[str, tuple[dict[str, Any], Callable[[Optimizer], Any]]] = {
    "ChainedScheduler": (
        {"schedulers": ["LinearLR", {"ExponentialLR": 0.9}]},
        lambda made: lr_scheduler.ChainedScheduler(
            [
                lr_scheduler.LinearLR(made, total_iters=NUM_STEPS),
                lr_scheduler.ExponentialLR(made, 0.9),
            ]
        ),
    ),
    "ConstantLR": ({}, lambda made: lr_scheduler.ConstantLR(made, total_iters=NUM_STEPS)),
    "CosineAnnealingLR": ({}, lambda made: lr_scheduler.CosineAnnealingLR(made, NUM_STEPS)),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 3},
        lambda made: lr_scheduler.CosineAnnealingWarmRestarts(made, 3),
    ),
    "CyclicLR": (
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
        lambda made: lr_scheduler.CyclicLR(made, [0.01, 0.005], [0.1, 0.05], step_size_up=3),
    ),
    "ExponentialLR": ({"gamma": 0.9}, lambda made: lr_scheduler.ExponentialLR(made, 0.9)),
    "LinearLR": ({}, lambda made: lr_scheduler.LinearLR(made, total_iters=NUM_STEPS)),
    "MultiStepLR": ({"milestones": [2, 4]}, lambda made: lr_scheduler.MultiStepLR(made, [2, 4])),
    "OneCycleLR": (
        {"max_lr": 0.5},
        lambda made: lr_scheduler.OneCycleLR(made, [0.5, 0.25], total_steps=NUM_STEPS),
    ),
    "PolynomialLR": ({}, lambda made: lr_scheduler.PolynomialLR(made, total_iters=NUM_STEPS)),
    "SequentialLR": (
        {"schedulers": ["LinearLR", {"OneCycleLR": 0.2}, "CosineAnnealingLR"], "milestones": [2, 8]},
        lambda made: lr_scheduler.SequentialLR(
            made,
            [
                lr_scheduler.LinearLR(made, total_iters=2),
                lr_scheduler.OneCycleLR(made, [0.2, 0.1], total_steps=6),
                lr_scheduler.CosineAnnealingLR(made, 4),
            ],
            [2, 8],
        ),
    ),
    "StepLR": ({"step_size": 2}, lambda made: lr_scheduler.StepLR(made, 2)),
}
"""What the file says of a schedule, and the same by hand; `ReduceLROnPlateau` follows no step."""


@pytest.mark.parametrize("name", sorted({*lookup.names("scheduler")} - {"ReduceLROnPlateau"}))
def test_every_schedule_with_two_groups(name: str) -> None:
    said, schedule = SCHEDULES[name]
    models = [matrices(), matrices()]
    section = optimizer("SGD", lr=RATE, momentum=0.9).model_copy(
        update={"groups": (Group(match=("4",), options={"lr": RATE / 2}),)}
    )
    groups = [
        {"params": [models[1][1].weight]},
        {"params": [models[1][4].weight], "lr": RATE / 2},
    ]
    made = torch.optim.SGD(groups, lr=RATE, momentum=0.9, fused=True)
    given = batches(NUM_STEPS)
    found = by_file(models[0], given, optimizer=section, scheduler=scheduler(name, **said))
    assert torch.equal(found, by_hand(models[1], given, made, schedule))
    assert not torch.equal(found, by_file(matrices(), given, optimizer=section))


def test_a_closure_is_called_as_often_as_by_hand() -> None:
    said = {"lr": RATE, "max_iter": 5, "tolerance_change": 0.0}
    models = [matrices(), matrices()]
    calls = [counted(model) for model in models]
    by_file(models[0], batches(2), optimizer=optimizer("LBFGS", **said))
    by_hand(models[1], batches(2), torch.optim.LBFGS(models[1].parameters(), **said))
    assert len(calls[0]) == len(calls[1]) == 10


def counted(model: nn.Module) -> list[str]:
    """Grows with each call of the model."""
    calls: list[str] = []
    model.register_forward_pre_hook(lambda *_: calls.append("called"))
    return calls
