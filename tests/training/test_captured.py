"""Steps that are captured and replayed come to the bits of steps that are taken one by one, or aren't used.

Here a stand-in for a CUDA graph replays: it calls what was captured again, on the same tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import fx, nn

from tests.training.pairs import pairwise
from tests.training.tasks import metric, network, new_run, optimizer, scheduler, split, task
from tests.training.test_every_step import bits, stopped_after
from yamlnet.data.batches import Batches
from yamlnet.training import captured, graphs, origin, trainer
from yamlnet.training.capturable import obstacle
from yamlnet.training.captured import Captured
from yamlnet.training.graphs import Call
from yamlnet.training.interrupt import Interruption
from yamlnet.training.loop import Position
from yamlnet.training.processes import Processes
from yamlnet.training.rates import Rates
from yamlnet.training.run import Run
from yamlnet.training.setup import Setup, Task, set_up
from yamlnet.training.sources import Sources

SAMPLES = 8 * 25 + 5


class Recorder:
    """Replays by calling again; notes how often. `spoil` is done with what a replay has done."""

    def __init__(self, spoil: Callable[[], object] = lambda: None) -> None:
        self.spoil, self.num_replays = spoil, list[int]()

    def obstacle(self) -> str | None:
        return None

    def warm_up(self, call: Call) -> None:
        call()

    def capture(self, call: Call) -> Call:
        index = len(self.num_replays)
        self.num_replays.append(0)

        def replay() -> None:
            self.num_replays[index] += 1
            call()
            self.spoil()

        return replay


class Full(Recorder):
    def obstacle(self) -> str | None:
        return "the GPU is full"


class Waiting(Recorder):
    def warm_up(self, call: Call) -> None:
        call()
        raise RuntimeError("called a synchronizing CUDA operation\nsomewhere")


class Uncapturable(Recorder):
    def capture(self, call: Call) -> Call:
        torch.rand(3)
        try:
            call()
            raise torch.OutOfMemoryError("out of memory\nof 80 GB")
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


REFUSED = {
    Full: "the GPU is full",
    Waiting: "called a synchronizing CUDA operation",
    Uncapturable: "out of memory",
}


def lenet() -> nn.Sequential:
    torch.manual_seed(0)
    features = [nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Dropout2d(0.1)]
    return nn.Sequential(*features, nn.Conv2d(4, 6, 2), nn.Tanh(), nn.Flatten(), nn.Linear(6, 3))


NETWORKS: Mapping[str, Callable[[], nn.Module]] = {"mlp": network, "lenet": lenet}
FACTORS: dict[str, tuple[Any, ...]] = {
    "network": ("mlp", "lenet"),
    "optimizer": (
        optimizer("SGD", lr=0.125, momentum=0.9),
        optimizer("SGD", lr=0.125),
        optimizer("Adam", lr=0.0078125),
        optimizer("AdamW", lr=0.0078125, weight_decay=0.1),
    ),
    "scheduler": (
        None,
        scheduler("OneCycleLR", max_lr=0.25, cycle_momentum=False),
        scheduler("ExponentialLR", gamma=0.9),
        scheduler("CosineAnnealingLR", "epoch"),
        scheduler("ReduceLROnPlateau", patience=0),
    ),
    "clips": (None, {"norm": 0.5}),
    "ema": (None, 0.9),
    "evaluate": ("epoch", 20, 3),
    "precision": ("fp32", "bf16"),
    "metrics": ({}, {"accuracy": metric("Accuracy"), "f1": metric("F1Score", average="macro")}),
}
ROWS = pairwise(FACTORS)


def made(row: Mapping[str, Any], **train: Any) -> Task:
    said = {"epochs": 2, "evaluate": row["evaluate"], "ema": row["ema"], "precision": row["precision"]}
    said |= {"clip": row["clips"]} if row["clips"] else {}
    said |= {"checkpoint": {"every": 13, "keep": 100}, **train}
    sections = {key: row[key] for key in ("optimizer", "scheduler", "metrics") if row[key] is not None}
    return task(NETWORKS[row["network"]](), SAMPLES, train=said, **sections)


@pytest.fixture(autouse=True)
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "_git", lambda: None)


def trained(
    monkeypatch: pytest.MonkeyPatch, given: Task, folder: Path, machine: graphs.Machine | None
) -> Run:
    monkeypatch.setattr(graphs, "machine", lambda device: machine)
    run = new_run(folder)
    trainer.train(given, run)
    return run


@pytest.mark.parametrize("row", ROWS, ids=[str(number) for number in range(len(ROWS))])
def test_replayed_steps_come_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: dict[str, Any]
) -> None:
    recorder = Recorder()
    straight = trained(monkeypatch, made(row), tmp_path, Full())
    replayed = trained(monkeypatch, made(row), tmp_path, recorder)
    assert bits(replayed) == bits(straight)
    assert replayed.manifest["cuda_graphs"] == {"used": True, "reason": None}
    assert straight.manifest["cuda_graphs"] == {"used": False, "reason": "the GPU is full"}
    tried = [1] if row["evaluate"] == 3 else [1, 8]
    assert all(n > least for n, least in zip(recorder.num_replays, tried, strict=False))


def test_rates_that_float32_has_are_as_good_as_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = {name: levels[0] for name, levels in FACTORS.items()}
    plain, replayed = (trained(monkeypatch, made(row), tmp_path, each) for each in (None, Recorder()))
    assert bits(plain) == bits(replayed)
    assert "cuda_graphs" not in plain.manifest


@pytest.mark.parametrize("row", ROWS[:4], ids=[str(number) for number in range(4)])
def test_resumed_anywhere_it_goes_on_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: dict[str, Any]
) -> None:
    straight = trained(monkeypatch, made(row), tmp_path, Recorder())
    expected = bits(straight)
    for step in (13, 26, 39):
        run = stopped_after(straight, step, tmp_path / str(step))
        trainer.resume(made(row), run)
        assert bits(run) == expected, f"stopped after step {step}"


def test_long_steps_are_replayed_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else nobody could stop between them."""
    machine = Recorder()
    straight = trained(monkeypatch, made(ROWS[0]), tmp_path, Full())
    monkeypatch.setattr(captured, "LONGEST_S", 0.0)
    assert bits(trained(monkeypatch, made(ROWS[0]), tmp_path, machine)) == bits(straight)
    assert len(machine.num_replays) == 1


def run_in_two(monkeypatch: pytest.MonkeyPatch, machine: Recorder) -> Setup:
    """Twelve steps, then twelve more from the optimizer's state as it is loaded again."""
    monkeypatch.setattr(graphs, "machine", lambda device: machine)
    torch.manual_seed(0)
    made = set_up(task(num_train=SAMPLES, optimizer=optimizer("Adam", lr=0.1), train={"epochs": 1}))
    batches, position = made.source.epoch(0), Position()
    for until in (12, 24):
        made.loop.run(iter(batches), position, until, Interruption(), lambda loss: None)
        made.loop.optimizer.load_state_dict(made.loop.optimizer.state_dict())
    return made


class Half(Recorder):
    """Fails when a metric was given what the device never computed."""

    def capture(self, call: Call) -> Call:
        self.setup.loop.sums.add(torch.zeros(2, 3), [torch.zeros(())], {"target": torch.zeros(5)}, 2)
        raise RuntimeError("it fails")

    setup: Setup


def test_what_was_not_computed_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, found = Half(), list[str | None]()
    monkeypatch.setattr(graphs, "machine", lambda device: machine)
    machine.setup = set_up(task(num_train=SAMPLES, train={"epochs": 1}))
    loop = machine.setup.loop
    assert loop.ahead is not None
    loop.ahead.tell = found.append
    batches = machine.setup.source.epoch(0)
    loop.run(iter(batches), Position(), 24, Interruption(), lambda loss: None)
    assert found == ["it fails"]
    loop.sums.flush()
    (counted,) = loop.sums.meter.state().values()
    assert counted.sum() == 24 * 8


def test_a_state_that_was_loaded_is_captured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Recorder()
    replayed, straight = (run_in_two(monkeypatch, each) for each in (machine, Full()))
    assert len(machine.num_replays) == 4
    for own, other in zip(replayed.loop.parameters, straight.loop.parameters, strict=True):
        assert torch.equal(own, other)


@pytest.mark.parametrize("machine", REFUSED, ids=lambda kind: kind.__name__)
def test_what_fails_leaves_the_steps_as_they_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: type[Recorder]
) -> None:
    row = ROWS[0] | {"ema": 0.9, "network": "mlp"}
    straight = trained(monkeypatch, made(row), tmp_path, Full())
    fallen = trained(monkeypatch, made(row), tmp_path, machine())
    assert bits(fallen) == bits(straight)
    assert fallen.manifest["cuda_graphs"] == {"used": False, "reason": REFUSED[machine]}
    assert (fallen.path / "log.txt").read_text().count(f"no CUDA graphs: {REFUSED[machine]}") == 1


def test_other_bits_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of whatever a step changes: one bit of a weight, of a buffer, of the optimizer's state, of a draw."""
    row = {name: levels[0] for name, levels in FACTORS.items()} | {"ema": 0.9}
    straight = bits(trained(monkeypatch, made(row), tmp_path, Full()))
    seen: list[Captured] = []
    initialise = Captured.__init__

    def noted(self: Captured, *given: Any) -> None:
        seen.append(self)
        initialise(self, *given)

    monkeypatch.setattr(Captured, "__init__", noted)
    num_tensors = 30
    spoiled = 0
    for index in range(num_tensors):

        def spoil(index: int = index) -> None:
            own = seen[-1]._own()
            if index < len(own):
                own[index].view(-1)[:1].view(torch.uint8)[:1] ^= 1
            else:
                torch.rand(1)

        machine = Recorder(spoil)
        run = trained(monkeypatch, made(row), tmp_path, machine)
        assert run.manifest["cuda_graphs"]["reason"] == "replayed, it doesn't come to the same bits", index
        assert sum(machine.num_replays) == 1
        assert bits(run) == straight
        spoiled += index < len(seen[-1]._own())
        if index == len(seen[-1]._own()):
            break
    assert 15 < spoiled < num_tensors - 1


def test_a_rate_that_a_replay_does_not_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = {name: levels[0] for name, levels in FACTORS.items()}
    row["scheduler"] = scheduler("ExponentialLR", gamma=0.9)
    write, machine = Rates.write, Recorder()

    def frozen(self: Rates, rows: Any) -> None:
        write(self, [rows[0]] * len(rows))

    straight = trained(monkeypatch, made(row), tmp_path, Full())
    monkeypatch.setattr(Rates, "write", frozen)
    run = trained(monkeypatch, made(row), tmp_path, machine)
    assert not run.manifest["cuda_graphs"]["used"]
    assert bits(run) == bits(straight)


class Counting(nn.Module):
    """Keeps a number that isn't a tensor."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values


OBSTACLES: Mapping[str, Callable[[], Task]] = {
    "`train.precision: fp16`": lambda: task(train={"epochs": 1, "precision": "fp16"}),
    "`train.non_finite: skip`": lambda: task(train={"epochs": 1, "non_finite": "skip"}),
    "`train.accumulate`": lambda: task(train={"epochs": 1, "accumulate": 2}),
    "`train.watch`": lambda: task(train={"epochs": 1, "watch": {"every": 1}}),
    "`NAdam` doesn't step by a fused": lambda: task(optimizer=optimizer("NAdam"), train={"epochs": 1}),
    "`LBFGS` doesn't step by a fused": lambda: task(optimizer=optimizer("LBFGS"), train={"epochs": 1}),
    "`Adam` doesn't step by a fused": lambda: task(
        optimizer=optimizer("Adam", fused=False), train={"epochs": 1}
    ),
    "`OneCycleLR` changes the momentum": lambda: task(
        optimizer=optimizer(lr=0.1, momentum=0.9),
        scheduler=scheduler("OneCycleLR", max_lr=0.1),
        train={"epochs": 1},
    ),
    "`SequentialLR` changes the momentum": lambda: task(
        optimizer=optimizer(lr=0.1, momentum=0.9),
        scheduler=scheduler(
            "SequentialLR",
            schedulers=["LinearLR", {"CyclicLR": {"base_lr": 0.1, "max_lr": 0.2}}],
            milestones=[3],
        ),
        train={"epochs": 1},
    ),
    "the metric `auc` is more than sums": lambda: task(metrics={"auc": metric("AUROC")}, train={"epochs": 1}),
    "`Counting` isn't PyTorch's": lambda: task(nn.Sequential(Counting(), network()), train={"epochs": 1}),
}


@pytest.mark.parametrize("reason", OBSTACLES)
def test_what_no_graph_can_do_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str) -> None:
    machine = Recorder()
    run = trained(monkeypatch, OBSTACLES[reason](), tmp_path, machine)
    assert run.manifest["cuda_graphs"]["reason"].startswith(reason)
    assert f"no CUDA graphs: {reason}" in (run.path / "log.txt").read_text()
    assert not machine.num_replays


def test_what_is_prepared_elsewhere_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    given = task(train={"epochs": 1})
    loop = set_up(given).loop
    assert obstacle(given, loop) is None
    monkeypatch.setattr(Batches, "is_resident", False)
    assert obstacle(given, loop) == "the data aren't held on the device"


class Two(Processes):
    count = 2


def test_what_a_loop_does_otherwise_is_an_obstacle() -> None:
    given = task(train={"epochs": 1})
    loop = set_up(given).loop
    several = replace(loop, processes=Two())
    assert obstacle(given, several) == "several processes train together"
    resampling = replace(loop, resample=lambda step: None)
    assert obstacle(given, resampling) == "`train.resample` changes weights between steps"
    compiled = given.experiment.train.model_copy(update={"compile": True})
    drawing = SimpleNamespace(draw={"other": None})
    for changed, reason in (
        ({"train": compiled}, "`train.compile` is true"),
        ({"data": drawing}, "`data.draw` draws samples beside each"),
    ):
        other = replace(given, experiment=given.experiment.model_copy(update=changed))
        assert obstacle(other, loop) == reason


def test_dropout_in_a_recurrent_layer_is_an_obstacle() -> None:
    given = task(train={"epochs": 1})
    loop = set_up(given).loop
    given.model.add_module("recurrent", nn.LSTM(3, 3, num_layers=2))
    assert obstacle(given, loop) is None
    given.model.add_module("recurrent", nn.LSTM(3, 3, num_layers=2, dropout=0.5))
    assert obstacle(given, loop) == "cuDNN draws a recurrent layer's `dropout` from a state of its own"


def test_a_function_that_is_not_known_is_an_obstacle() -> None:
    def twice(values: torch.Tensor) -> torch.Tensor:
        return values * 2

    graph = fx.Graph()
    graph.output(graph.call_function(twice, (graph.placeholder("values"),)))
    given = task(nn.Sequential(network(), fx.GraphModule({}, graph)), train={"epochs": 1})
    assert obstacle(given, set_up(given).loop) == "`twice` isn't PyTorch's"


def test_a_profile_shows_steps_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graphs, "machine", lambda device: Recorder())
    run = new_run(tmp_path)
    trainer.train(made(ROWS[0]), run, profile=True)
    assert run.manifest["cuda_graphs"]["reason"] == "some of its steps are profiled"
    assert bits(run) == bits(trained(monkeypatch, made(ROWS[0]), tmp_path, Recorder()))


def test_the_cpu_has_none() -> None:
    assert graphs.machine(torch.device("cpu")) is None
    assert set_up(task(train={"epochs": 1})).loop.ahead is None


def test_a_few_steps_are_not_worth_a_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = Recorder()
    run = trained(monkeypatch, task(num_train=24, train={"epochs": 3}), tmp_path, machine)
    assert "cuda_graphs" not in run.manifest
    assert not machine.num_replays


def on_gpu(row: Mapping[str, Any], *first: nn.Module) -> Task:
    """The task of this row on a GPU, with its data there, and with copies of these layers in front."""
    device = torch.device("cuda")
    given = made(row, device="cuda")
    resident = Sources(
        Batches(split(SAMPLES, 1), 8, seed=0, device=device), Batches(split(24, 2), 16, device=device)
    )
    model = nn.Sequential(*deepcopy(first), given.model).to(device)
    return replace(given, device=device, sources=resident, model=model)


class Ending(graphs.CudaGraphs):
    """Its captures fail under way."""

    def capture(self, call: Call) -> Call:
        def failing() -> None:
            call()
            torch.zeros(1, device="cuda").item()

        return super().capture(failing)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("fails_in", ["warm-up", "capture"])
def test_what_fails_on_a_gpu_leaves_the_steps_as_they_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails_in: str
) -> None:
    row = ROWS[0] | {"network": "mlp"}
    device = torch.device("cuda")
    # without a momentum the layer looks at its count of batches
    layers = [nn.BatchNorm2d(1, momentum=None)] if fails_in == "warm-up" else []
    machine = graphs.CudaGraphs(device) if fails_in == "warm-up" else Ending(device)
    straight = trained(monkeypatch, on_gpu(row, *layers), tmp_path, Full())
    stream = torch.cuda.current_stream(device)
    fallen = trained(monkeypatch, on_gpu(row, *layers), tmp_path, machine)
    assert not fallen.manifest["cuda_graphs"]["used"]
    assert bits(fallen) == bits(straight)
    assert torch.cuda.current_stream(device) == stream


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizing", FACTORS["optimizer"], ids=lambda one: one.call.name)
def test_a_gpu_replays_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, precision: str, optimizing: Any
) -> None:
    row = {key: levels[-1] for key, levels in FACTORS.items()}
    row |= {"network": name, "precision": precision, "optimizer": optimizing, "evaluate": 20}
    row["scheduler"] = FACTORS["scheduler"][2]
    device = torch.device("cuda")

    straight = trained(monkeypatch, on_gpu(row), tmp_path, Full())
    replayed = trained(monkeypatch, on_gpu(row), tmp_path, graphs.CudaGraphs(device))
    assert replayed.manifest["cuda_graphs"] == {"used": True, "reason": None}
    assert bits(replayed) == bits(straight)
