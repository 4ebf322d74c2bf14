"""The loss of the file, as torch computes it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from tests.training import tasks
from tests.training.tasks import CPU
from yamlnet.diagnostics import YamlnetError
from yamlnet.training.objective import objective

BATCH = {"target": torch.tensor([2, 0]), "image": torch.ones(2, 3)}
OUTPUT = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])


def loss(name: str, output: Any, inputs: tuple[str, ...] = ("output", "target"), **said: Any) -> Tensor:
    aim = objective(tasks.loss(name, inputs, **said), CPU)
    return aim.total(aim.losses(output, BATCH))


def test_arguments_reach_torch_and_lists_become_tensors() -> None:
    expected = F.cross_entropy(OUTPUT, BATCH["target"], weight=torch.tensor([1.0, 2, 3]), label_smoothing=0.1)
    assert torch.equal(loss("CrossEntropyLoss", OUTPUT, weight=[1, 2, 3], label_smoothing=0.1), expected)


@pytest.mark.parametrize(
    ("output", "name"),
    [
        (OUTPUT, "output"),
        ({"image": OUTPUT}, "output.image"),
        ((0, [0, OUTPUT]), "output.1.1"),
    ],
)
def test_parts_of_the_output_are_taken_by_name_and_number(output: Any, name: str) -> None:
    assert torch.equal(loss("MSELoss", output, (name, "image")), F.mse_loss(OUTPUT, BATCH["image"]))


def test_no_reduction_is_averaged_and_a_sum_stays_one() -> None:
    target = BATCH["target"]
    assert torch.equal(loss("CrossEntropyLoss", OUTPUT, reduction="none"), F.cross_entropy(OUTPUT, target))
    assert torch.equal(
        loss("CrossEntropyLoss", OUTPUT, reduction="sum"), F.cross_entropy(OUTPUT, target, reduction="sum")
    )


def test_broadcasting_is_refused() -> None:
    with pytest.raises(YamlnetError, match=r"`output` is \[2, 1\] and `target` is \[2\]"):
        loss("MSELoss", OUTPUT[:, :1])


def test_integer_targets_become_floats_where_the_loss_needs_them() -> None:
    output = torch.tensor([0.3, -0.2])
    (got,) = objective(tasks.loss("BCEWithLogitsLoss"), CPU).losses(output, {"target": torch.tensor([1, 0])})
    assert torch.equal(got, F.binary_cross_entropy_with_logits(output, torch.tensor([1.0, 0.0])))
