"""`yamlnet predict` says what the network says, of images, arrays and rows; what doesn't fit is one line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor

import yamlnet
from tests.cli.calling import Ended, call
from tests.test_tables import MASS, PENGUINS, SPECIES
from yamlnet.data.datasets import DIGITS

Capture = pytest.CaptureFixture[str]

DIGIT: dict[str, Any] = {
    "name": "digits",
    "data": {
        "dataset": "MNIST5k",
        "batch_size": 256,
        "transforms": [{"Normalize": {"mean": 0.1307, "std": 0.3081}}],
    },
    "model": {"Sequential": ["Flatten", {"Dropout": 0.5}, {"Linear": 10}]},
    "loss": "CrossEntropyLoss",
    "optimizer": {"SGD": 0.1},
    "train": {"steps": 20},
}
DECODE = {"Unflatten": {"dim": 1, "unflattened_size": [1, 28, 28]}}
AUTOENCODER = {
    **DIGIT,
    "name": "autoencoder",
    "model": {"Sequential": ["Flatten", {"Linear": 4}, {"Linear": 784}, DECODE]},
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", "image"]},
}
HEADS = {
    **DIGIT,
    "name": "heads",
    "model": {
        "ModuleDict": {"flat": "Flatten", "digit": {"Linear": 10}, "size": {"Linear": 1, "from": "flat"}},
        "output": {"digit": "digit", "size": "size"},
    },
    "loss": {"CrossEntropyLoss": None, "from": ["output.digit", "target"]},
}
FIELDS = SPECIES["data"]["fields"]
SEX = {
    **SPECIES,
    "name": "sex",
    "data": {
        **SPECIES["data"],
        "fields": {**FIELDS, "sex": {"category": {"missing": "drop"}}},
        "target": "sex",
    },
    "model": {"inputs": ["size"], "Sequential": [{"Linear": 1}, {"Flatten": 0}]},
    "loss": "BCEWithLogitsLoss",
    "metrics": [],
}


def by_hand(run: str, images: Tensor) -> Any:
    with torch.inference_mode():
        return yamlnet.load(run)((images / 255 - 0.1307) / 0.3081)


def predicted(capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    ended = call(capsys, "predict", *arguments, "--format", "json")
    assert ended.code == 0
    assert all(line.startswith("note: ") for line in ended.err.splitlines())
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def saved(path: Path, array: Any) -> str:
    numpy.save(path, array)
    return str(path)


FORMS: dict[str, Callable[[numpy.ndarray[Any, Any]], Any]] = {
    "bytes": lambda images: images,
    "floats": lambda images: images.astype(numpy.float64) / 255,
    "no channels": lambda images: images[:, 0],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_gets_the_probabilities_that_the_network_gives(
    form: str, trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture
) -> None:
    run = trained(DIGIT)
    found = predicted(capsys, run, saved(tmp_path / "x.npy", FORMS[form](digits.numpy())))
    expected = by_hand(run, digits).softmax(1)
    torch.testing.assert_close(torch.tensor([each["probabilities"] for each in found]), expected)
    assert [each["class"] for each in found] == [DIGITS[number] for number in expected.argmax(1)]
    assert [each["probability"] for each in found] == [max(each["probabilities"]) for each in found]
    assert [each["row"] for each in found] == [0, 1, 2, 3, 4]


def test_pictures_and_arrays_in_one_call_are_the_same(
    trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture
) -> None:
    array = digits[0].numpy()
    files = [str(tmp_path / name) for name in ("grey.png", "colour.png", "palette.gif")]
    for file, mode in zip(files, ("L", "RGBA", "P"), strict=True):
        Image.fromarray(array[0]).convert(mode).save(file)
    files += [saved(tmp_path / "one.npy", array), saved(tmp_path / "half.npy", array / 255)]
    files += [saved(tmp_path / "plain.npy", array[0])]
    found = predicted(capsys, trained(DIGIT), *files)
    assert [(each.pop("input"), each.pop("row")) for each in found] == [(file, None) for file in files]
    first = found[0].pop("probabilities")
    for each in found[1:]:
        assert each.pop("probabilities") == pytest.approx(first, rel=1e-4)
        assert each["class"] == found[0]["class"]


def test_lines_for_people(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    run, file = trained(DIGIT), saved(tmp_path / "x.npy", digits.numpy())
    ended = call(capsys, "predict", run, file, "--top", "2")
    assert ended.err == f"{run}: last weights (step 20)\n"
    best = by_hand(run, digits[:1]).softmax(1)[0].topk(2)
    words = [f"{DIGITS[i]} {p:.3f}" for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
    assert ended.out.splitlines()[0] == f"{file}[0]  {', '.join(words)}"
    assert len(ended.out.splitlines()) == 5
    assert call(capsys, "predict", run, file, "--which", "last", "--quiet").err == ""


def test_an_autoencoder_gives_its_output(
    trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture
) -> None:
    run, file = trained(AUTOENCODER), saved(tmp_path / "x.npy", digits.numpy())
    found = torch.tensor([each["output"] for each in predicted(capsys, run, file)])
    torch.testing.assert_close(found, by_hand(run, digits))
    assert "x.npy[0]  [1, 28, 28] " in call(capsys, "predict", run, file).out


def test_several_outputs_by_name(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    run, file = trained(HEADS), saved(tmp_path / "x.npy", digits.numpy())
    outputs, expected = [each["outputs"] for each in predicted(capsys, run, file)], by_hand(run, digits)
    assert [each["digit"]["class"] for each in outputs] == [DIGITS[i] for i in expected["digit"].argmax(1)]
    torch.testing.assert_close(torch.tensor([each["size"]["output"] for each in outputs]), expected["size"])
    assert "; size: " in call(capsys, "predict", run, file).out


def rows(path: Path, *without: str) -> str:
    """The penguins without some columns."""
    with PENGUINS.open() as file:
        table = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, [name for name in table[0] if name not in without], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(table)
    return str(path)


def test_rows_need_no_targets_and_use_the_scales_of_the_run(
    trained: Any, tmp_path: Path, capsys: Capture
) -> None:
    run = trained(SPECIES)
    found = predicted(capsys, run, rows(tmp_path / "new.csv", "species"))
    with PENGUINS.open() as file:
        species = [row["species"] for row in csv.DictReader(file)]
    assert len(found) == len(species)
    right = sum(each["class"] == name for each, name in zip(found, species, strict=True))
    assert right / len(species) == pytest.approx(accuracy(run), abs=0.1)
    few = tmp_path / "few.csv"
    few.write_text("".join((tmp_path / "new.csv").read_text().splitlines(keepends=True)[:4]))
    again = predicted(capsys, run, str(few))
    assert [each["probability"] for each in again] == pytest.approx([e["probability"] for e in found[:3]])


def accuracy(run: str) -> float:
    return yamlnet.api.evaluate(run, "train")["train.accuracy"]


def test_a_number_is_in_the_units_of_the_table_and_dropped_rows_have_no_line(
    trained: Any, tmp_path: Path, capsys: Capture
) -> None:
    run = trained(MASS)
    found = predicted(capsys, run, rows(tmp_path / "new.csv", "body_mass_g"))
    kept = json.loads((Path(run) / "manifest.json").read_text())["fields"]
    with PENGUINS.open() as file:
        cells = [row["flipper_length_mm"] for row in csv.DictReader(file)]
    there = [number for number, cell in enumerate(cells) if cell not in ("", "NA")]
    assert [each["row"] for each in found] == there
    assert len(there) < len(cells)
    note = "note: 2 of 344 rows of `new.csv` dropped: `flipper_length_mm` missing\n"
    assert call(capsys, "predict", run, str(tmp_path / "new.csv")).err.startswith(note)
    flippers, mass = kept["flipper_length_mm"], kept["body_mass_g"]
    values = torch.tensor([[float(cells[row])] for row in there])
    with torch.inference_mode():
        scaled = yamlnet.load(run)((values - flippers["shift"][0]) / flippers["scale"][0])
    expected = scaled * mass["scale"][0] + mass["shift"][0]
    torch.testing.assert_close(torch.tensor([each["output"] for each in found]), expected)


def test_one_logit_is_a_class_of_two(trained: Any, tmp_path: Path, capsys: Capture) -> None:
    run = trained(SEX)
    found = predicted(capsys, run, rows(tmp_path / "new.csv", "sex", "species", "island"))
    size = json.loads((Path(run) / "manifest.json").read_text())["fields"]["size"]
    with PENGUINS.open() as file:
        cells = [list(row.values()) for row in csv.DictReader(file)]
    columns = SEX["data"]["fields"]["size"]["number"]["columns"]
    places = [PENGUINS.read_text().splitlines()[0].split(",").index(column) for column in columns]
    whole = [
        row for row, values in enumerate(cells) if all(values[place] not in ("", "NA") for place in places)
    ]
    values = torch.tensor([[float(cells[row][place]) for place in places] for row in whole])
    with torch.inference_mode():
        male = yamlnet.load(run)(
            (values - torch.tensor(size["shift"])) / torch.tensor(size["scale"])
        ).sigmoid()
    expected = torch.stack([1 - male, male], dim=1)
    actual = [found[row] for row in whole]
    torch.testing.assert_close(torch.tensor([each["probabilities"] for each in actual]), expected)
    assert [each["class"] for each in actual] == [("female", "male")[i] for i in expected.argmax(1)]
    assert {each["class"] for each in actual} == {"female", "male"}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Several yes-or-no questions about numbers of 0 to 6, in arrays without fields."""
    file = tmp_path_factory.mktemp("data") / "tokens.npz"
    words = numpy.arange(120).reshape(40, 3) % 7
    numpy.savez(file, words=words, about=(words > 3).astype(numpy.float32))
    layers = [{"Embedding": {"num_embeddings": 7, "embedding_dim": 4}}, "Flatten", {"Linear": 3}]
    return {
        "name": "tokens",
        "data": {"dataset": {"Npz": {"path": str(file)}}, "target": "about", "batch_size": 8},
        "model": {"Sequential": layers},
        "loss": {"BCEWithLogitsLoss": None, "from": ["output", "about"]},
        "optimizer": {"Adam": 0.1},
        "train": {"steps": 20},
    }


def test_several_labels_may_hold(trained: Any, tokens: Any, tmp_path: Path, capsys: Capture) -> None:
    run, words = trained(tokens), numpy.array([[0, 5, 6], [1, 2, 3]])
    numpy.savez(tmp_path / "new.npz", words=words)
    files = [saved(tmp_path / "new.npy", words), str(tmp_path / "new.npz")]
    found = predicted(capsys, run, *files)
    with torch.inference_mode():
        expected = yamlnet.load(run)(torch.from_numpy(words)).sigmoid().repeat(2, 1)
    torch.testing.assert_close(torch.tensor([each["probabilities"] for each in found]), expected)
    assert [each["classes"] for each in found[:2]] == [[1, 2], []]
    assert [line.split("  ")[-1] for line in call(capsys, "predict", run, *files).out.splitlines()][
        1
    ] == "none"


def test_numbers_that_the_network_has_no_row_for(
    trained: Any, tokens: Any, tmp_path: Path, capsys: Capture
) -> None:
    run = trained(tokens)
    assert "`Embedding` fails on these inputs: index" in refused(
        capsys, 3, run, saved(tmp_path / "x.npy", numpy.array([1, 2, 7]))
    )
    assert "the network takes int64" in refused(capsys, 3, run, saved(tmp_path / "x.npy", numpy.ones(3)))
    Image.new("L", (3, 1)).save(tmp_path / "x.png")
    assert "isn't what the network takes" in refused(capsys, 3, run, str(tmp_path / "x.png"))


def refused(capsys: Capture, code: int, *arguments: str) -> str:
    ended: Ended = call(capsys, "predict", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("error")
    assert "Traceback" not in ended.err
    return ended.err


ARRAYS: dict[str, tuple[Any, str]] = {
    "other size": (
        numpy.zeros((2, 1, 32, 32), numpy.uint8),
        "is [2, 1, 32, 32], and the network takes [1, 28, 28]",
    ),
    "channels last": (numpy.zeros((28, 28, 1), numpy.uint8), "its channels come last"),
    "no samples": (numpy.zeros((0, 1, 28, 28), numpy.uint8), "holds no samples"),
    "integers": (numpy.zeros((1, 28, 28), numpy.int64), "images are uint8, or floats from 0 to 1"),
    "too large": (numpy.full((1, 28, 28), 255.0), "has values from 255 to 255"),
    "not a number": (numpy.full((1, 28, 28), numpy.nan), "isn't a finite number"),
    "texts": (numpy.full((1, 28, 28), "a"), "and no numbers"),
    "one value": (numpy.float32(1), "is [], and the network takes [1, 28, 28]"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_that_does_not_fit(case: str, trained: Any, tmp_path: Path, capsys: Capture) -> None:
    array, words = ARRAYS[case]
    assert words in refused(capsys, 3, trained(DIGIT), saved(tmp_path / "x.npy", array))


def test_files_that_cannot_be_read(trained: Any, tmp_path: Path, capsys: Capture) -> None:
    run = trained(DIGIT)
    assert "no such file" in refused(capsys, 2, run, str(tmp_path / "none.png"))
    assert "it is a folder" in refused(capsys, 2, run, str(tmp_path))
    assert "there is no run in" in refused(capsys, 2, str(tmp_path), "x.png")
    for name in ("x.png", "x.npy", "x.npz", "x"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        assert name in refused(capsys, 3, run, str(tmp_path / name))
    numpy.save(tmp_path / "objects.npy", numpy.array([{}]), allow_pickle=True)
    assert "holds Python objects" in refused(capsys, 3, run, str(tmp_path / "objects.npy"))


def test_pictures_are_not_resized_nor_cut_to_8_bits(trained: Any, tmp_path: Path, capsys: Capture) -> None:
    file = str(tmp_path / "x.png")
    Image.new("L", (30, 20)).save(file)
    words = refused(capsys, 3, trained(DIGIT), file)
    assert "is 20 x 30, and the network takes images of 28 x 28 (height x width)" in words
    Image.new("I;16", (28, 28)).save(file)
    assert "more than 8 bits" in refused(capsys, 3, trained(DIGIT), file)


def test_without_pillow_its_name_is_said(
    trained: Any, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, file = trained(DIGIT), tmp_path / "x.png"
    Image.new("L", (28, 28)).save(file)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "needs the package pillow" in refused(capsys, 3, run, str(file))


def test_rows_that_do_not_fit(trained: Any, tmp_path: Path, capsys: Capture) -> None:
    run = trained(SPECIES)
    assert "has no column `bill_depth_mm`" in refused(
        capsys, 3, run, rows(tmp_path / "a.csv", "bill_depth_mm")
    )
    new = tmp_path / "b.csv"
    new.write_text(Path(rows(new)).read_text().replace("Torgersen", "Atlantis"))
    assert "`island` is `Atlantis`" in refused(capsys, 3, run, str(new))
    new.write_text(Path(rows(new)).read_text().replace("39.1", "long"))
    assert "is `long`: no number" in refused(capsys, 3, run, str(new))
    assert "trained on a table" in refused(capsys, 3, run, saved(tmp_path / "x.npy", numpy.zeros(3)))
    assert "wasn't trained on one" in refused(capsys, 3, trained(DIGIT), str(new))
