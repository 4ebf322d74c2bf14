"""What a training step takes of the memory: one formula, and a mistake where it is more than there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import yamlnet
from yamlnet import pipeline
from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.language.experiment import Optimizer
from yamlnet.language.files import read
from yamlnet.network import activations
from yamlnet.network.footprint import Step, footprint
from yamlnet.network.summary import Summary
from yamlnet.training import memory

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted((*CONFIGS.glob("*.yaml"), *CONFIGS.glob("gallery/*.yaml")))
TEXT = """\
data: {dataset: MNIST5k, batch_size: %s}
model: {Sequential: [Flatten, {Linear: %d}, ReLU, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: %s
train: %s
"""
ADAM = "{Adam: {lr: 0.001}}"


def text(batch_size: object = 64, width: int = 32, optimizer: str = ADAM, train: str = "{}") -> str:
    return TEXT % (batch_size, width, optimizer, train)


def table(source: str) -> Summary:
    return pipeline.summary_of(pipeline.examine(read(source)))


def refused(source: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> list[yamlnet.Diagnostic]:
    monkeypatch.setattr("yamlnet.network.memory.machine", lambda: limit)
    return [found for found in yamlnet.check(source) if found.code == "too-large"]


@pytest.mark.parametrize(
    ("optimizer", "train", "copies"),
    [
        (ADAM, "{}", 4),
        ("{SGD: {lr: 0.1}}", "{}", 2),
        ("{SGD: {lr: 0.1, momentum: 0.9}}", "{}", 3),
        (ADAM, "{ema: 0.99}", 5),
    ],
)
def test_a_step_is_the_sum_of_its_parts(optimizer: str, train: str, copies: int) -> None:
    found = table(text(optimizer=optimizer, train=train))
    weights = 4 * (784 * 32 + 32 + 32 * 10 + 10)
    assert (
        found.step_bytes == copies * weights + 64 * found.activation_bytes == sum(found.step_parts.values())
    )


def test_half_precision_halves_the_activations() -> None:
    whole, half = (table(text(train=f"{{precision: {name}}}")) for name in ("fp32", "bf16"))
    assert whole.step_parts["activations"] == 2 * half.step_parts["activations"] > 0


def test_sparse_gradients_take_next_to_nothing() -> None:
    layer = nn.Embedding(10, 4, sparse=True)
    found = footprint(layer, 0, Step("SparseAdam", 2, 64), {layer.weight})
    assert (found.weights, found.gradients, found.optimizer) == (160, 0, 320)


def test_a_step_fits_where_there_is_as_much_memory_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    source = text(batch_size=4096, width=256)
    total = table(source).step_bytes
    assert total is not None
    assert not refused(source, total, monkeypatch)
    (found,) = refused(source, total - 1, monkeypatch)
    assert found.severity == "error"
    assert found.path == ("data", "batch_size")


def test_the_batch_that_is_offered_fits_and_twice_of_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = refused(text(batch_size=10**12), 10**7, monkeypatch)
    assert found.suggestion is not None
    assert not refused(text(batch_size=found.suggestion), 10**7, monkeypatch)
    assert refused(text(batch_size=2 * int(found.suggestion)), 10**7, monkeypatch)
    assert [(other.span.line, other.message) for other in found.related] == [(2, "takes 3.14 PB of it")]


def test_a_batch_size_that_is_not_written_cannot_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = refused(text().replace(", batch_size: 64", ""), 500_000, monkeypatch)
    assert found.suggestion is None
    assert "`batch_size: " in str(found.help)


def test_weights_that_do_not_fit_are_shown_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = refused(text(width=2_000_000), 16 * 10**9, monkeypatch)
    assert (found.span.line, found.suggestion) == (2, None)
    assert "25.1 GB of it for this" in str(found.help)


def test_a_model_alone_needs_its_weights_and_one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "model: {input: [1000], Sequential: [{Linear: 1000}, {Linear: 1000}]}"
    needed = 4 * (2 * 1000 * 1001 + 1000)
    assert not refused(source, needed, monkeypatch)
    assert refused(source, needed - 1, monkeypatch)


def test_nothing_is_said_of_a_device_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, codes in (("auto", ["too-large"]), ("cpu", ["too-large"]), ("cuda", []), ("cuda:1", [])):
        source = text(batch_size=10**12, train=f'{{device: "{device}"}}')
        assert [found.code for found in refused(source, 10**9, monkeypatch)] == codes


def test_a_gpu_has_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yamlnet.training.device.memory", lambda name: (10**9, "the GPU"))
    (found,) = refused(text(batch_size=10**12), 10**12, monkeypatch)
    assert found.message.endswith("and the GPU has 1 GB of memory")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_bound_from_shapes_is_never_below_what_is_measured(path: Path) -> None:
    examined = pipeline.examine(read(path))
    if examined.drawn is None or examined.shapes is None:
        pytest.skip("its shapes wait for the data")
    measured = activations.measured(examined.shapes, examined.drawn.empty)
    assert activations.most(examined.shapes) >= sum(cost.kept_bytes for cost in measured)


@pytest.mark.parametrize(
    ("name", "count"), [("SGD", 0), ("Adagrad", 1), ("AdamW", 2), ("SparseAdam", 2), ("LBFGS", 202)]
)
def test_what_an_optimizer_keeps(name: str, count: int) -> None:
    entry = lookup.find(name, "optimizer")
    assert entry is not None
    assert memory.num_slots(Optimizer(call=Call(entry, {"lr": 0.01}, ()))) == count


def test_an_expanded_axis_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "model: {input: [1, 8], Sequential: [{expand: [-1, 1_000_000_000, -1]}, {amax: {dim: 1}}]}"
    assert not refused(source, 10**9, monkeypatch)
