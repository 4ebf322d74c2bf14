"""Parquet files: the same tables as CSV files give."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from yamlnet.data.parquet_table import read_parquet
from yamlnet.data.table import NotNumbersError
from yamlnet.diagnostics import YamlnetError

from .calls import dataset


@pytest.fixture
def path(tmp_path: Path) -> str:
    table = pyarrow.table({"age": [31, None], "size": [1.5, float("nan")], "city": ["Oslo", None]})
    parquet.write_table(table, tmp_path / "people.parquet")
    return str(tmp_path / "people.parquet")


def test_columns(path: str) -> None:
    table = read_parquet(dataset("Parquet", path=path))
    assert table.columns == ("age", "size", "city")
    assert table.texts("city") == ["Oslo", None]
    assert table.texts("age") == ["31", None]
    for column, first in (("age", 31.0), ("size", 1.5)):
        assert table.numbers(column)[0] == first
        assert table.numbers(column).isnan().tolist() == [False, True]
    assert (len(table), table.place(1)) == (2, "row 2")
    with pytest.raises(NotNumbersError, match="string"):
        table.numbers("city")


def test_files_that_are_no_table_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    parquet.write_table(pyarrow.table({"a": pyarrow.array([], "int64")}), tmp_path / "b.parquet")
    for name, words in (("a", "can't read"), ("b", "has no rows"), ("c", "no file")):
        with pytest.raises(YamlnetError, match=words) as caught:
            read_parquet(dataset("Parquet", path=str(tmp_path / f"{name}.parquet")))
        assert caught.value.exit_code == 3


def test_without_pyarrow(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(YamlnetError, match="needs the package pyarrow") as caught:
        read_parquet(dataset("Parquet", path=path))
    assert caught.value.help == "pip install 'yamlnet[parquet]'"
