"""Tables to tensors: what is fitted to the training split alone; rules for missing and unknown values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Field
from yamlnet.data.encoding import OTHER, as_json, from_json
from yamlnet.data.splits import Prepared, prepare
from yamlnet.diagnostics import MistakeError, YamlnetError
from yamlnet.language.experiment import Data

from .calls import dataset, field

CPU = torch.device("cpu")
COUNT = 40


def rows(**changed: str) -> str:
    """A table of forty rows; `r7="..."` changes the eighth."""
    lines = [f"{number},{number * number},{'abc'[number % 3]}" for number in range(COUNT)]
    for name, line in changed.items():
        lines[int(name[1:])] = line
    return "\n".join(["x,y,kind", *lines]) + "\n"


def prepared(
    folder: Path, content: str, fields: dict[str, Call], target: tuple[str, ...] = (), **options: Any
) -> Prepared:
    """The splits of a table of this content."""
    (folder / "table.csv").write_text(content)
    data = Data(dataset=dataset("Csv", path="table.csv"), fields=fields, target=target, **options)
    return prepare(data, 0, folder, CPU)


def fields(**number: Any) -> dict[str, Call]:
    """A vector of two columns, one column, and a category."""
    return {
        "both": field("both", "number", columns=["x", "y"], **number),
        "x": field("x", "number", **number),
        "kind": field("kind", "category", unknown="extra"),
    }


def test_fields_have_the_shapes_that_the_file_says(tmp_path: Path) -> None:
    data = prepared(tmp_path, rows(), fields(), ("kind",), validation=0.25)
    assert data.facts.fields == {
        "both": Field((2,), "float32"),
        "x": Field((), "float32"),
        "kind": Field((), "int64", 4),
        "target": Field((), "int64", 4),
    }
    assert (data.facts.num_classes, data.facts.classes) == (4, ("a", "b", "c", OTHER))
    assert (data.facts.train, data.facts.validation) == (30, 10)
    assert data.train.fields["target"] is data.train.fields["kind"]


@pytest.mark.parametrize("scale", ["auto", "standard", "minmax", "none"])
def test_scales_are_of_the_training_split(tmp_path: Path, scale: str) -> None:
    found = prepared(tmp_path, rows(), fields(scale=scale), validation=0.25)
    raw = prepared(tmp_path, rows(), fields(scale="none"), validation=0.25)
    train, validation = (split.fields["both"].double() for split in (raw.train, raw.validation) if split)
    if scale in ("auto", "standard"):
        shift, spread = train.mean(0), train.std(0, correction=0)
    elif scale == "minmax":
        shift, spread = train.amin(0), train.amax(0) - train.amin(0)
    else:
        shift, spread = torch.zeros(2), torch.ones(2)
    assert found.validation is not None
    torch.testing.assert_close(found.train.fields["both"], ((train - shift) / spread).float())
    torch.testing.assert_close(found.validation.fields["both"], ((validation - shift) / spread).float())
    assert torch.equal(found.train.fields["x"], found.train.fields["both"][:, 0])


def test_targets_are_not_scaled_unless_the_file_says_so(tmp_path: Path) -> None:
    plain = prepared(tmp_path, rows(), {"x": field("x", "number"), "y": field("y", "number")}, ("y",))
    assert plain.train.fields["y"].tolist() == [number**2 for number in range(COUNT)]
    scaled = field("y", "number", scale="standard")
    asked = prepared(tmp_path, rows(), {"x": field("x", "number"), "y": scaled}, ("y",))
    assert abs(float(asked.train.fields["y"].mean())) < 1e-6


def test_nothing_leaks_from_the_other_splits(tmp_path: Path) -> None:
    options = {"validation": 0.25, "test": 0.25}
    before = prepared(
        tmp_path, rows(), {**fields(), "n": field("n", "number", columns="x", scale="none")}, **options
    )
    held = [int(n) for split in (before.validation, before.test) if split for n in split.fields["n"]]
    assert len(held) == 20
    changed = rows(**{f"r{number}": f"{10**6 + number},-7,new" for number in held})
    after = prepared(
        tmp_path, changed, {**fields(), "n": field("n", "number", columns="x", scale="none")}, **options
    )
    assert after.encodings == before.encodings
    for name, values in before.train.fields.items():
        assert torch.equal(after.train.fields[name], values)
    assert after.test is not None
    assert set(after.test.fields["kind"].tolist()) == {3}
    assert after.digest != before.digest


def test_a_constant_column_becomes_zeros(tmp_path: Path) -> None:
    for scale in ("standard", "minmax"):
        data = prepared(tmp_path, "x\n7\n7\n", {"x": field("x", "number", scale=scale)})
        assert data.train.fields["x"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("texts", "order"),
    [(["10", "9", "-1"], ("-1", "9", "10")), (["10", "9", "x"], ("10", "9", "x")), (["b", "B"], ("B", "b"))],
)
def test_vocabularies_are_sorted(tmp_path: Path, texts: list[str], order: tuple[str, ...]) -> None:
    data = prepared(tmp_path, "k\n" + "\n".join(texts) + "\n", {"k": field("k", "category")}, ("k",))
    assert data.facts.classes == order
    assert data.train.fields["k"].tolist() == [order.index(text) for text in texts]


def test_a_vocabulary_can_be_said(tmp_path: Path) -> None:
    said = {"k": field("k", "category", categories=[1, 0, "z"])}
    data = prepared(tmp_path, "k\n0\n1\n", said, ("k",))
    assert (data.train.fields["k"].tolist(), data.facts.num_classes) == ([1, 0], 3)
    with pytest.raises(MistakeError, match=r"`k` is `2` in `table.csv`, line 3, which `categories` doesn't"):
        prepared(tmp_path, "k\n0\n2\n", said)


MISSING = "x,k\n1,a\n,b\n3,\n8,a\n"


@pytest.mark.parametrize(
    ("rule", "values"),
    [("mean", [1, 4, 3, 8]), ("median", [1, 3, 3, 8]), (-2.5, [1, -2.5, 3, 8]), ("drop", [1, 3, 8])],
)
def test_rules_for_missing_numbers(tmp_path: Path, rule: str | float, values: list[float]) -> None:
    data = prepared(tmp_path, MISSING, {"x": field("x", "number", missing=rule, scale="none")})
    assert data.train.fields["x"].tolist() == values


def test_rules_for_missing_categories(tmp_path: Path) -> None:
    data = prepared(tmp_path, MISSING, {"k": field("k", "category", missing="extra")}, ("k",))
    assert (data.train.fields["k"].tolist(), data.facts.classes) == ([0, 1, 2, 0], ("a", "b", OTHER))
    both = {
        "k": field("k", "category", missing="drop"),
        "x": field("x", "number", missing="drop", scale="none"),
    }
    assert prepared(tmp_path, MISSING, both).train.fields["x"].tolist() == [1, 8]


def test_a_dropped_row_excuses_its_other_fields(tmp_path: Path) -> None:
    content = "x,k,y\n1,a,1\n,,2\n3,b,3\n,c,4\n"
    dropping = {"x": field("x", "number", missing="drop", scale="none"), "k": field("k", "category")}
    data = prepared(tmp_path, content, dropping)
    assert data.train.fields["x"].tolist() == [1, 3]
    assert data.notes == ("2 of 4 rows of `table.csv` dropped: `x` missing",)
    with pytest.raises(MistakeError, match=r"`k` is missing in 1 row of `table.csv`: line 3"):
        prepared(tmp_path, content.replace(",,2", "2,,2"), dropping)
    both = {**dropping, "k": field("k", "category", missing="drop")}
    notes = prepared(tmp_path, content, both).notes
    assert notes == ("2 of 4 rows of `table.csv` dropped: `x` missing in 2, `k` missing in 1",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (field("x", "number"), "`x` is missing in 1 row of `table.csv`: line 3"),
        (field("k", "category"), "`k` is missing in 1 row of `table.csv`: line 4"),
        (field("k", "number"), "`k` in `table.csv`, line 2, is `a`: no number"),
        (field("age", "number"), "`table.csv` has no column `age`"),
        (field("age", "category", column="kk"), "`table.csv` has no column `kk`"),
        (field("v", "number", columns=["x", "z"], missing="mean"), "`table.csv` has no column `z`"),
    ],
)
def test_mistakes_in_a_field(tmp_path: Path, given: Call, words: str) -> None:
    with pytest.raises(MistakeError, match=words) as caught:
        prepared(tmp_path, MISSING, {given.path[2]: given})  # type: ignore[dict-item]
    assert caught.value.mistake.path[:3] == given.path[:3]


def test_numbers_that_no_float32_holds(tmp_path: Path) -> None:
    for text in ("inf", "-1e39"):
        with pytest.raises(MistakeError, match=r"line 3, is -?(inf|1e\+39): no finite float32"):
            prepared(tmp_path, f"x\n1\n{text}\n", {"x": field("x", "number")})


def test_no_rows_are_left(tmp_path: Path) -> None:
    with pytest.raises(YamlnetError, match=r"no rows of `table.csv` are left"):
        prepared(tmp_path, "x,y\n,1\n", {"x": field("x", "number", missing="drop")})


def test_an_unknown_category(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("x,k\n1,a\n1,c\n1,c\n")
    options = {"test": dataset("Csv", path="other.csv")}
    with pytest.raises(
        MistakeError, match=r"`k` is `c` in `other.csv`, line 3, and in no row of the training"
    ):
        prepared(tmp_path, "x,k\n1,a\n2,b\n", {"k": field("k", "category")}, **options)
    data = prepared(tmp_path, "x,k\n1,a\n2,b\n", {"k": field("k", "category", unknown="extra")}, **options)
    assert data.test is not None
    assert data.test.fields["k"].tolist() == [0, 2, 2]


def test_the_encodings_of_a_run_are_used_again(tmp_path: Path) -> None:
    first = prepared(tmp_path, rows(), fields(missing="mean"))
    kept = from_json(as_json(first.encodings))
    assert kept == first.encodings
    (tmp_path / "table.csv").write_text("x,y,kind\n5,25,z\n")
    data = Data(dataset=dataset("Csv", path="table.csv"), fields=fields(missing="mean"), target=())
    again = prepare(data, 0, tmp_path, CPU, kept)
    assert again.encodings == first.encodings
    assert again.train.fields["kind"].tolist() == [3]
    assert torch.equal(again.train.fields["both"][0], first.train.fields["both"][5])


def test_arrays_of_a_file_take_fields_too(tmp_path: Path) -> None:
    import numpy

    numpy.savez(tmp_path / "a.npz", x=numpy.arange(6.0).reshape(3, 2), y=numpy.array([7, 5, 7]))
    given = {"x": field("x", "number"), "y": field("y", "category")}
    data = prepare(Data(dataset=dataset("Npz", path="a.npz"), fields=given, target=("y",)), 0, tmp_path, CPU)
    assert (data.train.fields["y"].tolist(), data.facts.classes) == ([1, 0, 1], ("5", "7"))
    assert data.facts.fields["x"] == Field((2,), "float32")
    torch.testing.assert_close(data.train.fields["x"].mean(0), torch.zeros(2))
    plain = prepare(Data(dataset=dataset("Npz", path="a.npz"), target=("y",)), 0, tmp_path, CPU)
    assert (plain.facts.num_classes, plain.train.fields["x"].tolist()[2]) == (8, [4.0, 5.0])
    for options, words in (({}, "`data` needs `target`"), ({"target": ("z",)}, "which is no field")):
        with pytest.raises(MistakeError, match=words):
            prepare(Data(dataset=dataset("Npz", path="a.npz"), **options), 0, tmp_path, CPU)


def test_one_table_in_three_files_is_the_same_data(tmp_path: Path) -> None:
    import numpy
    import pyarrow
    from pyarrow import parquet

    columns = {"x": [1.5, 2.0, 4.0], "k": ["b", "a", "b"]}
    (tmp_path / "a.csv").write_text("x,k\n1.5,b\n2,a\n4,b\n")
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    numpy.savez(tmp_path / "a.npz", **{name: numpy.array(values) for name, values in columns.items()})
    given = {"x": field("x", "number"), "k": field("k", "category")}
    found = [
        prepare(Data(dataset=dataset(name, path=path), fields=given, target=("k",)), 0, tmp_path, CPU)
        for name, path in (("Csv", "a.csv"), ("Parquet", "a.parquet"), ("Npz", "a.npz"))
    ]
    assert len({data.digest for data in found}) == 1
    assert found[0].facts == found[1].facts == found[2].facts
    for data in found[1:]:
        assert all(torch.equal(data.train.fields[name], found[0].train.fields[name]) for name in given)
