"""torchvision's labelled images: all of them are known, and read as torchvision reads them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import inspect
import struct
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from yamlnet.catalog.lookup import find
from yamlnet.catalog.vision import import_torchvision
from yamlnet.catalog.vision_sets import NOT_SETS, SETS, known_facts, labelled
from yamlnet.data.datasets import Dataset, read_dataset
from yamlnet.data.ragged import Ragged
from yamlnet.data.splits import prepare
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Data

from .calls import dataset, transform
from .idx_files import images_and_labels, write_part

REQUIRED = {"EMNIST": {"split": "letters"}, "ImageFolder": {"root": "absent"}}
"""Arguments that must be said."""


@pytest.fixture
def datasets() -> ModuleType:
    module: ModuleType = import_torchvision().datasets
    return module


def test_no_data_set_of_torchvision_is_missing_without_a_reason(datasets: ModuleType) -> None:
    left_out = {name for name in datasets.__all__ if any(fnmatchcase(name, p) for p in NOT_SETS)}
    assert set(datasets.__all__) - left_out == set(SETS)
    assert all(any(fnmatchcase(name, p) for name in datasets.__all__) for p in NOT_SETS)


@pytest.mark.parametrize("name", SETS)
def test_options_are_torchvisions(name: str, datasets: ModuleType) -> None:
    entry = find(name, "dataset")
    assert entry is not None
    declared: dict[str, inspect.Parameter] = {}
    for cls in reversed(getattr(datasets, name).__mro__[:-1]):
        declared |= inspect.signature(cls).parameters
    ours = {"root", "download"}
    for parameter in entry.parameters.values():
        assert parameter.name in declared
        if parameter.name not in ours and parameter.default is not declared[parameter.name].default:
            default = declared[parameter.name].default
            listed = list(default) if isinstance(default, tuple) else default
            assert parameter.required if default is inspect.Parameter.empty else parameter.default == listed


@pytest.mark.parametrize("name", SETS)
def test_parts_are_torchvisions_own(name: str, datasets: ModuleType, tmp_path: Path) -> None:
    """torchvision looks at its arguments first: what it says of these is that the files aren't there."""
    known, cls = labelled(dataset(name, **REQUIRED.get(name, {}))), getattr(datasets, name)
    assert known is not None
    source = inspect.getsource(cls)
    for part in known.parts.values():
        for key, value in part.items():
            accepted = inspect.signature(cls).parameters
            assert key in accepted or "kwargs" in accepted
            assert value in (True, False) or f'"{value}"' in source


def test_what_is_known_follows_from_the_arguments() -> None:
    letters = known_facts(dataset("EMNIST", split="letters"))
    digits = known_facts(dataset("EMNIST", split="digits"))
    assert letters is not None
    assert digits is not None
    assert (letters.num_classes, letters.train, letters.test) == (27, None, 1)
    assert (digits.num_classes, digits.train, digits.test) == (10, 240_000, 40_000)
    noise = known_facts(dataset("FakeData", size=8, image_size=[1, 5, 6], num_classes=3))
    assert noise is not None
    assert (noise.fields["image"].shape, noise.num_classes, noise.train) == ((1, 5, 6), 3, 8)
    flowers = known_facts(dataset("Flowers102"))
    assert flowers is not None
    assert (flowers.fields["image"].shape, flowers.fields["image"].channels) == (None, 3)
    assert flowers.validation == 1_020


def same(read: Dataset, part: str, theirs: Any, mode: str) -> None:
    """Holds a part against what torchvision's own set gives sample by sample."""
    fields = getattr(read, part)
    assert len(fields["target"]) == len(theirs)
    for index in range(len(theirs)):
        picture, target = theirs[index]
        values = np.array(picture.convert(mode))
        image = torch.from_numpy(values if mode != "L" else values[:, :, None]).permute(2, 0, 1)
        assert torch.equal(fields["image"][index], image)
        assert fields["target"][index].tolist() == target


def test_fake_data_is_torchvisions(datasets: ModuleType) -> None:
    for shape, mode in (([3, 5, 7], "RGB"), ([1, 4, 4], "L")):
        call = dataset("FakeData", size=20, image_size=shape, num_classes=4, random_offset=3)
        data = read_dataset(call, Path())
        same(data, "train", datasets.FakeData(20, tuple(shape), 4, random_offset=3), mode)
        assert data.test is None
        assert data.num_classes == 4


def test_too_many_channels_are_one_line() -> None:
    with pytest.raises(YamlnetError, match=r"can't read `FakeData`: .*channels"):
        read_dataset(dataset("FakeData", size=2, image_size=[5, 4, 4]), Path())


def write_emnist(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    for part, count in (("train", 6), ("test", 3)):
        folder = root / "EMNIST" / "raw"
        write_part(folder, f"emnist-letters-{part}", *images_and_labels(count, (28, 28)), gzipped=False)


def write_qmnist(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    folder = root / "QMNIST" / "raw"
    for part, count in (("train", 5), ("test", 4)):
        images, labels = images_and_labels(count, (28, 28))
        write_part(folder, f"qmnist-{part}", images, labels, gzipped=False)
        (folder / f"qmnist-{part}-labels-idx1-ubyte").unlink()
        wide = np.zeros((count, 8), dtype=">i4")
        wide[:, 0] = labels.numpy()
        header = b"\0\0\x0c\x02" + struct.pack(">2I", count, 8)
        (folder / f"qmnist-{part}-labels-idx2-int").write_bytes(header + wide.tobytes())


def write_usps(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    sums = {}
    for part, (address, name, _) in datasets.USPS.split_list.items():
        lines = [f"{i % 10 + 1} " + " ".join(f"{j + 1}:{i / 9 - 0.5}" for j in range(256)) for i in range(4)]
        (root / name).write_bytes(bz2.compress("\n".join(lines).encode()))
        sums[part] = [address, name, hashlib.md5((root / name).read_bytes()).hexdigest()]
    patch.setattr(datasets.USPS, "split_list", sums)


def write_stl10(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    cls = datasets.STL10
    folder = root / cls.base_folder
    folder.mkdir()
    draw, sums = np.random.default_rng(0), {}
    for part, count in (("train", 3), ("test", 2)):
        (folder / f"{part}_X.bin").write_bytes(draw.integers(0, 256, (count, 27_648), np.uint8).tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes(range(1, count + 1)))
    (folder / "class_names.txt").write_text("\n".join(f"class {i}" for i in range(10)))
    for name in (*(n for n, _ in cls.train_list), *(n for n, _ in cls.test_list)):
        if (folder / name).exists():
            sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    patch.setattr(cls, "train_list", [[n, sums[n]] for n, _ in cls.train_list if n in sums])
    patch.setattr(cls, "test_list", [[n, sums[n]] for n, _ in cls.test_list])


def write_svhn(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    """What its `.mat` files hold, without the package that reads them."""
    held = {}
    for part in ("train", "test"):
        address, name, _ = datasets.SVHN.split_list[part]
        (root / name).write_bytes(part.encode())
        patch.setitem(
            datasets.SVHN.split_list,
            part,
            [address, name, hashlib.md5(part.encode()).hexdigest()],
        )
        draw = np.random.default_rng(len(part))
        images = draw.integers(0, 256, (32, 32, 3, 4), np.uint8)
        held[name] = {"X": images, "y": np.array([[1], [10], [2], [10]], dtype=np.uint8)}
    io = ModuleType("scipy.io")
    vars(io)["loadmat"] = lambda file: held[Path(file).name]
    patch.setitem(sys.modules, "scipy", SimpleNamespace(io=io))
    patch.setitem(sys.modules, "scipy.io", io)


def write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", (64, 64), (number, 2, 3)).save(folder / f"{name}.jpg")


def write_eurosat(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        write_images(root / "eurosat" / "2750" / f"kind {number}", ["a", "b"])


def write_imagenette(root: Path, datasets: ModuleType, patch: pytest.MonkeyPatch) -> None:
    wnids = list(datasets.Imagenette._WNID_TO_CLASS)
    for part in ("train", "val"):
        for wnid in wnids:
            folder = root / "imagenette2" / part / wnid
            folder.mkdir(parents=True)
            Image.new("RGB", (5, 4), (len(part), 1, 2)).save(folder / "a.JPEG")


WRITERS: dict[str, tuple[Callable[..., None], str, dict[str, Any]]] = {
    "EMNIST": (write_emnist, "L", {"split": "letters"}),
    "QMNIST": (write_qmnist, "L", {}),
    "USPS": (write_usps, "L", {}),
    "STL10": (write_stl10, "RGB", {}),
    "SVHN": (write_svhn, "RGB", {}),
    "EuroSAT": (write_eurosat, "RGB", {}),
    "Imagenette": (write_imagenette, "RGB", {}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_are_read_as_torchvision_reads_them(
    name: str, tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, mode, arguments = WRITERS[name]
    write(tmp_path, datasets, monkeypatch)
    call = dataset(name, root=".", **arguments)
    known, data = labelled(call), read_dataset(call, tmp_path)
    assert known is not None
    for part, said in known.parts.items():
        same(data, part, getattr(datasets, name)(tmp_path, **arguments, **said), mode)
    assert {n for n in ("train", "validation", "test") if getattr(data, n) is not None} == set(known.parts)
    if known.size is not None:
        assert data.train["image"].shape[1:] == (known.channels, *known.size)
    if "target" in data.classes:
        assert len(data.classes["target"]) == known.num_classes


def test_images_of_different_sizes_need_a_resize(tmp_path: Path, datasets: ModuleType) -> None:
    write_imagenette(tmp_path, datasets, pytest.MonkeyPatch())
    Image.new("RGB", (7, 4)).save(min((tmp_path / "imagenette2" / "train").iterdir()) / "b.JPEG")
    call = dataset("Imagenette", root=".")
    images = read_dataset(call, tmp_path).train["image"]
    assert isinstance(images, Ragged)
    assert images.in_words().startswith("`image 0` is 4 x 5, `image 1` is 4 x 7")
    with pytest.raises(YamlnetError, match="the images of the train split differ in size") as caught:
        prepare(Data(dataset=call), 0, tmp_path, torch.device("cpu"))
    assert "Resize" in str(caught.value.help)
    resize = transform("Resize", size=[6, 3])
    assert read_dataset(call, tmp_path, resize).train["image"].shape == (11, 3, 6, 3)


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("FakeData", "ImageFolder")])
def test_nothing_is_downloaded_unasked(name: str, tmp_path: Path) -> None:
    with pytest.raises(YamlnetError) as caught:
        read_dataset(dataset(name, download=False, **REQUIRED.get(name, {})), tmp_path)
    assert caught.value.exit_code == 3
    assert f"`{name}`" in caught.value.message
    assert str(tmp_path) in caught.value.message or "pip install" in caught.value.message


def test_a_missing_package_is_named(
    tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(tmp_path, datasets, monkeypatch)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(YamlnetError, match="reading `SVHN` needs the package scipy") as caught:
        read_dataset(dataset("SVHN", root="."), tmp_path)
    assert caught.value.help == "`pip install scipy`"


def test_a_damaged_file_is_one_line(tmp_path: Path, datasets: ModuleType) -> None:
    write_emnist(tmp_path, datasets, pytest.MonkeyPatch())
    file = tmp_path / "EMNIST" / "raw" / "emnist-letters-train-images-idx3-ubyte"
    file.write_bytes(gzip.compress(file.read_bytes()))
    with pytest.raises(YamlnetError, match="`EMNIST`"):
        read_dataset(dataset("EMNIST", root=".", split="letters", download=False), tmp_path)
