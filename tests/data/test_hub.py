"""Data sets that the package `datasets` loads: folders and files of this machine; and the hub's, in vain."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

import yamlnet
from yamlnet.data.datasets import read_dataset
from yamlnet.data.splits import prepare
from yamlnet.diagnostics import MistakeError, YamlnetError
from yamlnet.language.experiment import Data

from .calls import dataset, field

CPU = torch.device("cpu")
NAMES = ("eel", "cat", "dog")
"""In no order, which is the data set's own."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package `datasets`, with a cache of its own and no progress bars."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()
    assert isinstance(datasets, ModuleType)
    return datasets


def pictures(count: int, seed: int, mode: str = "RGB") -> list[Any]:
    values = numpy.random.default_rng(seed).integers(0, 256, (count, 4, 5, 3), dtype=numpy.uint8)
    return [Image.fromarray(each).convert(mode) for each in values]


def split(hub: ModuleType, count: int, seed: int, **columns: Any) -> Any:
    """Images with a class, a number, a vector and a text."""
    features = {
        "img": hub.Image(),
        "label": hub.ClassLabel(names=list(NAMES)),
        "weight": hub.Value("float64"),
        "box": hub.List(hub.Value("int32")),
        "text": hub.Value("string"),
    }
    values = {
        "img": pictures(count, seed),
        "label": [number % 3 for number in range(count)],
        "weight": [number / 2 for number in range(count)],
        "box": [[number, 1] for number in range(count)],
        "text": [f"t{number % 2}" for number in range(count)],
    }
    return hub.Dataset.from_dict({**values, **columns}, features=hub.Features(features))


@pytest.fixture
def saved(hub: ModuleType, tmp_path: Path) -> Path:
    """A folder with three splits."""
    splits = {"train": split(hub, 9, 0), "val": split(hub, 3, 1), "test": split(hub, 4, 2)}
    hub.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    return tmp_path


def test_columns_become_fields_as_their_features_say(saved: Path) -> None:
    data = read_dataset(dataset("HuggingFace", path="saved"), saved)
    assert data.validation is not None
    assert data.test is not None
    assert [len(part["label"]) for part in (data.train, data.validation, data.test)] == [9, 3, 4]
    assert list(data.train) == ["image", "label", "weight", "box"]
    expected = numpy.stack([numpy.asarray(each) for each in pictures(9, 0)]).transpose(0, 3, 1, 2)
    assert numpy.array_equal(data.train["image"].numpy(), expected)
    assert data.train["label"].tolist() == [0, 1, 2] * 3
    assert data.train["weight"].dtype == torch.float32
    assert data.train["box"].tolist() == [[number, 1] for number in range(9)]
    assert data.classes == {"label": NAMES}
    assert data.notes == ("columns that are no fields: `text` (string)",)


def test_the_only_class_is_the_target(saved: Path) -> None:
    columns = {"image": "img", "kind": "label"}
    prepared = prepare(Data(dataset=dataset("HuggingFace", path="saved", columns=columns)), 0, saved, CPU)
    assert prepared.facts.targets == ("kind", "target")
    assert (prepared.facts.num_classes, prepared.facts.classes) == (3, NAMES)
    assert (prepared.facts.train, prepared.facts.validation, prepared.facts.test) == (9, 3, 4)
    with pytest.raises(MistakeError, match="`HuggingFace` has a validation part of its own"):
        prepare(Data(dataset=dataset("HuggingFace", path="saved"), validation=2), 0, saved, CPU)


def test_grey_images_have_one_channel_where_all_are(hub: ModuleType, tmp_path: Path) -> None:
    for name, modes in (("grey", ["L"] * 4), ("mixed", ["L", "L", "RGB", "L"])):
        images = [pictures(1, seed, mode)[0] for seed, mode in enumerate(modes)]
        split(hub, 4, 0, img=images).save_to_disk(str(tmp_path / name))
        read = read_dataset(dataset("HuggingFace", path=name), tmp_path).train["image"]
        assert read.shape == (4, 1 if name == "grey" else 3, 4, 5)
        expected = torch.from_numpy(numpy.array(images[0]))
        assert torch.equal(read[0, -1], expected)


def test_fields_take_the_columns_of_every_split(saved: Path) -> None:
    fields = {
        "weight": field("weight", "number", scale="standard"),
        "label": field("label", "category"),
        "text": field("text", "category"),
    }
    data = Data(dataset=dataset("HuggingFace", path="saved"), fields=fields, target=("label",))
    prepared = prepare(data, 0, saved, CPU)
    assert prepared.facts.classes == NAMES
    assert prepared.validation is not None
    assert prepared.validation.fields["label"].tolist() == [0, 1, 2]
    weights = prepared.train.fields["weight"]
    assert float(weights.mean()) == pytest.approx(0, abs=1e-6)
    first = prepared.validation.fields["weight"][0]
    assert float(first) == pytest.approx(float(weights[0]))


@pytest.mark.parametrize("form", ["parquet", "csv", "json", "jsonl"])
def test_files_are_loaded_by_their_path(form: str, hub: ModuleType, tmp_path: Path) -> None:
    table = split(hub, 6, 0).select_columns(["label", "weight", "text"])
    file = tmp_path / f"data.{form}"
    write = {"parquet": table.to_parquet, "csv": table.to_csv}.get(form, table.to_json)
    write(str(file))
    fields = {"weight": field("weight", "number", scale="none"), "text": field("text", "category")}
    call = dataset("HuggingFace", path=file.name)
    prepared = prepare(Data(dataset=call, fields=fields, target=("text",)), 0, tmp_path, CPU)
    assert prepared.train.fields["weight"].tolist() == [number / 2 for number in range(6)]
    assert prepared.train.fields["text"].tolist() == [0, 1] * 3


def test_a_folder_of_files_has_its_splits(hub: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for name, count in (("train", 6), ("test", 2)):
        split(hub, count, 0).to_parquet(str(tmp_path / "files" / f"{name}.parquet"))
    data = read_dataset(dataset("HuggingFace", path="files"), tmp_path)
    assert data.test is not None
    assert (len(data.train["label"]), len(data.test["label"])) == (6, 2)
    assert data.train["image"].shape == (6, 3, 4, 5)
    some = read_dataset(dataset("HuggingFace", path="files", split="train[:4]"), tmp_path)
    assert (len(some.train["label"]), some.test) == (4, None)


def test_a_split_without_classes_is_left_out(hub: ModuleType, tmp_path: Path) -> None:
    splits = {"train": split(hub, 6, 0), "test": split(hub, 2, 1, label=[-1, -1]), "more": split(hub, 2, 2)}
    hub.DatasetDict(splits).save_to_disk(str(tmp_path / "set"))
    data = read_dataset(dataset("HuggingFace", path="set"), tmp_path)
    assert data.test is None
    assert f"splits of `{tmp_path / 'set'}` that aren't used: `more`" in data.notes
    assert "the split `test` isn't used: it has no classes" in data.notes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "./absent"}, "no file or folder"),
        ({"path": "absent.csv"}, "no file or folder"),
        ({"path": "saved", "split": "more"}, "has no split `more`"),
        ({"path": "saved", "columns": {"image": "im"}}, "has no column `im`"),
        ({"path": "saved", "columns": {"x y": "img"}}, "`x y`, a column of .*, can't be a field's name"),
        ({"path": "saved", "columns": {"image": "text"}}, "`text` holds string, which is no field"),
        ({"path": "broken.parquet"}, "can't load `.*broken.parquet`"),
    ],
)
def test_what_does_not_fit_is_one_line(saved: Path, arguments: dict[str, Any], words: str) -> None:
    (saved / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(YamlnetError, match=words) as caught:
        read_dataset(dataset("HuggingFace", **arguments), saved)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == (1 if isinstance(caught.value, MistakeError) else 3)


def test_no_network_is_one_line(hub: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def unreachable(path: str, name: str | None, **options: Any) -> Any:
        asked.append((path, name, options))
        raise ConnectionError(f"Couldn't reach '{path}' on the Hub")

    monkeypatch.setattr(hub, "load_dataset", unreachable)
    with pytest.raises(YamlnetError, match=r"https://huggingface\.co/datasets/ylecun/mnist: Couldn't reach"):
        read_dataset(dataset("HuggingFace", path="ylecun/mnist", revision="main"), tmp_path)
    assert asked == [("ylecun/mnist", None, {"split": None, "revision": "main"})]


def test_a_missing_package_or_one_that_runs_scripts_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ModuleType("datasets")
    vars(old)["__version__"] = "3.6.0"
    for package, words in ((None, "needs the package datasets"), (old, "may run code")):
        monkeypatch.setitem(sys.modules, "datasets", package)
        with pytest.raises(YamlnetError, match=words) as caught:
            read_dataset(dataset("HuggingFace", path="a/b"), tmp_path)
        assert "pip install" in str(caught.value.help)


def test_a_network_trains_on_it_and_predicts(saved: Path, hub: ModuleType) -> None:
    document = {
        "data": {"dataset": {"HuggingFace": {"path": str(saved / "saved")}}, "batch_size": 4},
        "model": {"inputs": ["image"], "ModuleDict": {"flat": "Flatten", "out": {"Linear": "$num_classes"}}},
        "loss": "CrossEntropyLoss",
        "metrics": ["Accuracy"],
        "optimizer": {"SGD": 0.01},
        "train": {"steps": 3},
    }
    assert yamlnet.check(document) == []
    run = yamlnet.train(document, runs=saved / "runs")
    assert "test.accuracy" in run.metrics
    pictures(1, 5)[0].save(saved / "x.png")
    [found] = yamlnet.api.predict(run.path, [str(saved / "x.png")])
    assert {name for name, _ in found.answers["output"].best(3)} == set(NAMES)
