"""Files that extend others: what merges and what replaces, where mistakes point, what a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import yamlnet
from yamlnet.language.check import Checked, check
from yamlnet.language.extends import extended
from yamlnet.language.files import read
from yamlnet.language.paths import path_of
from yamlnet.language.resolve import explain
from yamlnet.language.source import read as read_text
from yamlnet.language.vocabulary import MODEL_SIDES, NODE_SIDES

BASE = """
name: base
data: {dataset: MNIST5k, batch_size: 32}
model:
  ModuleDict:
    flat: Flatten
    fc1: {Linear: 64}
    act: relu
    fc2: {Linear: 10}
loss: {CrossEntropyLoss: {label_smoothing: 0.1}}
metrics: [Accuracy]
optimizer: {AdamW: {lr: 0.001, weight_decay: 0.05}}
scheduler: {OneCycleLR: {max_lr: 0.01}}
train: {epochs: 3, clip: {norm: 1.0}}
"""


def checked(folder: Path, over: str, **others: str) -> Checked:
    for name, text in {"base": BASE, **others, "top": over}.items():
        (folder / f"{name}.yaml").write_text(text)
    return check(read(folder / "top.yaml"))


def plain(folder: Path, over: str, **others: str) -> Any:
    found = checked(folder, "extends: base.yaml\n" + over if "extends" not in over else over, **others)
    assert found.diagnostics == ()
    return found.plain


MERGES = {
    "nothing": ("seed: 1", "train", {"epochs": 3, "clip": {"norm": 1.0}}),
    "a-mapping": ("train: {epochs: 5}", "train", {"epochs": 5, "clip": {"norm": 1.0}}),
    "a-null-leaves-out": ("train: {clip: null}", "train", {"epochs": 3, "clip": None}),
    "a-section-left-out": ("scheduler: null", "scheduler", None),
    "a-list-replaces": ("metrics: [F1Score]", "metrics", ["F1Score"]),
    "the-same-call": ("optimizer: {AdamW: {lr: 1}}", "optimizer", {"AdamW": {"lr": 1, "weight_decay": 0.05}}),
    "the-same-call-by-position": (
        "optimizer: {AdamW: 1}",
        "optimizer",
        {"AdamW": {"lr": 1, "weight_decay": 0.05}},
    ),
    "the-same-call-bare": ("loss: CrossEntropyLoss", "loss", {"CrossEntropyLoss": {"label_smoothing": 0.1}}),
    "another-call": ("optimizer: {SGD: 0.1}", "optimizer", {"SGD": 0.1}),
    "a-key-beside": (
        "optimizer: {groups: [{match: fc1, lr: 1}]}",
        "optimizer",
        {"AdamW": {"lr": 0.001, "weight_decay": 0.05}, "groups": [{"match": "fc1", "lr": 1}]},
    ),
    "a-key-beside-the-call": (
        "scheduler: {OneCycleLR: null, every: epoch}",
        "scheduler",
        {"OneCycleLR": {"max_lr": 0.01}, "every": "epoch"},
    ),
}


@pytest.mark.parametrize("case", MERGES)
def test_merges(case: str, tmp_path: Path) -> None:
    over, section, expected = MERGES[case]
    assert plain(tmp_path, over).get(section) == expected


def test_nodes_merge_by_name(tmp_path: Path) -> None:
    fc1 = "fc1: {Linear: {out_features: 128, bias: false}}"
    over = f"model: {{ModuleDict: {{{fc1}, act: gelu, extra: {{Dropout: 0.1}}}}}}"
    assert plain(tmp_path, over)["model"]["ModuleDict"] == {
        "flat": {"Flatten": {"start_dim": 1, "end_dim": -1}},
        "fc1": {"Linear": {"out_features": 128, "bias": False}},
        "act": {"gelu": {"approximate": "none"}},
        "fc2": {"Linear": {"out_features": 10, "bias": True}},
        "extra": {"Dropout": {"p": 0.1, "inplace": False}},
    }


NODES = {
    "a-key-beside": ("{Linear: 3, freeze: true}", "{freeze: false}", {"Linear": 3, "freeze": False}),
    "a-bare-name": ("relu", "{if: $deep}", {"relu": None, "if": "$deep"}),
    "a-tie": (
        "{Linear: 3, tie: {weight: a.weight}}",
        "{tie: {bias: a.bias}}",
        {"Linear": 3, "tie": {"weight": "a.weight", "bias": "a.bias"}},
    ),
    "another-call": ("{Linear: 3, freeze: true}", "{Conv2d: 3}", {"Conv2d": 3}),
    "the-same-call": (
        "{Linear: 3, repeat: 2}",
        "{Linear: {bias: false}}",
        {"Linear": {"out_features": 3, "bias": False}, "repeat": 2},
    ),
    "branches": (
        "{Parallel: {a: ReLU, b: {Linear: 3}}, merge: cat}",
        "{Parallel: {b: {Linear: {bias: false}}, c: Tanh}, dim: 2}",
        {
            "Parallel": {
                "a": "ReLU",
                "b": {"Linear": {"out_features": 3, "bias": False}},
                "c": {"Tanh": None},
            },
            "merge": "cat",
            "dim": 2,
        },
    ),
    "a-list-of-branches": (
        "{Parallel: [ReLU], merge: add}",
        "{Parallel: [Tanh]}",
        {"Parallel": ["Tanh"], "merge": "add"},
    ),
    "a-choice": (
        "{Select: {a: ReLU, b: Tanh}, choose: a}",
        "{choose: b}",
        {"Select": {"a": "ReLU", "b": "Tanh"}, "choose": "b"},
    ),
    "a-residual": (
        "{Residual: {Linear: 3}}",
        "{Residual: {Linear: {bias: false}, init: zeros}}",
        {"Residual": {"Linear": {"out_features": 3, "bias": False}, "init": "zeros"}},
    ),
    "another-residual": ("{Residual: {Linear: 3}}", "{Residual: relu}", {"Residual": {"relu": None}}),
    "the-same-initialiser": (
        "{Linear: 3, init: {normal: {mean: 1, std: 2}}}",
        "{init: {normal: {std: 3}}}",
        {"Linear": 3, "init": {"normal": {"mean": 1, "std": 3}}},
    ),
    "another-initialiser": (
        "{Linear: 3, init: {normal: {std: 2}}}",
        "{init: {constant: 3}}",
        {"Linear": 3, "init": {"constant": 3}},
    ),
    "initialisers-by-parameter": (
        "{Linear: 3, init: {weight: {normal: {std: 2}}, bias: zeros}}",
        "{init: {bias: {constant: 1}}}",
        {"Linear": 3, "init": {"weight": {"normal": {"std": 2}}, "bias": {"constant": 1}}},
    ),
    "an-initialiser-for-several": (
        "{Linear: 3, init: {weight: zeros, bias: zeros}}",
        "{init: orthogonal}",
        {"Linear": 3, "init": "orthogonal"},
    ),
    "weights": (
        "{Linear: 3, weights: {file: a.pth, strict: false}}",
        "{weights: {file: b.pth}}",
        {"Linear": 3, "weights": {"file": "b.pth", "strict": False}},
    ),
    "a-forward": (
        "{ModuleDict: {a: ReLU}, forward: [a]}",
        "{ModuleDict: {b: Tanh}, forward: [b]}",
        {"ModuleDict": {"a": "ReLU", "b": "Tanh"}, "forward": ["b"]},
    ),
}


def bare(value: Any) -> Any:
    """A call without arguments as its bare name."""
    if not isinstance(value, dict):
        return value
    return next(iter(value)) if list(value.values()) == [None] else {k: bare(v) for k, v in value.items()}


@pytest.mark.parametrize("case", NODES)
@pytest.mark.parametrize("place", ["node", "block", "model"])
def test_nodes_merge(place: str, case: str, tmp_path: Path) -> None:
    lower, over, expected = NODES[case]
    around = {
        "node": "model: {{ModuleDict: {{own: {}}}}}",
        "block": "blocks: {{Own: {}}}\nmodel: {{Linear: 3}}",
        "model": "model: {}",
    }[place]
    document = merging(tmp_path, around.format(lower), around.format(over))
    found = {
        "node": lambda: document["model"]["ModuleDict"]["own"],
        "block": lambda: document["blocks"]["Own"],
        "model": lambda: document["model"],
    }[place]()
    assert bare(found) == bare(expected)


def merging(folder: Path, base: str, over: str) -> Any:
    """The merged document, before anything in it is worked out."""
    (folder / "base.yaml").write_text(base)
    (folder / "top.yaml").write_text(f"extends: base.yaml\n{over}")
    source = read(folder / "top.yaml")
    document, _ = read_text(source.text, source.file)
    assert document is not None
    document, _, diagnostics = extended(source, document)
    assert diagnostics == []
    return document.root.plain()


@pytest.mark.parametrize("key", sorted({*NODE_SIDES, *MODEL_SIDES, "repeat"}))
def test_every_key_beside_a_call_leaves_the_call_alone(key: str, tmp_path: Path) -> None:
    found = merging(tmp_path, f"model: {{Linear: 3, {key}: [1]}}", f"model: {{{key}: [2]}}")
    assert found["model"] == {"Linear": 3, key: [2]}


def test_a_block_keeps_what_isn_t_said_again(tmp_path: Path) -> None:
    found = merging(
        tmp_path,
        "blocks: {A: {params: {width: 3, deep: true}, Sequential: {a: {Linear: $width}, b: ReLU}}, B: ReLU}",
        "blocks: {A: {params: {width: 5}, Sequential: {b: Tanh}}, C: Tanh}",
    )
    assert found["blocks"] == {
        "A": {
            "params": {"width": 5, "deep": True},
            "Sequential": {"a": {"Linear": "$width"}, "b": {"Tanh": None}},
        },
        "B": "ReLU",
        "C": "Tanh",
    }


def test_of_several_bases_the_later_wins_and_bases_have_bases(tmp_path: Path) -> None:
    found = plain(
        tmp_path,
        "extends: [middle.yaml, last.yaml]\nseed: 9",
        middle="extends: base.yaml\ntrain: {epochs: 7}\nseed: 1\nname: middle",
        last="train: {accumulate: 2}\nseed: 2",
    )
    assert found["train"] == {"epochs": 7, "clip": {"norm": 1.0}, "accumulate": 2}
    assert (found["seed"], found["name"]) == (9, "middle")


def test_a_mistake_points_into_the_base(tmp_path: Path) -> None:
    found = checked(tmp_path, "extends: base.yaml\n", base=BASE.replace("Linear: 64", "Linaer: 64"))
    [diagnostic] = found.diagnostics
    assert (Path(diagnostic.span.file).name, diagnostic.span.line) == ("base.yaml", 7)
    assert diagnostic.suggestion == "Linear"


REFUSED = {
    "missing": ("extends: bse.yaml", "wrong-value", "no such file"),
    "itself": ("extends: top.yaml", "recursion", "`top.yaml` extends `top.yaml`"),
    "a-circle": ("extends: circle.yaml", "recursion", "`top.yaml` extends `circle.yaml` extends `top.yaml`"),
    "no-name": ("extends: 3", "wrong-type", "a file or a list of files"),
    "broken": ("extends: broken.yaml", "yaml-syntax", "never closed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    over, code, words = REFUSED[case]
    found = checked(tmp_path, over, circle="extends: top.yaml", broken="a: [1,\n")
    [diagnostic] = found.diagnostics
    assert diagnostic.code == code
    assert words in diagnostic.message


def test_the_near_file_is_offered(tmp_path: Path) -> None:
    [diagnostic] = checked(tmp_path, "extends: bse.yaml").diagnostics
    assert diagnostic.help == "did you mean `base.yaml`?"


def test_paths_are_relative_to_the_file_that_says_them(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data.yaml").write_text("data: {dataset: {Idx: {root: digits}}}")
    found = checked(tmp_path, "extends: [base.yaml, shared/data.yaml]")
    assert found.experiment is not None
    assert found.experiment.data is not None
    assert path_of(found, found.experiment.data.dataset, "root") == tmp_path / "shared" / "digits"


def test_explain_names_the_base(tmp_path: Path) -> None:
    found = checked(tmp_path, "extends: base.yaml\nseed: 4")
    assert explain(found, "train.epochs")[1].endswith("base.yaml:14:17")
    assert explain(found, "seed")[1].endswith("top.yaml:2:7")


def test_a_run_keeps_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "top.yaml").write_text("extends: base.yaml\ntrain: {epochs: null, steps: 2}\nname: top\n")
    run = yamlnet.train(tmp_path / "top.yaml", runs=tmp_path / "runs")
    assert (run.path / "extends" / "1-base.yaml").read_text() == BASE
    assert "extends" not in yaml.safe_load((run.path / "resolved.yaml").read_text())
    again = yamlnet.train(run.path / "resolved.yaml", runs=tmp_path / "runs")
    assert again.metrics["test.loss"] == run.metrics["test.loss"]
