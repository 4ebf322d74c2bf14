"""What is watched of modules and their gradients, and that watching changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.tasks import network, new_run, signalled, task
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Watch
from yamlnet.training import trainer
from yamlnet.training.run import Run
from yamlnet.training.watch import NUM_BINS, Figures, Watcher, figures

EVERYTHING = {"activations": "*", "gradients": "*", "every": 3}


def seen(model: nn.Module, given: Tensor, scale: float = 1.0, **section: Any) -> list[Figures]:
    """What is watched of one step."""
    records: list[Figures] = []
    watcher = Watcher(Watch(**section), model, records.append)
    with watcher.watching(7):
        (model(given).sum() * scale).backward()
    return records


def is_bare(model: nn.Module) -> bool:
    return not any(module._forward_hooks or module._backward_hooks for module in model.modules())


@pytest.mark.parametrize(
    "values",
    [torch.randn(2, 50), torch.zeros(3), torch.tensor(4.0), torch.randn(40).bfloat16()],
    ids=["many", "zeros", "one", "bf16"],
)
def test_the_figures_are_those_of_their_formulas(values: Tensor) -> None:
    found, flat = figures(values), values.flatten().double()
    assert found["mean"] == pytest.approx(float(flat.mean()), abs=1e-6)
    assert found["std"] == pytest.approx(float(flat.std(correction=0)), abs=1e-6)
    assert found["norm"] == pytest.approx(float(flat.norm()), abs=1e-5)
    assert found["zeros"] == pytest.approx(float((flat == 0).double().mean()))
    edges, counts = found["histogram"]["edges"], found["histogram"]["counts"]
    assert (len(edges), len(counts), sum(counts)) == (NUM_BINS + 1, NUM_BINS, len(flat))
    assert edges == sorted(set(edges))
    assert edges[0] <= float(flat.min()) <= float(flat.max()) <= edges[-1] + 1e-6


def test_a_histogram_is_that_of_torch() -> None:
    values = torch.randn(1000)
    assert figures(values)["histogram"]["counts"] == torch.histc(values, NUM_BINS).long().tolist()


def test_what_is_not_finite_is_in_the_mean_but_not_in_the_histogram() -> None:
    found = figures(torch.tensor([1.0, torch.nan, 2.0]))
    assert found["mean"] != found["mean"]
    assert sum(found["histogram"]["counts"]) == 2


def test_activations_and_gradients_are_those_of_the_modules_that_match() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(inplace=True), nn.Linear(2, 1))
    given = torch.randn(4, 3)
    records = seen(model, given, activations="[01]", gradients="0")
    assert [(r["step"], r["module"], r["kind"], r["call"]) for r in records] == [
        (7, "0", "activation", 0),
        (7, "1", "activation", 0),
        (7, "0", "gradient", 0),
    ]
    hidden = model[0](given).detach()
    gradient = model[2].weight.detach() * (hidden > 0)
    for record, expected in zip(records, (hidden, hidden.relu(), gradient), strict=True):
        assert record["norm"] == pytest.approx(float(expected.norm()), rel=1e-5)
    assert is_bare(model)


def test_parts_of_a_result_and_further_calls_have_names() -> None:
    model = nn.Sequential(nn.LSTM(3, 2, batch_first=True))
    names = {(r["module"], r["kind"]) for r in parts(model, torch.randn(2, 5, 3))}
    assert names == {("0.0", "activation"), ("0.1.0", "activation"), ("0.1.1", "activation")}
    shared = nn.Linear(3, 3)
    assert [r["call"] for r in parts(nn.Sequential(shared, shared), torch.randn(2, 3))] == [0, 1]


def parts(model: nn.Module, given: Tensor) -> list[Figures]:
    records: list[Figures] = []
    with Watcher(Watch(activations=("*",)), model, records.append).watching(1):
        model(given)
    return records


def test_gradients_are_without_the_loss_scaling() -> None:
    model, records = nn.Sequential(nn.Linear(3, 2)), []
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    with Watcher(Watch(gradients=("0",)), model, records.append, scaler).watching(1):
        scaler.scale(model(torch.ones(4, 3)).sum()).backward()
    assert records[0]["mean"] == 1.0


def test_a_failing_step_leaves_no_hook() -> None:
    model = network()
    with (
        pytest.raises(RuntimeError, match="shapes"),
        Watcher(Watch(activations=("*",)), model, print).watching(1),
    ):
        model(torch.ones(2, 3))
    assert is_bare(model)


def trained(folder: Path, watch: dict[str, Any] | None) -> Run:
    run = new_run(folder)
    trainer.train(task(train={"epochs": 2, "watch": watch}), run)
    return run


def test_watching_changes_no_bit_and_is_read_at_its_steps_alone(tmp_path: Path) -> None:
    runs = [trained(tmp_path / "on", EVERYTHING), trained(tmp_path / "off", None)]
    assert len({run.manifest["weights_digest"] for run in runs}) == 1
    assert sorted({record["step"] for record in runs[0].watched()}) == [3, 6, 9]
    assert runs[1].watched() == []
    assert not (runs[1].path / "watch.jsonl").exists()


def test_a_resumed_run_has_each_record_once(tmp_path: Path) -> None:
    straight = trained(tmp_path / "straight", EVERYTHING).watched()
    for epoch, batch in ((0, 4), (1, 1), (1, 3)):
        run = new_run(tmp_path / f"{epoch}-{batch}")
        given = task(train={"epochs": 2, "watch": EVERYTHING})
        with pytest.raises(YamlnetError, match="terminated"):
            trainer.train(signalled(given, epoch, batch), run)
        run.append_watched({"step": 99})
        trainer.resume(task(train={"epochs": 2, "watch": EVERYTHING}), run)
        assert run.watched() == straight


def test_parameters_inside_a_container_follow_its_pattern() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), nn.Linear(3, 1))
    assert [r["module"] for r in seen(model, torch.ones(2, 3), activations="0")] == ["0.0", "0.1", "0"]
