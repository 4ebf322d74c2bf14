"""Metrics are torchmetrics': those counted here give its numbers, and all others are its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import yamlnet
from tests.training.tasks import CPU, count, loss, metric, new_run, task
from yamlnet import api
from yamlnet.catalog import lookup
from yamlnet.catalog.measures import import_torchmetrics
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, MetricTerm
from yamlnet.training import trainer
from yamlnet.training.delegate import Delegate
from yamlnet.training.meter import Meter, meter

torchmetrics: Any = import_torchmetrics()
CROSS_ENTROPY = loss("CrossEntropyLoss")
NUM_CLASSES = 5
ROOT = Path(__file__).parent.parent.parent


def drawn(task: str, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Logits and targets of some batches; class 4 is rare, and no class of a batch is sure to be there."""
    random = torch.Generator().manual_seed(seed)
    sizes = (7, 1, 12)
    if task == "binary":
        logits = [torch.randn(n, generator=random) for n in sizes]
        return logits, [torch.randint(0, 2, (n,), generator=random) for n in sizes]
    if task == "multilabel":
        logits = [torch.randn(n, NUM_CLASSES, generator=random) for n in sizes]
        return logits, [torch.randint(0, 2, (n, NUM_CLASSES), generator=random) for n in sizes]
    logits = [torch.randn(n, NUM_CLASSES, generator=random) for n in sizes]
    return logits, [torch.randint(0, NUM_CLASSES - 1, (n,), generator=random) for n in sizes]


def made(
    term: MetricTerm, outputs: list[Tensor], targets: list[Tensor], trained: Loss = CROSS_ENTROPY
) -> Meter:
    counted = meter({"m": term}, trained, (outputs[0], {"target": targets[0]}), NUM_CLASSES, CPU)
    count(counted, outputs, targets)
    return counted


def own(name: str, arguments: Mapping[str, Any], outputs: list[Tensor], targets: list[Tensor]) -> float:
    return made(metric(name, **arguments), outputs, targets).compute()["m"]


def theirs(name: str, arguments: Mapping[str, Any], outputs: list[Tensor], targets: list[Tensor]) -> float:
    measured = getattr(torchmetrics, name)(**arguments)
    for output, target in zip(outputs, targets, strict=True):
        measured.update(output, target)
    return float(measured.compute())


COUNTED = [
    (name, {"average": average, **more})
    for name in ("Accuracy", "Precision", "Recall", "F1Score")
    for average in ("micro", "macro", "weighted")
    for more in ({}, {"ignore_index": 1}, {"top_k": 2})
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "arguments"), COUNTED)
def test_metrics_of_many_classes_are_torchmetrics(name: str, arguments: dict[str, Any], seed: int) -> None:
    outputs, targets = drawn("multiclass", seed)
    said = {**arguments, "task": "multiclass", "num_classes": NUM_CLASSES}
    expected = theirs(name, said, [output.softmax(1) for output in outputs], targets)
    assert own(name, arguments, outputs, targets) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("threshold", [0.5, 0.3])
@pytest.mark.parametrize("name", ["Accuracy", "Precision", "Recall", "F1Score", "AUROC", "CohenKappa"])
def test_metrics_of_two_classes_are_torchmetrics(name: str, threshold: float) -> None:
    outputs, targets = drawn("binary", 0)
    said = {} if name == "AUROC" else {"threshold": threshold}
    expected = theirs(name, {**said, "task": "binary"}, [o.sigmoid() for o in outputs], targets)
    assert own(name, said, outputs, targets) == pytest.approx(expected, abs=1e-6)
    columns = [output[:, None] for output in outputs]
    assert own(name, said, columns, targets) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["Accuracy", "F1Score", "AveragePrecision"])
def test_several_labels_are_seen_by_their_shape(name: str) -> None:
    outputs, targets = drawn("multilabel", 0)
    said = {"task": "multilabel", "num_labels": NUM_CLASSES}
    expected = theirs(name, said, [output.sigmoid() for output in outputs], targets)
    assert own(name, {}, outputs, targets) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("name", ["MeanSquaredError", "MeanAbsoluteError", "R2Score"])
def test_sums_are_torchmetrics(name: str, shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    outputs = [torch.randn(n, *shape, generator=random) for n in (7, 1, 12)]
    targets = [o + 0.5 * torch.randn(o.shape, generator=random) for o in outputs]
    assert own(name, {}, outputs, targets) == pytest.approx(theirs(name, {}, outputs, targets), rel=1e-5)


def test_what_has_no_variance_is_torchmetrics_too() -> None:
    same = [torch.ones(4)]
    for outputs in (same, [torch.zeros(4)]):
        assert own("R2Score", {}, outputs, same) == theirs("R2Score", {}, outputs, same)


def test_probabilities_are_taken_as_they_are() -> None:
    outputs, targets = drawn("binary", 0)
    shares = [0.4 * output.sigmoid() for output in outputs]
    counted = made(metric("BinaryHingeLoss"), shares, targets, loss("BCELoss"))
    expected = torchmetrics.classification.BinaryHingeLoss()
    for share, target in zip(shares, targets, strict=True):
        expected.update(share, target)
    assert counted.compute()["m"] == pytest.approx(float(expected.compute()))


def test_other_metrics_are_known_with_their_direction() -> None:
    entries = {name: lookup.find(name, "metric") for name in lookup.names("metric")}
    assert len(entries) > 100
    rising = {name: entry.rising for name, entry in entries.items() if entry is not None}
    assert rising["AUROC"] is True
    assert rising["MeanSquaredError"] is False
    assert rising["MeanMetric"] is None


@pytest.mark.parametrize("name", ["AUROC", "SpearmanCorrCoef", "CohenKappa"])
def test_a_state_goes_on_where_it_was(name: str) -> None:
    outputs, targets = drawn("binary", 1)
    trained = loss("MSELoss") if name == "SpearmanCorrCoef" else CROSS_ENTROPY
    given = [target.float() if name == "SpearmanCorrCoef" else target for target in targets]
    whole = made(metric(name), outputs, given, trained)
    first = made(metric(name), outputs[:2], given[:2], trained)
    again = made(metric(name), outputs[:1], given[:1], trained)
    assert isinstance(again.accumulators["m"], Delegate)
    again.restore(first.state())
    count(again, outputs[2:3], given[2:3])
    assert again.compute() == whole.compute()
    again.reset()
    assert again.compute()["m"] != again.compute()["m"]


def test_a_metric_that_gives_many_numbers_is_refused() -> None:
    outputs, targets = drawn("multiclass", 0)
    with pytest.raises(YamlnetError, match="`MulticlassLogAUC` gives 5 numbers"):
        own("MulticlassLogAUC", {}, outputs, targets)


def test_a_metric_of_outputs_alone(tmp_path: Path) -> None:
    terms = {"mean": MetricTerm(call=metric("MeanMetric").call, inputs=("output",)), "auc": metric("AUROC")}
    result = trainer.train(task(train={"epochs": 2}, metrics=terms), new_run(tmp_path))
    assert 0.5 < result.metrics["test.auc"] <= 1
    assert isinstance(result.metrics["test.mean"], float)


def test_torchmetrics_is_imported_only_for_its_own(tmp_path: Path) -> None:
    written = (
        "{'data': {'dataset': 'MNIST5k'}, 'model': {'Sequential': ['Flatten', {'Linear': 10}]},"
        " 'loss': 'CrossEntropyLoss', 'metrics': ['Accuracy', {'F1Score': {'average': 'macro'}}],"
        " 'optimizer': 'SGD', 'train': {'steps': 1, 'device': 'cpu'}}"
    )
    train = f"yamlnet.train({written}, runs={str(tmp_path)!r})"
    code = f"import sys, yamlnet\n{train}\nsys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_torchmetrics_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(YamlnetError, match="torchmetrics isn't installed") as caught:
        import_torchmetrics()
    assert caught.value.help == "`pip install 'yamlnet[metrics]'`"


def test_best_needs_a_direction() -> None:
    written = {
        "data": {"dataset": "MNIST5k", "validation": 0.1},
        "model": {"Sequential": ["Flatten", {"Linear": 10}]},
        "loss": "CrossEntropyLoss",
        "metrics": {"mean": {"MeanMetric": None, "from": "output"}},
        "optimizer": "SGD",
        "train": {"checkpoint": {"best": "validation.mean"}},
    }
    (found,) = yamlnet.check(written)
    assert found.message == "whether a higher `validation.mean` is better isn't known"


@pytest.mark.parametrize("name", ["AUROC", "CohenKappa", "JaccardIndex", "Accuracy"])
def test_a_resolved_document_means_the_same(name: str, tmp_path: Path) -> None:
    written = {
        "data": {"dataset": "MNIST5k"},
        "model": {"Sequential": ["Flatten", {"Linear": 10}]},
        "loss": "CrossEntropyLoss",
        "metrics": [name],
        "optimizer": "SGD",
        "train": {"steps": 1, "device": "cpu"},
    }
    result = yamlnet.train(written, runs=tmp_path)
    assert api.evaluate(result.path).items() <= result.metrics.items()
