"""Npz files: arrays as fields and as columns, and the words for those that can't be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from yamlnet.data.npz import read_npz, read_npz_table
from yamlnet.diagnostics import YamlnetError

from .calls import dataset


def saved(folder: Path, **arrays: Any) -> str:
    """The path of a file of these arrays."""
    path = folder / "data.npz"
    numpy.savez(path, allow_pickle=True, **{name: numpy.asarray(array) for name, array in arrays.items()})
    return str(path)


def test_arrays_are_fields_by_their_names(tmp_path: Path) -> None:
    path = saved(tmp_path, x=[[0.5, 1.0]], y=[3], flag=[True], image=numpy.zeros((1, 4, 5), numpy.uint8))
    fields = read_npz(dataset("Npz", path=path))
    assert {name: (values.dtype, list(values.shape)) for name, values in fields.items()} == {
        "x": (torch.float32, [1, 2]),
        "y": (torch.int64, [1]),
        "flag": (torch.bool, [1]),
        "image": (torch.uint8, [1, 1, 4, 5]),
    }


def test_arrays_are_chosen_and_renamed(tmp_path: Path) -> None:
    path = saved(tmp_path, x_train=[1.0, 2.0], x_test=[1.0])
    fields = read_npz(dataset("Npz", path=path, arrays={"x": "x_test"}))
    assert {name: values.tolist() for name, values in fields.items()} == {"x": [1.0]}


def test_columns(tmp_path: Path) -> None:
    table = read_npz_table(dataset("Npz", path=saved(tmp_path, x=[[1, 2]], city=["Oslo"], z=[float("nan")])))
    assert table.numbers("x").tolist() == [[1.0, 2.0]]
    assert (table.texts("city"), table.texts("z")) == (["Oslo"], [None])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "holds no arrays"),
        ({"x": [1, 2], "y": [1]}, "different lengths: `x` 2, `y` 1"),
        ({"x": []}, "holds no samples"),
        ({"x": 1}, "`x` in .* is one value"),
        ({"x": [{}]}, "holds Python objects"),
        ({"x": ["a"]}, r"`x` in `data.npz` is text in \[1\], not numbers"),
        ({"x": [[0.0], [float("nan")]]}, "isn't finite at position 1"),
        ({"image": [[[1.0]]]}, "images are uint8"),
        ({"image": numpy.zeros((2, 8, 8, 3), numpy.uint8)}, "its channels come last"),
        ({"a.b": [1]}, "can't be a field's name"),
    ],
)
def test_arrays_that_can_not_be_fields_are_refused(
    tmp_path: Path, arrays: dict[str, Any], words: str
) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        read_npz(dataset("Npz", path=saved(tmp_path, **arrays)))
    assert caught.value.exit_code == 3


def test_an_array_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(YamlnetError, match="no array `x_tran`") as caught:
        read_npz(dataset("Npz", path=saved(tmp_path, x_train=[1.0]), arrays={"x": "x_tran"}))
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(YamlnetError, match=r"a\.npz") as caught:
        read_npz(dataset("Npz", path=str(path)))
    assert caught.value.exit_code == 3
