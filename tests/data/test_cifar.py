"""The files of CIFAR, read without unpickling them: as Python 2 wrote them, and as Python 3 would."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yamlnet.data.cifar import read_images, read_names
from yamlnet.diagnostics import YamlnetError

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 3072), dtype=np.uint8)


def text(value: str) -> bytes:
    return b"U" + bytes([len(value)]) + value.encode() + b"q\x01"


def of_python_2(labels: str) -> bytes:
    """What `cPickle` of Python 2 writes of a batch; texts are byte strings there."""
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03"
    array += b"K\x00\x85q\x04U\x01bq\x05\x87Rq\x06"
    array += (
        b"(K\x01K\x03M\x00\x0c\x86cnumpy\ndtype\nq\x07U\x02u1K\x00K\x01\x87Rq\x08(K\x03U\x01|NNNJ"
        + b"\xff" * 4
    )
    array += b"J\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<I", PIXELS.size) + PIXELS.tobytes() + b"tb"
    return (
        b"\x80\x02}q\x01("
        + (text("batch_label") + text("training batch 1 of 5"))
        + (text(labels) + b"]q\x05(K\x06K\x09K\x00e")
        + (text("data") + array)
        + (text("filenames") + b"]q\x09(" + text("labels_s_000123.png") + text("truck_s_1.png") + b"e")
        + b"u."
    )


def files(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def batch(protocol: int, **values: Any) -> bytes:
    return pickle.dumps({"labels": [6, 9, 0], "data": PIXELS, **values}, protocol)


CONTENTS = {
    "python-2": of_python_2("labels"),
    **{f"protocol-{number}": batch(number) for number in (2, 3, 4)},
    "fortran": batch(4, data=np.asfortranarray(PIXELS)),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_batches_are_read_as_unpickling_would(name: str, tmp_path: Path) -> None:
    found = read_images("CIFAR10", files(tmp_path, CONTENTS[name], CONTENTS[name]))
    assert found["target"].tolist() == [6, 9, 0] * 2
    assert (found["image"].flatten(1).numpy() == np.concatenate([PIXELS, PIXELS])).all()
    assert found["image"].shape == (6, 3, 32, 32)


def test_fine_labels_are_those_of_cifar100(tmp_path: Path) -> None:
    found = read_images("CIFAR100", files(tmp_path, of_python_2("fine_labels")))
    assert found["target"].tolist() == [6, 9, 0]
    content = batch(2, coarse_labels=[1, 2, 3], fine_labels=[4, 5, 6])
    assert read_images("CIFAR100", files(tmp_path, content))["target"].tolist() == [4, 5, 6]


def test_names(tmp_path: Path) -> None:
    content = b"\x80\x02}q\x01(" + text("num_cases_per_batch") + b"M\x10'" + text("label_names") + b"]q\x02("
    content += text("airplane") + text("deer") + b"e" + text("num_vis") + b"M\x00\x0cu."
    contents = content, pickle.dumps({"num_vis": 3072, "label_names": ["airplane", "deer"]})
    for file in files(tmp_path, *contents):
        assert read_names(file, "label_names") == ("airplane", "deer")


@pytest.mark.parametrize(
    "content", [b"", b"text", pickle.dumps(3), of_python_2("labels")[:-4000], batch(4, labels=[])]
)
def test_damage_is_named(content: bytes, tmp_path: Path) -> None:
    (file,) = files(tmp_path, content)
    with pytest.raises(YamlnetError, match=f"`{file}` is damaged"):
        read_images("CIFAR10", [file])
    with pytest.raises(YamlnetError, match=f"`{file}` is damaged"):
        read_names(file, "label_names")
    with pytest.raises(YamlnetError, match="can't read"):
        read_names(tmp_path, "label_names")
