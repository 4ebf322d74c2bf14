"""`--allow`: code of one's own by its dotted path, refused without it, and its failures as mistakes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import yamlnet
from tests.cli.calling import call
from tests.owned import my_pkg
from yamlnet import api
from yamlnet.catalog.allowed import Allowed, allowed
from yamlnet.diagnostics import YamlnetError

__all__ = ["my_pkg"]

ALLOW = ["my_pkg"]
TRAINED = """
data: {dataset: {my_pkg.data.Squares: {n: 40}}, validation: 0.2, batch_size: 8}
model: {Sequential: [{my_pkg.layers.Gate: {in_features: 3}}, {Linear: 1}]}
loss: my_pkg.losses.Distance
optimizer: my_pkg.losses.Plain
train: {epochs: 2, device: cpu}
"""

pytestmark = pytest.mark.usefixtures("my_pkg")


def node(written: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"model": {"input": shape or [3], "Sequential": [written]}}


def found(written: Any, allow: list[str] | None = None) -> tuple[str, str]:
    """The code and the words of the only mistake."""
    (diagnostic,) = yamlnet.check(node(written), allow=ALLOW if allow is None else allow)
    return diagnostic.code, diagnostic.message


NAMED: dict[str, Any] = {
    "node": node({"my_pkg.layers.Gate": 3}),
    "function": node("my_pkg.functions.swap"),
    "argument": node({"TransformerEncoder": {"encoder_layer": {"my_pkg.layers.Gate": 3}, "num_layers": 1}}),
    "value": {"vars": {"own": "my_pkg.layers.Gate"}, **node("$own")},
    "step": {
        "model": {
            "input": [3],
            "ModuleDict": {"fc": {"Linear": 3}},
            "forward": ["fc", "my_pkg.functions.swap"],
        }
    },
    "block": {"blocks": {"Own": {"my_pkg.layers.Gate": 3}}, **node("Own")},
    "branch": node({"Parallel": ["my_pkg.layers.Late"], "merge": "add"}),
    "data": {"data": {"dataset": {"my_pkg.data.Squares": 4}}, **node("ReLU")},
    "validation": {"data": {"dataset": "MNIST5k", "validation": "my_pkg.data.Squares"}, **node("Flatten")},
    "loss": {"loss": "my_pkg.losses.Distance", **node("ReLU")},
    "term": {"loss": {"own": "my_pkg.losses.Distance", "other": {"expr": "mean(output)"}}, **node("ReLU")},
    "optimizer": {"optimizer": "my_pkg.losses.Plain", **node({"Linear": 1})},
    "metric": {"metrics": ["my_pkg.losses.Distance"], **node("ReLU")},
    "scheduler": {"scheduler": "my_pkg.losses.Plain", **node("ReLU")},
    "transform": {"data": {"dataset": "MNIST5k", "transforms": ["my_pkg.functions.swap"]}, **node("ReLU")},
    "initialiser": {**node({"Linear": 1}), "init": [{"weight": "my_pkg.functions.scaled"}]},
}


@pytest.mark.parametrize("place", NAMED)
@pytest.mark.parametrize("allow", [[], ["my_pkg2"], ["my_package_evil"], ["my"], ["my_pkg.other"]])
def test_no_place_runs_what_is_not_permitted(place: str, allow: list[str], my_pkg: Path) -> None:
    diagnostics = yamlnet.check(NAMED[place], allow=allow)
    assert {diagnostic.code for diagnostic in diagnostics} & {"not-allowed", "unknown-name"}
    assert not (my_pkg / "imported").exists()
    assert "my_pkg" not in sys.modules


@pytest.mark.parametrize("path", ["os.system", "builtins.eval", "subprocess.run", "my_pkg2.functions.swap"])
def test_another_package_is_refused(path: str) -> None:
    assert found({path: "touch stolen"})[0] == "not-allowed"


@pytest.mark.parametrize(
    "path",
    [
        "my_pkg.os.system",
        "my_pkg.Path.touch",
        "my_pkg.layers.Linear",
        "my_pkg.layers.nn.Linear",
        "my_pkg.layers.Gate.load_state_dict",
        "my_pkg.layers.torch.load",
    ],
)
def test_what_a_package_imports_is_not_its_own(path: str) -> None:
    code, message = found(path)
    assert code == "not-allowed"
    assert "whose code may not run" in message


@pytest.mark.parametrize("path", ["my_pkg.layers.Gate.__init__", "my_pkg.functions.swap.__globals__.get"])
def test_python_s_own_attributes_are_no_way(path: str) -> None:
    assert found(path)[0] == "unknown-name"


def test_a_submodule_is_permitted_alone() -> None:
    own = Allowed(("my_pkg.layers",))
    assert own.covers("my_pkg.layers.Gate")
    assert not own.covers("my_pkg.layers2.Gate")
    assert yamlnet.check(node({"my_pkg.layers.Gate": 3}), allow=["my_pkg.layers"]) == []
    assert found("my_pkg.functions.mix", ["my_pkg.layers"])[0] == "not-allowed"


@pytest.mark.parametrize(
    "name", [".", "*", "", "a/b", "./my_pkg", "my_pkg/layers.py", "layers.py", "my-pkg", "a..b"]
)
def test_only_a_package_can_be_permitted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(YamlnetError) as error:
        allowed([name])
    assert error.value.exit_code == 2
    Path("net.yaml").write_text("model: {input: [3], ReLU: null}\n")
    assert call(capsys, "check", "net.yaml", "--allow", name).code == 2


MISTAKES = {
    "a missing parameter": ("my_pkg.layers.Gate", "missing-parameter", "needs `in_features`"),
    "an unknown parameter": ({"my_pkg.layers.Gate": {"in_features": 3, "w": 1}}, "unknown-parameter", "`w`"),
    "a wrong type": ({"my_pkg.layers.Gate": {"in_features": "x"}}, "wrong-type", "takes an integer"),
    "a wrong shape": ({"my_pkg.layers.Gate": 5}, "shape-mismatch", "3 features arrive, and 5 are taken"),
    "no such class": ("my_pkg.layers.Gat", "unknown-name", "`my_pkg.layers` has no `Gat`"),
    "no such module": ("my_pkg.layer.Gate", "unknown-name", "`my_pkg` has no `layer`"),
    "an object": ("my_pkg.layers.gate", "wrong-value", "neither a class"),
    "a number": ("my_pkg.WIDTH", "wrong-value", "neither a class"),
    "a module": ("my_pkg.layers", "wrong-value", "neither a class"),
    "another class": ("my_pkg.losses.Plain", "wrong-value", "neither a class"),
    "a failing import": ("my_pkg.fails.X", "wrong-value", "RuntimeError: needs a licence"),
    "an import that exits": ("my_pkg.leaves.X", "wrong-value", "SystemExit: bye"),
    "an import that lacks": ("my_pkg.needs.X", "wrong-value", "No module named 'no_such_module_at_all'"),
    "a constructor that raises": ("my_pkg.layers.Broken", "wrong-value", "made: ValueError: no such width"),
    "a constructor that exits": ({"my_pkg.layers.Broken": "exit"}, "wrong-value", "SystemExit: 3"),
    "a forward that raises": (
        {"my_pkg.layers.Broken": "forward"},
        "wrong-value",
        "raises KeyError: 'missing'",
    ),
    "a forward that exits": ({"my_pkg.layers.Broken": "leave"}, "wrong-value", "raises SystemExit"),
    "too few tensors": ("my_pkg.functions.mix", "missing-parameter", "needs `right`"),
    "any number of tensors": ("my_pkg.functions.many", "wrong-value", "doesn't name the tensors"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_is_wrong_is_a_mistake_in_the_file(case: str) -> None:
    written, code, words = MISTAKES[case]
    assert found(written)[0] == code
    assert words in found(written)[1]


def test_the_nearest_name_of_a_module_is_offered() -> None:
    (diagnostic,) = yamlnet.check(node("my_pkg.layers.Gat"), allow=ALLOW)
    assert diagnostic.suggestion == "my_pkg.layers.Gate"


def test_what_is_built_is_the_class_itself() -> None:
    document = {
        "model": {
            "input": [3],
            "ModuleDict": {
                "fc": {"Linear": 4},
                "gate": {"my_pkg.layers.Gate": {"in_features": 4, "scale": 2, "act": "Tanh"}},
                "masked": {"my_pkg.layers.Gate": 4, "from": {"x": "gate", "mask": "fc"}},
                "wrapped": {"my_pkg.layers.Wrap": {"inner": {"Linear": 5}, "depth": 3}, "from": "masked"},
                "mixed": {"my_pkg.functions.mix": {"share": 0.25}, "from": ["gate", "masked"]},
                "all": {"expr": "mean(mixed, 1, true) + mean(wrapped, 1, true) + mixed"},
            },
        }
    }
    assert yamlnet.check(document, allow=ALLOW) == []
    network = yamlnet.build(document, allow=ALLOW)
    layers = sys.modules["my_pkg.layers"]
    assert type(network.gate) is layers.Gate
    assert (network.gate.scale, type(network.gate.act)) == (2, torch.nn.Tanh)
    assert network.wrapped.options == {"depth": 3}
    assert torch.equal(network.gate.shift, torch.arange(4) / 4)
    x = torch.randn(2, 3)
    expected = network(x)
    assert torch.equal(pickle.loads(pickle.dumps(network))(x), expected)
    assert torch.equal(copy.deepcopy(network)(x), expected)
    again = yamlnet.build(document, allow=ALLOW)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))


def test_a_run_needs_the_permission_anew() -> None:
    run = yamlnet.train(TRAINED, allow=ALLOW)
    resolved = (run.path / "resolved.yaml").read_text()
    assert "allow" not in resolved
    for reading in (
        lambda: yamlnet.load(run.path),
        lambda: api.evaluate(run.path, "validation"),
        lambda: yamlnet.build(resolved),
    ):
        with pytest.raises(yamlnet.ConfigError) as error:
            reading()
        assert {diagnostic.code for diagnostic in error.value.diagnostics} == {"not-allowed"}
    assert type(yamlnet.load(run.path, allow=ALLOW)[0]).__name__ == "Gate"
    measured = api.evaluate(run.path, "validation", allow=ALLOW)
    assert measured["validation.loss"] == pytest.approx(run.metrics["validation.loss"])


def test_terms_of_a_loss_may_be_a_class_or_a_function_of_one_s_own() -> None:
    several: dict[str, Any] = {
        "far": {"my_pkg.losses.Distance": {"power": 1}, "weight": 0.5},
        "less": {"my_pkg.functions.mix": {"share": 0.25}, "from": ["output", "target"]},
    }
    measured = yamlnet.train(TRAINED, {"loss": several}, allow=ALLOW).metrics
    terms = 0.5 * measured["train.loss.far"] + measured["train.loss.less"]
    assert measured["train.loss"] == pytest.approx(terms)
    alone = yamlnet.train(TRAINED, {"loss": {"my_pkg.losses.Distance": {"power": 1}}}, allow=ALLOW)
    assert alone.metrics["train.loss"] > 0


def test_every_command_that_reads_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(TRAINED)
    for command in ("check", "summary", "config", "train"):
        assert call(capsys, command, "net.yaml").code == 1
        assert call(capsys, command, "net.yaml", "--allow", "my_pkg", "--quiet").code == 0
    evaluate, resume = (
        ["evaluate", "runs/net/1", "--split", "validation"],
        ["train", "--resume", "runs/net/1", "--set", "train.epochs=3"],
    )
    numpy.save("x.npy", numpy.zeros((2, 3)))
    predict = ["predict", "runs/net/1", "x.npy"]
    assert all("not-allowed" in call(capsys, *command).err for command in (evaluate, predict, resume))
    assert call(capsys, *evaluate, "--allow", "my_pkg").code == 0
    assert len(call(capsys, *predict, "--allow", "my_pkg").out.splitlines()) == 2
    assert "from step 8 on" in call(capsys, *resume, "--allow", "my_pkg").err


def test_the_facts_of_a_data_set_are_read_with_it() -> None:
    document = TRAINED.replace("{Linear: 1}", "{Linear: $num_classes}")
    document = document.replace("{my_pkg.data.Squares: {n: 40}}", "my_pkg.data.classes").replace("3}", "2}")
    document = document.replace("my_pkg.losses.Distance", "CrossEntropyLoss")
    assert yamlnet.check(document, allow=ALLOW) == []
    assert yamlnet.build(document, allow=ALLOW)[1].out_features == 3


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raise", "raises ValueError: no such file"),
        ("shapes", "[3] in sample 1, and [2] in the first"),
        ("form", "a sample of `my_pkg.data.broken` is a `int`"),
        ("empty", "has no samples"),
        ("text", "is a `str`, and no tensor"),
    ],
)
def test_what_is_wrong_with_data_is_a_mistake_in_the_file(how: str, words: str) -> None:
    document = TRAINED.replace("{my_pkg.data.Squares: {n: 40}}", f"{{my_pkg.data.broken: {how}}}")
    with pytest.raises(yamlnet.ConfigError) as error:
        yamlnet.train(document, allow=ALLOW)
    (diagnostic,) = error.value.diagnostics
    assert words in diagnostic.message
    assert diagnostic.path == ("data", "dataset", "my_pkg.data.broken")


def test_what_raises_in_training_is_no_bug_of_yamlnet() -> None:
    document = TRAINED.replace("[{my_pkg", "[my_pkg.layers.Late, {my_pkg")
    with pytest.raises(YamlnetError, match=r"KeyError: 'late' \(`my_pkg.layers`, line \d+\)"):
        yamlnet.train(document, allow=ALLOW)


def test_the_working_directory_is_importable_as_a_command(my_pkg: Path) -> None:
    Path("net.yaml").write_text("model: {input: [3], my_pkg.layers.Gate: 3}\n")
    code = "import sys; sys.path[0] = '/nowhere'; from yamlnet.cli import main; main()"
    words = ["check", "net.yaml", "--allow", "my_pkg"]
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "net.yaml: ok\n", "")
