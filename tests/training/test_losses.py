"""Every loss of torch.nn trains from a file, to the bits of the same loop written by hand."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import yamlnet
from yamlnet import pipeline, starting
from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call, Entry, Kind
from yamlnet.catalog.losses import EQUAL, NUM_CLASSES, loss_of
from yamlnet.catalog.snippets import snippet
from yamlnet.language.check import check
from yamlnet.language.files import read
from yamlnet.network.construct import target_of
from yamlnet.training import run as runs
from yamlnet.training.objective import Batch, shown
from yamlnet.training.setup import Setup, Task, set_up

LOSSES = lookup.names("loss")
NAMED = (
    *("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "CrossEntropyLoss", "NLLLoss", "BCELoss"),
    *("BCEWithLogitsLoss", "TripletMarginLoss", "CosineEmbeddingLoss", "KLDivLoss", "CTCLoss"),
)
RATE = 0.02


def document(name: str) -> dict[str, Any]:
    entry = lookup.find(name, "loss")
    assert entry is not None
    found = snippet(entry)
    assert found is not None
    return {**found, "optimizer": {"SGD": {"lr": RATE}}, "train": {"device": "cpu", "steps": 2}}


def ready(written: dict[str, Any]) -> tuple[Task, Setup, list[Batch]]:
    """A file's training, and its first two batches."""
    examined = pipeline.examine(read(written), to_train=True)
    examined.raise_if_wrong()
    examined, prepared = pipeline.with_data(examined)
    task = starting.task_of(examined, pipeline.network_of(examined), prepared)
    batches = iter(task.sources.train.epoch(0))
    return task, set_up(task), [next(batches), next(batches)]


def taken(source: Any, output: Any, batch: Batch) -> Any:
    """What a source of `from` means, worked out by Python."""
    if isinstance(source, dict):
        names = {**vars(torch), "float": Tensor.float, "output": output, **batch}
        return eval(source["expr"], names)
    first, *parts = source.split(".")
    value = output if first == "output" else batch[first]
    for part in parts:
        value = value[int(part) if part.isdigit() else part]
    return value


def both(written: dict[str, Any], by_hand: Any) -> None:
    """Holds two steps against two steps of a loop whose loss is `by_hand(output, batch, criteria)`."""
    task, setup, batches = ready(written)
    model, criteria = copy.deepcopy(task.model).train(), copy.deepcopy(dict(task.criteria))
    trained = [*model.parameters(), *(p for one in criteria.values() for p in one.parameters())]
    optimizer = torch.optim.SGD(trained, lr=RATE, fused=True)
    task.model.train()
    for batch in batches:
        setup.loop.step([batch])
        optimizer.zero_grad()
        by_hand(model(*[batch[name] for name in task.inputs]), batch, criteria).backward()
        optimizer.step()
    pairs = [(task.model, model), *((task.criteria[name], one) for name, one in criteria.items())]
    for ours, theirs in pairs:
        own, other = ours.state_dict(), theirs.state_dict()
        assert all(torch.equal(own[key], other[key]) for key in own)


@pytest.mark.parametrize("name", LOSSES)
def test_two_steps_are_those_of_a_loop_by_hand(name: str) -> None:
    written = document(name)
    section = written["loss"] if isinstance(written["loss"], dict) else {name: None}
    sources = section.get("from", ["output", "target"])
    said = {"reduction": "batchmean"} if name == "KLDivLoss" else section[name] or {}
    own = name in NUM_CLASSES  # weights, which the task has made
    criterion = None if own else getattr(nn, name)(**said)
    if name == "KLDivLoss":
        written["loss"] = {name: {"reduction": "batchmean"}, "from": sources}

    def by_hand(output: Any, batch: Batch, criteria: dict[str, Any]) -> Tensor:
        given = [taken(source, output, batch) for source in sources]
        if not given[1].is_floating_point() and name in EQUAL and EQUAL[name] == 2:
            given[1] = given[1].float()
        compare = criteria[""] if own else criterion
        assert compare is not None
        loss: Tensor = compare(*given)
        return getattr(loss, "loss", loss)

    both(written, by_hand)


@pytest.mark.parametrize("name", [name for name in LOSSES if "from" in document(name)["loss"]])
def test_inputs_go_by_place_or_by_name(name: str) -> None:
    written, entry = document(name), lookup.find(name, "loss")
    assert entry is not None
    names = [tensor.name for tensor in entry.tensors]
    by_name = dict(zip(names, written["loss"]["from"], strict=False))
    backwards = dict(reversed(list(by_name.items())))
    other = {**written, "loss": {**written["loss"], "from": backwards}}
    own, named = (check(read(each)).experiment for each in (written, other))
    assert own is not None
    assert named is not None
    assert own.loss is not None
    assert named.loss is not None
    assert [shown(source) for source in own.loss.terms[""].inputs] == [
        shown(source) for source in named.loss.terms[""].inputs
    ]


TERMS: dict[str, Any] = {
    "data": {"dataset": "MNIST5k"},
    "model": {
        "ModuleDict": {
            "flat": "Flatten",
            "mu": {"Linear": 4, "from": "flat"},
            "logvar": {"Linear": 4, "from": "flat"},
            "z": {"expr": "mu + exp(0.5 * logvar)"},
            "image": {
                "Sequential": [
                    {"Linear": 784},
                    "Sigmoid",
                    {"Unflatten": {"dim": 1, "unflattened_size": [1, 28, 28]}},
                ]
            },
        },
        "output": {"image": "image", "mu": "mu", "logvar": "logvar"},
    },
    "loss": {
        "image": {"BCELoss": None, "from": ["output.image", "image"]},
        "kl": {
            "expr": "-0.5 * mean(1 + output.logvar - output.mu ** 2 - exp(output.logvar))",
            "weight": 0.1,
        },
        "size": {"l1_loss": {"reduction": "sum"}, "from": ["output.mu", "output.logvar"], "weight": 0.01},
    },
    "metrics": {"spread": {"MeanSquaredError": None, "from": ["output.image", "image"]}},
    "optimizer": {"SGD": {"lr": RATE}},
    "train": {"device": "cpu", "steps": 2},
}


def terms_by_hand(output: Any, batch: Batch) -> tuple[Tensor, ...]:
    image, mu, logvar = output["image"], output["mu"], output["logvar"]
    kl = -0.5 * torch.mean(1 + logvar - mu**2 - torch.exp(logvar))
    return F.binary_cross_entropy(image, batch["image"]), kl, F.l1_loss(mu, logvar, reduction="sum")


def test_a_weighted_sum_is_that_of_a_loop_by_hand() -> None:
    def by_hand(output: Any, batch: Batch, criteria: dict[str, Any]) -> Tensor:
        image, kl, size = terms_by_hand(output, batch)
        return image + 0.1 * kl + 0.01 * size

    both(TERMS, by_hand)


def test_accumulated_terms_give_the_gradient_of_one_large_batch() -> None:
    task, setup, batches = ready(TERMS)
    once, whole, _ = ready(TERMS)
    setup.loop.step(batches)
    whole.loop.step([{key: torch.cat([batch[key] for batch in batches]) for key in batches[0]}])
    for own, other in zip(task.model.parameters(), once.model.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def test_each_term_is_recorded_without_its_weight(tmp_path: Path) -> None:
    said = {
        "train.steps": 80,
        "data.validation": 500,
        "data.batch_size": 100,
        "train.checkpoint.best": "validation.loss.kl",
    }
    result = yamlnet.train(TERMS, said, tmp_path)
    assert result.best is not None
    assert result.best["metric"] == "validation.loss.kl"
    records = runs.load(result.path).records()
    assert {record["split"] for record in records} == {"train", "validation", "test"}
    for record in records:
        terms = record["loss.image"] + 0.1 * record["loss.kl"] + 0.01 * record["loss.size"]
        assert record["loss"] == pytest.approx(terms)
    task, _, _ = ready(TERMS)
    assert task.sources.test is not None
    (batch,) = task.sources.test.epoch(0)
    with torch.no_grad():
        by_hand = terms_by_hand(yamlnet.load(result.path)(batch["image"]), batch)
    sizes = (1, 1, len(batch["image"]))
    for name, term, size in zip(TERMS["loss"], by_hand, sizes, strict=True):
        assert result.metrics[f"test.loss.{name}"] == pytest.approx(float(term) / size, rel=1e-5)


def test_no_loss_is_left_out() -> None:
    classes = {name for name, value in vars(nn).items() if isinstance(value, type) and name.endswith("Loss")}
    assert set(LOSSES) == (classes - {"NLLLoss2d"}) | {"AdaptiveLogSoftmaxWithLoss"}
    assert set(NAMED) <= set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_falls(name: str, tmp_path: Path) -> None:
    rate = 0.001 if name == "CTCLoss" else 0.005
    said = {
        "optimizer": {"Adam": {"lr": rate}},
        "data.batch_size": 500,
        "train": {"epochs": 2, "device": "cpu"},
    }
    result = yamlnet.train(document(name), said, tmp_path)
    first, second = (r["loss"] for r in runs.load(result.path).records() if r["split"] == "train")
    assert second < first


KINDS: tuple[Kind, ...] = ("loss", "function")
COMPARING = [
    entry
    for kind in KINDS
    for name in lookup.names(kind)
    if (entry := lookup.find(name, kind)) is not None
    and "reduction" in entry.parameters
    and "linear" not in name.lower()
]


@pytest.mark.parametrize("entry", COMPARING, ids=lambda entry: entry.name)
def test_a_loss_that_would_stretch_a_tensor_demands_equal_shapes(entry: Entry) -> None:
    function = target_of(entry.target)
    compare = function() if entry.kind == "loss" else function
    takes = [tensor for tensor in entry.tensors if tensor.required]
    demanded = EQUAL.get(loss_of(Call(entry, {}, ())), 0)
    for index in range(len(takes)):
        shapes = [(7, 3)] * len(takes)
        shapes[index] = (1, 3)
        stretched = works(compare, [(7, 3)] * len(takes)) and works(compare, shapes)
        assert not stretched or index < demanded or takes[index].name == "var"


def works(compare: Any, shapes: list[tuple[int, ...]]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compare(*[torch.rand(shape) * 0.8 + 0.1 for shape in shapes])
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    return True


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_ends_near_full_precision(precision: str, tmp_path: Path) -> None:
    written = {
        "data": {"dataset": "MNIST5k", "batch_size": 100},
        "model": {"Sequential": ["Flatten", {"Linear": 64}, "ReLU", {"Linear": 10}]},
        "loss": "CrossEntropyLoss",
        "optimizer": {"AdamW": {"lr": 0.002}},
        "train": {"epochs": 2, "device": "cpu"},
    }
    full, mixed = (
        yamlnet.train(written, {"train.precision": kind}, tmp_path).metrics for kind in ("fp32", precision)
    )
    assert mixed["train.loss"] == pytest.approx(full["train.loss"], rel=0.02)
    assert mixed["test.loss"] == pytest.approx(full["test.loss"], rel=0.02)
    assert mixed["train.loss"] != full["train.loss"]
