"""A checked document -> the whole of it: every default, nothing left to work out, and where it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.language.documents import CONFIGS, RICH, checked
from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.check import Checked
from yamlnet.language.dump import dump
from yamlnet.language.experiment import Checkpoint, Train
from yamlnet.language.nodes import Layer
from yamlnet.language.resolve import calls, explain, resolved

GALLERY = sorted((CONFIGS[0].parent / "gallery").glob("*.yaml"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in (*CONFIGS, *GALLERY)} | RICH
del TEXTS["penguins"]  # what its network is waits for its table
BASE = """\
vars: {width: 8, label: costs 5$$}
data: {dataset: MNIST5k, validation: 0.1}
model:
  Sequential:
    - Flatten
    - Linear: $(width * 2)
    - Linear: {out_features: 10}
loss: CrossEntropyLoss
optimizer: {AdamW: 0.01}
train: {epochs: 3}
"""

SIZES = ("in_channels", "in_features", "fan_in", "fan_out")
"""What expressions wait for, until the network's sizes are known."""

every_text = pytest.mark.parametrize("name", TEXTS)


def right(text: str, *options: str) -> Checked:
    found = checked(text, *options)
    assert [d.message for d in found.diagnostics if d.severity == "error"] == []
    return found


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


def said(value: Any) -> Any:
    """A call as its name and all its arguments, whatever its place."""
    if isinstance(value, Layer):
        value = value.call
    if isinstance(value, Call):
        return value.name, {name: said(item) for name, item in value.with_defaults().items()}
    return [said(item) for item in value] if isinstance(value, list) else value


@every_text
def test_the_resolved_document_resolves_to_itself(name: str) -> None:
    once = resolved(right(TEXTS[name]))
    again = right(dump(once))
    assert resolved(again) == once
    assert dump(resolved(again)) == dump(once)
    assert not [d.message for d in again.diagnostics if "nothing uses `$" in d.message]


@every_text
def test_the_resolved_document_means_the_same(name: str) -> None:
    first = right(TEXTS[name])
    second = right(dump(resolved(first)))
    assert first.experiment is not None
    assert second.experiment is not None
    mine, theirs = ([said(call) for call in calls(one)] for one in (first.experiment, second.experiment))
    assert mine == theirs
    for section in ("name", "seed", "train", "expect", "version"):
        assert getattr(first.experiment, section) == getattr(second.experiment, section)


@every_text
def test_nothing_is_left_to_work_out(name: str) -> None:
    for text in texts_in(resolved(right(TEXTS[name]))):
        for expression in re.findall(r"\$\(.*?\)", text.replace("$$", "")):
            assert re.findall(r"[a-z_]{4,}", expression.replace("sqrt", ""))[0] in SIZES
        assert "$" not in re.sub(r"\$\(", "", text.replace("$$", ""))


def test_every_default_is_there() -> None:
    document = resolved(right(BASE))
    assert document["version"] == 1
    assert document["name"] == "net"
    assert document["seed"] == 0
    assert document["data"] == {
        "dataset": "MNIST5k",
        "validation": 0.1,
        "test": None,
        "batch_size": 64,
        "augment": [],
        "transforms": [],
        "memory": "auto",
        "workers": "auto",
    }
    assert document["train"] == Train(epochs=3).model_dump(mode="json")
    assert document["train"]["checkpoint"] == Checkpoint().model_dump(mode="json")
    assert document["loss"]["CrossEntropyLoss"]["label_smoothing"] == 0.0
    assert document["loss"]["from"] == ["output", "target"]
    assert document["optimizer"]["groups"] == []
    assert document["optimizer"]["AdamW"]["lr"] == 0.01
    assert document["optimizer"]["AdamW"]["weight_decay"] == 0.01
    flatten, first, last = document["model"]["Sequential"]
    assert flatten == {"Flatten": {"start_dim": 1, "end_dim": -1}}
    assert first == {"Linear": {"out_features": 16, "bias": True}}
    assert last == first | {"Linear": {"out_features": 10, "bias": True}}
    assert document["model"]["input"] == {"shape": [1, 28, 28], "dtype": "float32"}
    assert document["vars"] == {"width": 8, "label": "costs 5$$"}


def test_a_model_alone_stays_a_model_alone() -> None:
    assert set(resolved(right("model: {input: [4], Linear: 2}\n"))) == {"version", "name", "seed", "model"}


def test_paths_become_absolute_where_a_folder_is_given(tmp_path: Path) -> None:
    found = right(RICH["forward"])
    assert resolved(found)["data"]["dataset"]["FashionMNIST"]["root"] == "fashion"
    root = resolved(found, tmp_path)["data"]["dataset"]["FashionMNIST"]["root"]
    assert root == str(found.source.folder / "fashion")
    optional = right(RICH["forward"], "data.dataset.FashionMNIST.root=here")
    root = resolved(optional, tmp_path)["data"]["dataset"]["FashionMNIST"]["root"]
    assert root == str(Path.cwd() / "here")


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("train.epochs", 3, "net.yaml:10:17"),
        ("train.precision", "fp32", "the default"),
        ("train.checkpoint.keep", 1, "the default"),
        ("train.ema", 0.9, "the option --set train.ema=0.9"),
        ("seed", 5, "the option --set seed=5"),
        ("name", "net", "the default"),
        ("data.batch_size", 64, "the default"),
        ("data.validation", 0.1, "net.yaml:2:38"),
        ("model.Sequential.1.Linear.out_features", 16, "net.yaml:6:15"),
        ("model.Sequential.2.Linear.out_features", 10, "net.yaml:7:30"),
        ("model.Sequential.2.Linear.bias", True, "the default"),
        ("optimizer.AdamW.lr", 0.01, "net.yaml:9:20"),
        ("optimizer.AdamW.weight_decay", 0.01, "the default"),
        ("vars.width", 8, "net.yaml:1:15"),
    ],
)
def test_explain_says_where_a_value_came_from(key: str, value: Any, origin: str) -> None:
    assert explain(right(BASE, "seed=5", "train.ema=0.9"), key) == (value, origin)


@pytest.mark.parametrize("key", ["train.epoch", "nothing", "", "model.Sequential.9", "train.epochs.deeper"])
def test_explain_refuses_a_key_that_is_not_there(key: str) -> None:
    with pytest.raises(YamlnetError, match="the document has no") as error:
        explain(right(BASE), key)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("metric", "said", "mode"),
    [
        ("validation.accuracy", "", "max"),
        ("validation.error", "", "min"),
        ("validation.loss", "", "min"),
        ("validation.own", ", mode: max", "max"),
    ],
)
def test_a_plateau_has_the_direction_of_its_metric(metric: str, said: str, mode: str) -> None:
    text = f"""
data: {{dataset: MNIST5k, validation: 0.1}}
model: [Flatten, {{Linear: 10}}]
loss: CrossEntropyLoss
metrics: {{accuracy: Accuracy, error: HammingDistance, own: {{expr: "mean(output)"}}}}
optimizer: Adam
scheduler: {{ReduceLROnPlateau: {{patience: 0{said}}}, metric: {metric}}}
"""
    found = right(text)
    assert found.experiment is not None
    assert found.experiment.scheduler is not None
    assert found.experiment.scheduler.call.arguments["mode"] == mode
    assert resolved(found)["scheduler"]["ReduceLROnPlateau"]["mode"] == mode
