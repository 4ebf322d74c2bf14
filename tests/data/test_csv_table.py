"""CSV files: what is read of them, and the words for those that can't be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from yamlnet.data.csv_table import CsvTable, read_csv
from yamlnet.data.table import NotNumbersError
from yamlnet.diagnostics import YamlnetError

from .calls import dataset


def table(folder: Path, content: str | bytes, **arguments: Any) -> CsvTable:
    """A table read from a file of this content."""
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(dataset("Csv", path=str(path), **arguments))


def test_cells_are_texts_without_blanks_around_them(tmp_path: Path) -> None:
    found = table(tmp_path, 'age ,name\n 31 , "Doe, J."\r\n\nNA,Roe \n')
    assert found.columns == ("age", "name")
    assert found.texts("name") == ["Doe, J.", "Roe"]
    assert found.texts("age") == ["31", None]
    assert [found.place(row) for row in range(len(found))] == ["line 2", "line 4"]


def test_a_cell_may_run_over_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'name,age\n"a\nb",1\nc,2\n')
    assert found.texts("name") == ["a\nb", "c"]
    assert [found.place(row) for row in range(2)] == ["line 2", "line 4"]


def test_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, "a\n1\n-2.5\n1e3\nNA\n").numbers("a")
    assert found.tolist()[:3] == [1.0, -2.5, 1000.0]
    assert found.isnan().tolist() == [False, False, False, True]


def test_what_is_no_number_is_told_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(NotNumbersError) as caught:
        table(tmp_path, "a\n1\nNA\n3,5\n".replace("3,5", '"3,5"')).numbers("a")
    assert (caught.value.found, caught.value.row) == ("3,5", 2)


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (b"a;b\n1;x\xe9\n", {"delimiter": ";", "encoding": "latin-1"}),
        ("a\tb\n1\txé\n".encode("utf-16"), {"delimiter": "\t", "encoding": "utf-16"}),
        ("\ufeffa,b\n1,xé\n".encode(), {}),
        ("1,xé\n".encode(), {"columns": ["a", "b"]}),
        ("a,b\n1,xé".encode(), {}),
    ],
)
def test_ways_to_write_one_table(tmp_path: Path, content: bytes, arguments: dict[str, Any]) -> None:
    found = table(tmp_path, content, **arguments)
    assert (found.columns, found.texts("a"), found.texts("b")) == (("a", "b"), ["1"], ["xé"])


def test_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a\n1\n"))
    assert read_csv(dataset("Csv", path=str(path))).texts("a") == ["1"]
    path.write_bytes(gzip.compress(b"a\n1\n" * 100)[:-9])
    with pytest.raises(YamlnetError, match="can't read"):
        read_csv(dataset("Csv", path=str(path)))


def test_what_counts_as_missing_can_be_said(tmp_path: Path) -> None:
    assert table(tmp_path, "a\nNA\n-\n", na_values=["-"]).texts("a") == ["NA", None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no rows"),
        ("a,b\n", "has no rows"),
        ("a,b\n1,2\n1,2,3\n", "line 3, has 3 cells, but the table has 2 columns"),
        ("a,b\n1\n", "line 2, has 1 cell, but the table has 2 columns"),
        ("a,b,a\n1,2,3\n", "two columns of .* are named `a`"),
        (b"a\nx\xe9\n", "isn't written in utf-8"),
        ('a\n"x\n', "isn't a CSV file"),
    ],
)
def test_files_that_are_no_table_are_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        table(tmp_path, content)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"delimiter": ";;"}, "one character, not `;;`"), ({"encoding": "utf-9"}, "unknown encoding `utf-9`")],
)
def test_arguments_that_make_no_sense_are_mistakes(
    tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        table(tmp_path, "a\n1\n", **arguments)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("path", ["none.csv", "."])
def test_no_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(YamlnetError) as caught:
        read_csv(dataset("Csv", path=str(tmp_path / path)))
    assert caught.value.exit_code == 3


def test_another_delimiter_is_guessed_for_the_message(tmp_path: Path) -> None:
    assert 'delimiter: ";"' in str(table(tmp_path, "a;b\n1;2\n").hint)
    assert 'delimiter: "\\t"' in str(table(tmp_path, "a\tb\n1\t2\n").hint)
    assert table(tmp_path, "a\n1\n").hint is None
