"""What fails in a running network points into the file, whatever it is and whatever runs it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import yamlnet
from tests.cli.calling import call
from tests.training.failing import place, write
from yamlnet.network.drawing import plain_calls
from yamlnet.training.delegate import Delegate

CHAIN = "model:\n  inputs: {%s: {shape: [%d], dtype: %s}}\n  ModuleDict:\n%s"
LOSS = "loss: {MSELoss, from: [output, share]}\n"


def graph(given: str, *nodes: str) -> str:
    """A network of one input with these lines, and a loss that takes one number a sample."""
    size, dtype = (3, "int64") if given == "i" else (4, "float32")
    lines = [*nodes, "flat: {flatten: 1}", "head: {Linear: 1}"]
    return CHAIN % (given, size, dtype, "".join(f"    {line}\n" for line in lines)) + LOSS


def logits(loss: str) -> str:
    lines = "    head: {Linear: 3}\n"
    return CHAIN % ("x", 4, "float32", lines) + f"loss: {loss}\n"


EMBEDDING = "{Embedding: {num_embeddings: 5, embedding_dim: 2}}"
CASES: dict[str, tuple[str, str, Any, str, str]] = {
    "embedding": (graph("i", f"table: {EMBEDDING}"), "i", 9, "Embedding:", "index out of range"),
    "in a repeated chain": (
        graph("i", f"table: [{EMBEDDING}]", "more: {Tanh, repeat: 2}"),
        *("i", 9, "Embedding:", "index out of range"),
    ),
    "embedding bag": (
        graph("i", "bag: {EmbeddingBag: {num_embeddings: 5, embedding_dim: 2}}"),
        *("i", -1, "EmbeddingBag:", "not in the valid range"),
    ),
    "one_hot": (
        graph("i", "hot: {one_hot: 5}", "floats: {expr: hot * 1.0}"),
        "i",
        7,
        "one_hot:",
        "smaller than",
    ),
    "gather": (
        graph("i", "floats: {expr: i * 1.0}", "taken: {gather: {dim: 1}, from: [floats, i]}").replace(
            "i: {s", "i: {s"
        ),
        *("i", 3, "gather:", "out of bounds"),
    ),
    "expression": (
        graph("i", f"table: {EMBEDDING}", "taken: {expr: 'one_hot(i, 5) * 1.0'}").replace(
            "Embedding: {num_embeddings: 5", "Embedding: {num_embeddings: 50"
        ),
        *("i", 7, "'one_hot(i", "smaller than"),
    ),
    "a part of a layer": (
        graph("i", f"whole: {{Residual: [{EMBEDDING}, {{expr: 'mean(input, 2)'}}]}}"),
        *("i", 5, "Embedding:", "index out of range"),
    ),
    "class": (
        logits("{CrossEntropyLoss, from: [output, target]}"),
        "target",
        -7,
        "CrossEntropyLoss,",
        "out of bounds",
    ),
    "share": (
        graph("x", "lin: {Linear: 4}")
        .replace("head: {Linear: 1}", "last: {Linear: 1}\n    head: Sigmoid")
        .replace("MSELoss", "BCELoss"),
        *("share", 1.5, "BCELoss,", "between 0 and 1"),
    ),
    "foreign": (
        graph("x", "gate: gates_of_tests.Gate"),
        "x",
        99.0,
        "gates_of_tests.Gate",
        "ValueError: too much",
    ),
}
MODES: list[dict[str, Any]] = [
    {},
    {"train.accumulate": 2, "train.ema": 0.9},
    {"train.precision": "bf16", "train.non_finite": "skip"},
]
GATE = """
import torch
class Gate(torch.nn.Module):
    def forward(self, x):
        if x.max() > 90:
            raise ValueError("too much")
        return x
"""


@pytest.fixture(scope="module", autouse=True)
def gates(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("gates")
    (folder / "gates_of_tests.py").write_text(GATE)
    sys.path.append(str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_it_names_the_node_its_place_and_what_it_took(
    case: str, mode: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, spoils, value, words, said = CASES[case]
    file = write(tmp_path, model, spoils, value)
    with pytest.raises(yamlnet.RunError) as caught:
        yamlnet.train(file, mode, tmp_path, allow=["gates_of_tests"])
    [found] = caught.value.diagnostics
    assert (found.line, found.column) == place(file, words), found
    assert caught.value.exit_code == 3
    assert "in training step" in found.message
    assert said in found.message
    assert found.help is not None
    assert str(found.line) in str(caught.value)
    assert "^" in str(caught.value)
    assert capsys.readouterr() == ("", "")
    [run] = (tmp_path / "failing").glob("[0-9]")
    assert f"{file}:{found.line}:{found.column}: {found.message}" in (run / "result.json").read_text()


HINGE = "MulticlassHingeLoss: {num_classes: 3}"


@pytest.mark.parametrize(
    ("metric", "value", "when", "said"),
    [
        (HINGE, 7, "in epoch 1", "index 7 is out of bounds"),
        (HINGE, 2, "in epoch 1", "KeyError: 'no number'"),
        (
            "Accuracy, from: [output, {expr: 'argmax(one_hot(target, 3), 1)'}]",
            7,
            "in training step",
            "smaller",
        ),
    ],
    ids=["counted", "computed", "taken"],
)
def test_a_metric_is_named_too(
    metric: str, value: int, when: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = logits("{expr: 'mean(output ** 2)'}")
    others = "first: {expr: 'mean(output)'}, last: {F1Score, from: [output, target]}"
    if value == 2:
        monkeypatch.setattr(Delegate, "compute", failing)
    file = write(tmp_path, f"{model}metrics: {{{others}, seen: {{{metric}}}}}\n", "target", value)
    with pytest.raises(yamlnet.RunError) as caught:
        yamlnet.train(file, runs=tmp_path)
    [found] = caught.value.diagnostics
    assert (found.line, found.column) == place(file, metric)
    assert f" fails {when}" in found.message
    assert said in found.message


def failing(metric: Delegate) -> float:
    if metric._metric._update_count == 5:  # not where the file is checked
        raise KeyError("no number")
    return 0.0


def test_an_evaluation_and_a_prediction_point_there_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    bad = write(other, *CASES["embedding"][:3])
    file = write(tmp_path, CASES["embedding"][0])
    option = f"data.validation={{Npz: {{path: {bad.parent / 'data.npz'}}}}}"
    line, start = place(file, "Embedding:")
    where = f"failing.yaml:{line}:{start}"
    ended = call(capsys, "train", str(file), "--runs", str(tmp_path), "--set", option)
    assert ended.code == 3
    assert "`Embedding` fails in the evaluation of the validation split: index out of range" in ended.err
    assert where in ended.err
    run = str(yamlnet.train(file, runs=tmp_path).path)
    for arguments in (
        ["evaluate", run, "--split", "validation", "--set", option],
        ["predict", run, str(bad.parent / "data.npz")],
    ):
        ended = call(capsys, *arguments)
        assert (ended.code, ended.out) == (3, "")
        assert "error[run-failure]: `Embedding` fails" in ended.err
        assert "resolved.yaml:" in ended.err
        assert "table: {Embedding" in ended.err or "Embedding:" in ended.err


def test_a_bug_of_ours_is_not_blamed_on_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AttributeError("oops")

    file = write(tmp_path, CASES["embedding"][0])
    monkeypatch.setattr("yamlnet.training.sums.Sums.add", broken)
    with pytest.raises(AttributeError, match="oops"):
        yamlnet.train(file, runs=tmp_path)


def test_a_network_that_ran_is_called_as_before(tmp_path: Path) -> None:
    network = yamlnet.build(write(tmp_path, CASES["one_hot"][0]))
    before = type(network).__call__
    with plain_calls(network):
        assert type(network).__call__ is not before
    assert type(network).__call__ is before


def test_in_python_ctrl_c_is_a_keyboard_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("yamlnet.training.sums.Sums.add", stopped)
    with pytest.raises(
        KeyboardInterrupt, match="interrupted after step 1\n  = help: `yamlnet train --resume"
    ):
        yamlnet.train(write(tmp_path, CASES["embedding"][0]), runs=tmp_path)
    assert (tmp_path / "failing" / "1" / "checkpoints" / "step-00000001").is_dir()
