"""Paths in a file that lead out of its folder: by every way, from every place that says a path."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import yamlnet
from tests.cli.calling import call
from yamlnet import api
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.own import PATHS
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.files import DATA_ROOT, read
from yamlnet.pipeline import examine

SAID = sorted(
    f"{name}: {{{parameter}: PATH{', split: digits' if name == 'EMNIST' else ''}}}"
    for name in names("dataset")
    for parameter in find(name, "dataset").parameters
    if parameter in PATHS
)
MODEL = "model: {input: [4], Linear: 2}\n"
PLACES = {
    **{f"dataset-{said.partition(':')[0]}": f"data: {{dataset: {{{said}}}}}\n{MODEL}" for said in SAID},
    "positional": f"data: {{dataset: {{Csv: PATH}}}}\n{MODEL}",
    "validation": f"data: {{dataset: MNIST5k, validation: {{Idx: PATH}}}}\n{MODEL}",
    "test": f"data: {{dataset: {{Idx: x}}, test: {{ImageFolder: {{root: PATH}}}}}}\n{MODEL}",
    "model": "model: {input: [4], Linear: 2, weights: PATH}",
    "node": "model: {input: [4], Sequential: [{Linear: 2, weights: {file: PATH, strict: false}}]}",
    "repeated": "model: {input: [4], Sequential: [{Linear: 4, repeat: 3, weights: PATH}]}",
    "block": "blocks: {B: {Linear: 2, weights: PATH}}\nmodel: {input: [4], Sequential: [B]}",
    "parameter": "blocks: {B: {params: {w: required}, Linear: 2, weights: $w}}\n"
    "model: {input: [4], Sequential: [{B: {w: PATH}}]}",
    "edit": "model: {input: [4], Sequential: {a: {Linear: 2}}, "
    "edit: [{replace: a, with: {Linear: 2, weights: PATH}}]}",
    "variable": "vars: {where: PATH}\nmodel: {input: [4], Linear: 2, weights: $where}",
    "extends": f"extends: PATH\n{MODEL}",
    "one-of-several": f"extends: [base.yaml, PATH]\n{MODEL}",
}
WAYS: dict[str, Callable[[Path], str]] = {
    "absolute": lambda there: str(there / "file.pth"),
    "up": lambda there: f"../{there.name}/file.pth",
    "down-and-up": lambda there: f"sub/../../{there.name}/file.pth",
    "link": lambda there: "linked.pth",
    "below-a-link": lambda there: "folder/file.pth",
    "link-to-a-link": lambda there: "twice.pth",
    "home": lambda there: "~/file.pth",
}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside the working directory, which has links to it."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here / "sub", there):
        folder.mkdir(parents=True)
    (there / "file.pth").write_text("not: yours\n")
    (here / "linked.pth").symlink_to(there / "file.pth")
    (here / "folder").symlink_to(there, target_is_directory=True)
    (here / "twice.pth").symlink_to("linked.pth")
    (here / "base.yaml").write_text("seed: 1\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(there))
    return there


def codes(file: str, **options: object) -> list[str]:
    Path("net.yaml").write_text(file)
    return [found.code for found in yamlnet.check("net.yaml", **options)]


@pytest.mark.parametrize("place", PLACES)
def test_no_way_leads_out(place: str, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, way in WAYS.items():
        file = PLACES[place].replace("PATH", way(there))
        assert "outside-path" in codes(file), name
        assert "outside-path" in [found.code for found in examine(read(file + "\n#")).diagnostics], name
        assert "outside-path" not in [found.code for found in yamlnet.check(file + "\n#")], name
        assert "outside-path" not in codes(file, data_root=[there]), name
        monkeypatch.setenv(DATA_ROOT, f"/nowhere{os.pathsep}{there}")
        assert "outside-path" not in codes(file), name
        monkeypatch.delenv(DATA_ROOT)


@pytest.mark.parametrize("place", PLACES)
def test_what_stays_inside_is_fine(place: str, there: Path) -> None:
    Path("sub/own").symlink_to(Path("base.yaml").absolute())
    for path in ("base.yaml", "sub/../base.yaml", str(Path("base.yaml").absolute()), "sub/own"):
        assert "outside-path" not in codes(PLACES[place].replace("PATH", path))


@pytest.mark.parametrize("place", [place for place in PLACES if not place.startswith(("ext", "one"))])
def test_the_advice_can_be_pasted(place: str, there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(PLACES[place].replace("PATH", str(there / "file.pth")))
    (found,) = [
        one
        for one in json.loads(call(capsys, "check", "net.yaml", "--format", "json").out)
        if one["code"] == "outside-path"
    ]
    options = [part.split(" ", 1) for part in found["help"].split("`")[1::2]]
    assert [option[0] for option in options] == ["--set", "--data-root"]
    for option in options:
        assert "outside-path" not in call(capsys, "check", "net.yaml", *option).out


def test_a_base_stays_in_the_folder_of_the_file_that_was_given(there: Path) -> None:
    Path("sub/base.yaml").write_text("data: {dataset: {Csv: {path: ../table.csv}}}\n")
    assert "outside-path" not in codes(f"extends: sub/base.yaml\n{MODEL}")
    Path("sub/base.yaml").write_text("data: {dataset: {Csv: {path: ../../table.csv}}}\n")
    assert "outside-path" in codes(f"extends: sub/base.yaml\n{MODEL}")
    (there / "base.yaml").write_text("extends: ../file.pth\n")
    assert "outside-path" in codes(f"extends: {there}/base.yaml\n{MODEL}", data_root=[there])


@pytest.mark.parametrize("name", ["--set", "<dict>", "<stdin>", "-"])
def test_no_file_passes_for_the_command_line(name: str, there: Path) -> None:
    """Diagnostics call the options `--set`, and a dict `<dict>`: a file of that name is still a file."""
    Path(name).write_text(f"model: {{input: [4], Linear: 2, weights: {there}/file.pth}}\n")
    Path("base.yaml").write_text(f"extends: '{name}'\n")
    assert codes("extends: base.yaml") == ["outside-path"]
    found = [found.code for found in yamlnet.check({"extends": "base.yaml"})]
    assert found == ["recursion" if name == "<dict>" else "outside-path"]
    assert [found.code for found in yamlnet.check(Path(name))] == ["outside-path"]


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_opened(kind: str, there: Path) -> None:
    if kind == "pipe":
        os.mkfifo("odd.pth")
    else:
        Path("odd.pth").symlink_to("/dev/zero")
    for place in PLACES.values():
        assert "wrong-value" in codes(place.replace("PATH", "odd.pth"), data_root=["/dev"])


@pytest.mark.parametrize("path", ["a\\0b", "a" * 300, "a/" * 3000, "~nosuch/x", " ", "a\\nb", "\\x1b[31m"])
@pytest.mark.parametrize("place", PLACES)
def test_odd_paths_are_mistakes_at_most(place: str, path: str, there: Path) -> None:
    assert "outside-path" not in codes(PLACES[place].replace("PATH", f'"{path}"') + "\n")


# -- what stands in the folders of data -----------------------------------------------------------


@pytest.mark.parametrize("name", ["Idx", "ImageFolder", "MNIST", "FashionMNIST", "CIFAR10"])
@pytest.mark.parametrize("level", ["folder", "file"])
def test_links_in_a_data_folder_lead_nowhere_else(name: str, level: str, there: Path) -> None:
    inner = {"Idx": "", "ImageFolder": "cat", "CIFAR10": "cifar-10-batches-py"}.get(name, f"{name}/raw")
    folder = Path("set", inner)
    if level == "folder":
        (folder.parent if inner else Path()).mkdir(parents=True, exist_ok=True)
        folder.symlink_to(there, target_is_directory=True)
    else:
        folder.mkdir(parents=True)
        (folder / "train-images-idx3-ubyte").symlink_to(there / "file.pth")
    file = f"data: {{dataset: {{{name}: {{root: set}}}}}}\nmodel: {{Sequential: [Flatten, {{Linear: 10}}]}}\n"
    file += "loss: CrossEntropyLoss\noptimizer: AdamW\ntrain: {epochs: 1}\n"
    Path("net.yaml").write_text(file)
    with pytest.raises(YamlnetError, match="outside of the file's folder"):
        yamlnet.train("net.yaml")
    assert not (there / "train-images-idx3-ubyte.gz").exists()


# -- runs -----------------------------------------------------------------------------------------

TABLE = """\
name: net
data:
  dataset: {Csv: {path: table.csv}}
  fields: {x: {number: [x]}, y: {number: [y]}}
  target: y
  test: 0.5
model: {Sequential: [{Linear: 1}]}
loss: {MSELoss: , from: [output, y]}
optimizer: {SGD: 0.01}
train: {epochs: 1, device: cpu}
"""


@pytest.fixture
def run(there: Path) -> Path:
    """A run whose data, given on the command line, lie outside of the file's folder."""
    (there / "table.csv").write_text("x,y\n" + "".join(f"{n},{2 * n}\n" for n in range(8)))
    Path("net.yaml").write_text(TABLE)
    return Path(yamlnet.train("net.yaml", {"data.dataset.Csv.path": str(there / "table.csv")}).path)


def test_a_run_needs_no_option_for_what_it_has_read(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "evaluate", str(run)).code == 0
    assert call(capsys, "reproduce", str(run)).code == 0
    (run / "result.json").unlink()
    assert call(capsys, "train", "--resume", str(run)).code == 0
    again = yamlnet.train(run / "resolved.yaml", runs="again")
    assert again.metrics["test.loss"] == api.evaluate(run)["test.loss"]


def test_a_run_reads_nothing_else(run: Path, there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever ships a run writes its manifest too: without the digest of the data they gain nothing."""
    rows = (there / "table.csv").read_text()
    (there / "secret.csv").write_text(rows.replace("7,14", "7,15"))
    resolved, manifest = run / "resolved.yaml", run / "manifest.json"
    resolved.write_text(resolved.read_text().replace("table.csv", "secret.csv"))
    (run / "result.json").unlink()
    noted = json.loads(manifest.read_text())
    resumes = [{"environment": {}, "data_digest": None, "changed": {}, "step": 0}]
    for forged in (
        noted,
        {},
        {**noted, "data_digest": None},
        {**noted, "resumes": resumes},
        {"data_digest": "x"},
    ):
        manifest.write_text(json.dumps(forged))
        words = ["evaluate", str(run)], ["train", "--resume", str(run)], ["train", str(resolved)]
        for each in words:
            ended = call(capsys, *each)
            assert ended.code in (1, 3), (forged, each)
            assert "[outside-path]" in ended.err or "--allow-data" in ended.err
    manifest.write_text(json.dumps(noted))
    assert call(capsys, "evaluate", str(run), "--data-root", str(there)).code == 0
    Path("x.csv").write_text("x\n1\n2\n")
    assert call(capsys, "predict", str(run), "x.csv").code == 0  # which reads no data of the file


def test_a_run_downloads_nothing_to_elsewhere(run: Path, there: Path) -> None:
    resolved = run / "resolved.yaml"
    said = f"data: {{dataset: {{MNIST: {{root: {there}, download: true}}}}}}\n"
    resolved.write_text(
        said + "model: {Sequential: [Flatten, {Linear: 10}]}\nloss: CrossEntropyLoss\noptimizer: SGD\n"
    )
    with pytest.raises(YamlnetError, match="isn't in"):
        api.evaluate(run)
    assert not (there / "MNIST").exists()


def test_weights_that_a_run_began_with_may_be_read_again(there: Path) -> None:
    weights = {"weight": torch.ones(1, 1), "bias": torch.ones(1)}
    torch.save(weights, there / "w.pth")
    (there / "table.csv").write_text("x,y\n1,2\n2,4\n3,5\n4,6\n")
    Path("net.yaml").write_text(TABLE.replace("{Linear: 1}", f"{{Linear: 1, weights: {there}/w.pth}}"))
    options = {"data.dataset.Csv.path": str(there / "table.csv")}
    made = yamlnet.train("net.yaml", options, data_root=there)
    resolved = made.path / "resolved.yaml"
    assert yamlnet.check(resolved) == []
    torch.save({**weights, "bias": torch.zeros(1)}, there / "w.pth")
    assert [found.code for found in yamlnet.check(resolved)] == ["outside-path"]


def test_names_of_runs_stay_below_runs(there: Path) -> None:
    for name in ("../up", "/abs", "a/b", "..", ".", "a\\0b", "", "~"):
        found = yamlnet.check(f'name: "{name}"\nmodel: {{input: [4], Linear: 2}}\n')
        assert [one.code for one in found if one.path == ("name",)], name


def test_weights_are_loaded_from_where_the_command_line_says(there: Path) -> None:
    torch.save({"weight": torch.ones(2, 4), "bias": torch.ones(2)}, there / "w.pth")
    Path("net.yaml").write_text("model: {input: [4], Linear: 2, weights: w.pth}\n")
    made = yamlnet.build("net.yaml", {"model.weights": "../there/w.pth"})
    assert torch.equal(made.state_dict()["weight"], torch.ones(2, 4))
