"""`yamlnet predict`: classes at each place of an image, standard input, and files that it writes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.cli.calling import call, feed
from tests.cli.test_predict import (
    DIGIT,
    HEADS,
    PENGUINS,
    SPECIES,
    Capture,
    by_hand,
    predicted,
    refused,
    rows,
    saved,
)

CONV = {"kernel_size": 3, "padding": 1}
PIXELS = {
    **DIGIT,
    "name": "pixels",
    "model": {"Sequential": [{"Conv2d": {"out_channels": 3, **CONV}}]},
    "loss": {"CrossEntropyLoss": None, "from": ["output", {"expr": "long(image[:, 0] > 0)"}]},
}
BINARY = {
    **PIXELS,
    "name": "binary",
    "model": {"Sequential": [{"Conv2d": {"out_channels": 1, **CONV}}]},
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", {"expr": "float(image > 0)"}]},
}
MASKS = {
    **BINARY,
    "name": "masks",
    "model": {"Sequential": [{"Conv2d": {"out_channels": 2, **CONV}}]},
    "loss": {"BCEWithLogitsLoss": None, "from": ["output", {"expr": "float(cat([image, image], 1) > 0)"}]},
}
BY_METRIC = {
    **DIGIT,
    "name": "by-metric",
    "loss": {"expr": "mean(sum((output - one_hot(target, 10)) ** 2, 1))"},
    "metrics": ["Accuracy"],
    "optimizer": {"SGD": 0.0001},
}
BY_MARGIN = {**DIGIT, "name": "by-margin", "loss": "MultiMarginLoss", "metrics": ["Accuracy"]}


def test_each_pixel_has_a_class(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    run, file = trained(PIXELS), saved(tmp_path / "x.npy", digits.numpy())
    expected = by_hand(run, digits).softmax(1)
    found = predicted(capsys, run, file)
    assert [each["classes"] for each in found] == expected.argmax(1).tolist()
    best = torch.tensor([each["probabilities"] for each in found])
    torch.testing.assert_close(best, expected.amax(1))
    shares = torch.stack([(expected[0].argmax(0) == i).float().mean() for i in range(3)])
    line = call(capsys, "predict", run, file).out.splitlines()[0]
    assert line.startswith(f"{file}[0]  [28, 28] {int(shares.argmax())} {float(shares.max()):.3f}")


def test_yes_or_no_at_each_pixel(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    file = saved(tmp_path / "x.npy", digits.numpy())
    one, two = trained(BINARY), trained(MASKS)
    holds = (by_hand(one, digits) > 0)[:, 0].int()
    assert [each["classes"] for each in predicted(capsys, one, file)] == holds.tolist()
    both = (by_hand(two, digits) >= 0).int()
    assert [each["classes"] for each in predicted(capsys, two, file)] == both.tolist()


@pytest.mark.parametrize("document", [BY_METRIC, BY_MARGIN], ids=lambda document: document["name"])
def test_a_metric_of_classes_says_that_they_are(
    document: dict[str, Any],
    trained: Any,
    digits: Tensor,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    run, file = trained(document), saved(tmp_path / "x.npy", digits.numpy())
    found = torch.tensor([each["probabilities"] for each in predicted(capsys, run, file)])
    torch.testing.assert_close(found, by_hand(run, digits).softmax(1))


def forms(folder: Path) -> dict[str, bytes]:
    """The first three penguins, in each form that has rows."""
    with PENGUINS.open() as file:
        table = list(csv.DictReader(file))[:3]
    numbers = SPECIES["data"]["fields"]["size"]["number"]["columns"]
    objects = [{key: float(v) if key in numbers else v for key, v in row.items()} for row in table]
    text = "\n".join(PENGUINS.read_text().splitlines()[:4])
    lines = "\n\n".join(json.dumps(row) for row in objects)
    return {
        ".csv": text.encode(),
        ".csv.gz": gzip.compress(text.encode()),
        ".tsv": text.replace(",", "\t").encode(),
        ".jsonl": lines.encode(),
        ".json": json.dumps(objects, indent=1).encode(),
    }


def test_rows_in_any_form_are_the_same_rows(
    trained: Any,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = trained(SPECIES)
    first = predicted(capsys, run, rows(tmp_path / "all.csv"))[:3]
    for ending, content in forms(tmp_path).items():
        (tmp_path / f"x{ending}").write_bytes(content)
        given = [str(tmp_path / f"x{ending}")]
        if ending != ".tsv":
            feed(monkeypatch, content)
            given.append("-")
        found = predicted(capsys, run, *given)
        assert [each["input"] for each in found] == [name for name in given for _ in range(3)]
        for number, each in enumerate(found):
            assert each["probabilities"] == pytest.approx(first[number % 3]["probabilities"], rel=1e-4)


def test_images_and_arrays_on_standard_input(
    trained: Any,
    digits: Tensor,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, contents = trained(DIGIT), []
    for write in (
        lambda stream: Image.fromarray(digits[0, 0].numpy()).save(stream, "PNG"),
        lambda stream: numpy.save(stream, digits[0].numpy()),
        lambda stream: numpy.savez(stream, image=digits[:1].numpy()),
    ):
        stream = io.BytesIO()
        write(stream)
        contents.append(stream.getvalue())
    expected = by_hand(run, digits[:1]).softmax(1)[0].tolist()
    for content in contents:
        feed(monkeypatch, content)
        [found] = predicted(capsys, run, "-")
        assert found["input"] == "-"
        assert found["probabilities"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "there is nothing on standard input"),
        (b"a,b\n", "`-` has no rows"),
        (b"a,b\n1,2\n", "`-` has no column `island`"),
        (b'{"island": 1}\n{"isl', "`-`, line 2, isn't JSON"),
        (b'[{"island": "Biscoe"}, 3]', "`-`, row 2, is no object"),
        (b'{"island": "Mars", "sex": null, "bill_length_mm": 1}', "`-` has no column `bill_depth_mm`"),
    ],
)
def test_standard_input_that_does_not_fit(
    content: bytes,
    words: str,
    trained: Any,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed(monkeypatch, content)
    assert words in refused(capsys, 3, trained(SPECIES), "-")
    assert "read once" in refused(capsys, 2, trained(SPECIES), "-", "-")


def test_what_is_written_is_what_is_predicted(
    trained: Any,
    digits: Tensor,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    run, file = trained(HEADS), saved(tmp_path / "x.npy", digits.numpy())
    shown = predicted(capsys, run, file)
    for ending in ("npz", "csv", "jsonl"):
        ended = call(capsys, "predict", run, file, "--output", str(tmp_path / f"o.{ending}"), "--quiet")
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()] == shown
    expected = by_hand(run, digits)
    with numpy.load(tmp_path / "o.npz") as arrays:
        torch.testing.assert_close(torch.from_numpy(arrays["digit"]), expected["digit"].softmax(1))
        assert arrays["digit.class"].tolist() == expected["digit"].argmax(1).tolist()
        torch.testing.assert_close(torch.from_numpy(arrays["size"]), expected["size"])
    with (tmp_path / "o.csv").open() as stream:
        table = list(csv.DictReader(stream))
    for row, each in zip(table, shown, strict=True):
        assert row["digit.class"] == each["outputs"]["digit"]["class"]
        assert [float(row["size.output"])] == pytest.approx(each["outputs"]["size"]["output"])
    words = refused(capsys, 3, run, file, "--output", str(tmp_path / "o.npy"), "--quiet")
    assert "holds one array, and the outputs are `digit`, `size`" in words


def test_one_output_is_one_array(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    run, file, target = trained(PIXELS), saved(tmp_path / "x.npy", digits.numpy()), tmp_path / "o.npy"
    assert call(capsys, "predict", run, file, "--output", str(target)).code == 0
    torch.testing.assert_close(torch.from_numpy(numpy.load(target)), by_hand(run, digits).softmax(1))
    words = refused(capsys, 3, run, file, "--output", str(tmp_path / "o.csv"), "--quiet")
    assert "`output` is [3, 28, 28]: no cells of" in words


def test_files_that_cannot_be_written(trained: Any, digits: Tensor, tmp_path: Path, capsys: Capture) -> None:
    run, file = trained(DIGIT), saved(tmp_path / "x.npy", digits.numpy())
    assert "none of .npy, .npz, .csv, .jsonl" in refused(capsys, 2, run, file, "--output", "o.txt")
    target = str(tmp_path / "none" / "o.csv")
    assert "can't write" in refused(capsys, 3, run, file, "--output", target, "--quiet")
