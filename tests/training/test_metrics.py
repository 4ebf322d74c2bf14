"""Metrics against their definitions, written as loops over samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from tests.training.tasks import CPU, count, loss, metric
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, MetricTerm
from yamlnet.language.formula import parse
from yamlnet.language.nodes import Expression
from yamlnet.training.meter import meter

LOGITS, VALUES = loss("BCEWithLogitsLoss"), loss("BCELoss")
FOUR = (torch.zeros(2, 4), {"target": torch.zeros(2, dtype=torch.int64)})


def measured(
    name: str,
    outputs: Sequence[torch.Tensor],
    targets: Sequence[torch.Tensor],
    trained: Loss = LOGITS,
    **said: object,
) -> float:
    example = (outputs[0], {"target": targets[0]})
    counted = meter({"m": metric(name, **said)}, trained, example, 4, CPU)
    count(counted, outputs, targets)
    return counted.compute()["m"]


def by_hand(name: str, predicted: list[int], true: list[int], average: str) -> float:
    """torchmetrics' multiclass definition: a class that is neither true nor predicted doesn't count."""
    pairs = list(zip(predicted, true, strict=True))
    if average == "micro":
        return sum(p == t for p, t in pairs) / len(pairs)
    scores, weights = [], []
    for c in range(4):
        hits = sum(p == t == c for p, t in pairs)
        num_predicted, num_true = predicted.count(c), true.count(c)
        below = {
            "Accuracy": num_true,
            "Recall": num_true,
            "Precision": num_predicted,
            "F1Score": (num_predicted + num_true) / 2,
        }[name]
        scores.append(hits / below if below else 0.0)
        present = bool(num_true or num_predicted)
        weights.append(num_true if average == "weighted" else int(present))
    return sum(s * w for s, w in zip(scores, weights, strict=True)) / sum(weights)


AVERAGES = [
    (n, a) for n in ("Accuracy", "Precision", "Recall", "F1Score") for a in ("micro", "macro", "weighted")
]


@pytest.mark.parametrize(("name", "average"), [pair for pair in AVERAGES if pair != ("Accuracy", "weighted")])
def test_class_metrics_are_their_definitions(name: str, average: str) -> None:
    random = torch.Generator().manual_seed(0)
    outputs = [torch.randn(n, 4, generator=random) for n in (5, 1, 7)]
    for output in outputs:
        output[:, 3] = -9  # never predicted
    targets = [torch.randint(0, 3, (len(o),), generator=random) for o in outputs]
    expected = by_hand(name, torch.cat(outputs).argmax(1).tolist(), torch.cat(targets).tolist(), average)
    assert measured(name, outputs, targets, average=average) == pytest.approx(expected, abs=1e-12)


def test_a_class_that_is_predicted_and_never_true_counts_as_zero_in_a_macro_average() -> None:
    predicted, true = torch.tensor([0, 0, 1]), torch.tensor([0, 0, 0])
    assert measured("Accuracy", [predicted], [true], average="macro") == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_one_number_per_sample_tells_two_classes(shape: tuple[int, ...]) -> None:
    logits = torch.tensor([2.0, -1.0, 0.5, -0.5, 1.0, -2.0]).reshape(shape)
    true = torch.tensor([1, 0, 0, 1, 1, 0])
    figures = {n: measured(n, [logits], [true]) for n in ("Accuracy", "Precision", "Recall", "F1Score")}
    assert figures == {k: pytest.approx(2 / 3 if k != "Accuracy" else 4 / 6) for k in figures}
    assert measured("Accuracy", [torch.sigmoid(logits)], [true], VALUES) == pytest.approx(4 / 6)
    assert measured("Recall", [logits], [torch.tensor([1, 1, 1, 1, 1, 0])]) == pytest.approx(3 / 5)


def test_top_k_looks_at_the_k_most_likely_classes() -> None:
    output = torch.tensor([[4.0, 3, 2, 1], [1, 4, 3, 2], [2, 1, 4, 3]])
    true = torch.tensor([1, 3, 2])
    assert measured("Accuracy", [output], [true], top_k=2) == pytest.approx(2 / 3)
    assert measured("Accuracy", [output], [true], top_k=2, average="macro") == pytest.approx((1 + 0 + 1) / 3)
    with pytest.raises(YamlnetError, match="`top_k` of `Accuracy` is 9, and there are 4 classes"):
        measured("Accuracy", [output], [true], top_k=9)


def test_errors_are_means_over_all_elements() -> None:
    outputs = [torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, -3.0], [4.0, 0.5]])]
    targets = [torch.zeros(1, 2), torch.ones(2, 2)]
    assert measured("MeanSquaredError", outputs, targets) == pytest.approx((1 + 4 + 1 + 16 + 9 + 0.25) / 6)
    assert measured("MeanAbsoluteError", outputs, targets) == pytest.approx((1 + 2 + 1 + 4 + 3 + 0.5) / 6)


def test_errors_demand_equal_shapes() -> None:
    with pytest.raises(YamlnetError, match=r"\[3, 1\].*\[3\]"):
        measured("MeanSquaredError", [torch.zeros(3, 1)], [torch.zeros(3)])


def test_targets_that_are_no_class_do_not_count() -> None:
    output = torch.eye(4)
    assert measured("Accuracy", [output], [torch.tensor([0, -100, 1, 3])]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("top_k", [1, 2])
def test_where_no_target_is_a_class_nothing_is_measured_in_silence(top_k: int) -> None:
    output, target = torch.eye(4), torch.tensor([7, 8, 9, 7])
    with pytest.raises(YamlnetError, match="no target is one of 0 to 3"):
        measured("Accuracy", [output], [target], top_k=top_k)
    assert math.isnan(measured("Accuracy", [output], [target * 0 + 7], top_k=top_k, ignore_index=7))


def test_pixels_count_one_by_one() -> None:
    output = torch.zeros(1, 4, 2, 2)
    output[0, 2] = 1
    assert measured("Accuracy", [output], [torch.tensor([[[2, 2], [2, 0]]])]) == 0.75


def test_nothing_measured_is_no_number() -> None:
    nothing = meter({"m": metric("Accuracy")}, LOGITS, FOUR, 4, CPU).compute()["m"]
    assert nothing != nothing


@pytest.mark.parametrize("name", ["Accuracy", "MeanSquaredError"])
def test_where_batches_are_counted_changes_no_bit(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    terms = {"m": metric(name)}
    inputs = [
        (torch.randn(3, 4, generator=random), torch.randint(0, 4, (3,), generator=random)) for _ in range(300)
    ]
    if name == "MeanSquaredError":
        inputs = [(output, torch.randn(3, 4, generator=random)) for output, _ in inputs]
    outputs, targets = zip(*inputs, strict=True)
    whole, cut = (meter(terms, LOGITS, (outputs[0], {"target": targets[0]}), 4, CPU) for _ in range(2))
    count(whole, outputs, targets)
    for start in range(0, 300, 3):
        count(cut, outputs[start : start + 3], targets[start : start + 3])
    assert whole.compute() == cut.compute()


def test_classes_are_needed_to_count_them() -> None:
    classes = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(YamlnetError, match="has none"):
        meter({"m": metric("Accuracy")}, LOGITS, (classes, {"target": classes}), None, CPU)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("output ** 2", lambda output, target: (output**2).mean()),
        ("mean(output)", lambda output, target: output.mean()),
        ("argmax(output, 1) == target", lambda output, target: (output.argmax(1) == target).mean()),
        ("target", lambda output, target: target.mean()),
    ],
)
def test_an_expression_is_averaged_over_the_samples(formula: str, expected: Any) -> None:
    random = torch.Generator().manual_seed(0)
    outputs = [torch.randn(n, 4, generator=random) for n in (5, 1, 7)]
    targets = [torch.randint(0, 4, (len(o),), generator=random) for o in outputs]
    term = MetricTerm(call=None, inputs=(Expression(path=(), formula=parse(formula)),))
    counted = meter({"m": term}, LOGITS, FOUR, None, CPU)
    assert math.isnan(counted.compute()["m"])
    count(counted, outputs, targets)
    found = expected(torch.cat(outputs).double().numpy(), torch.cat(targets).numpy())
    assert counted.compute()["m"] == pytest.approx(float(found), abs=1e-7)
    again = meter({"m": term}, LOGITS, FOUR, None, CPU)
    again.restore(counted.state())
    assert again.compute() == counted.compute()
