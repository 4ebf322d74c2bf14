"""Data sets that are read from this machine's disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from yamlnet.catalog.lookup import names
from yamlnet.catalog.own import WITH_FIELDS
from yamlnet.catalog.vision_sets import SETS
from yamlnet.data.columns import TABLES
from yamlnet.data.datasets import READERS, read_dataset
from yamlnet.data.ragged import Ragged
from yamlnet.diagnostics import YamlnetError

from .calls import dataset
from .idx_files import idx_bytes, images_and_labels, write_part


def test_every_data_set_of_the_catalogue_can_be_read() -> None:
    assert {*READERS, *TABLES, *SETS} == set(names("dataset"))
    assert set(TABLES) == set(WITH_FIELDS)


def test_mnist5k_is_whole() -> None:
    data = read_dataset(dataset("MNIST5k"), Path())
    assert data.test is not None
    for part, count in ((data.train, 4000), (data.test, 1000)):
        assert part["image"].shape == (count, 1, 28, 28)
        assert part["image"].dtype == torch.uint8
        assert part["target"].dtype == torch.int64
        assert part["target"].unique().tolist() == list(range(10))
    assert 0.1 < data.train["image"].double().mean() / 255 < 0.16


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("prefix", ["t10k", "test"])
def test_idx_folder(tmp_path: Path, gzipped: bool, prefix: str) -> None:
    train, test = images_and_labels(7), images_and_labels(3, seed=1)
    write_part(tmp_path / "mine", "train", *train, gzipped=gzipped)
    write_part(tmp_path / "mine", prefix, *test, gzipped=gzipped)
    data = read_dataset(dataset("Idx", root="mine"), tmp_path)
    assert data.test is not None
    for part, (images, labels) in ((data.train, train), (data.test, test)):
        assert torch.equal(part["image"], images.unsqueeze(1))
        assert torch.equal(part["target"], labels.long())


def test_idx_folder_without_a_test_part(tmp_path: Path) -> None:
    images, labels = images_and_labels(7, (3, 5, 4))
    write_part(tmp_path, "train", images, labels)
    data = read_dataset(dataset("Idx", root=str(tmp_path)), Path("elsewhere"))
    assert data.test is None
    assert torch.equal(data.train["image"], images)


IMAGES, LABELS = images_and_labels(6)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (IMAGES, LABELS[:5], "6 images, but 5 labels"),
        (IMAGES.flatten(1), LABELS, "holds no images"),
        (IMAGES, LABELS.view(6, 1), "holds no labels"),
    ],
)
def test_idx_files_that_do_not_fit_are_refused(
    tmp_path: Path, images: Tensor, labels: Tensor, words: str
) -> None:
    write_part(tmp_path, "train", images, labels)
    with pytest.raises(YamlnetError, match=words):
        read_dataset(dataset("Idx", root=str(tmp_path)), Path())


@pytest.mark.parametrize(
    ("code", "values", "words"), [(0x09, b"\xff\0\0\0\0\0", "the label -1"), (0x0D, bytes(24), "no labels")]
)
def test_labels_are_classes(tmp_path: Path, code: int, values: bytes, words: str) -> None:
    write_part(tmp_path, "train", IMAGES, LABELS)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes((6,), values, code))
    with pytest.raises(YamlnetError, match=words):
        read_dataset(dataset("Idx", root=str(tmp_path)), Path())


def test_missing_idx_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(YamlnetError, match=f"no folder `{tmp_path / 'absent'}`"):
        read_dataset(dataset("Idx", root="absent"), tmp_path)
    with pytest.raises(YamlnetError, match=r"no `train-images-idx3-ubyte` or `train-images-idx3-ubyte\.gz`"):
        read_dataset(dataset("Idx", root="."), tmp_path)
    write_part(tmp_path, "train", IMAGES, LABELS)
    write_part(tmp_path, "t10k", IMAGES, LABELS)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(YamlnetError, match="no `t10k-labels-idx1-ubyte`"):
        read_dataset(dataset("Idx", root="."), tmp_path)


def save_image(path: Path, mode: str, size: tuple[int, int], colour: int | tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def test_image_folder(tmp_path: Path) -> None:
    save_image(tmp_path / "set" / "dog" / "a.png", "L", (4, 3), 7)
    save_image(tmp_path / "set" / "cat" / "b.png", "RGB", (4, 3), (1, 2, 3))
    save_image(tmp_path / "set" / "cat" / "a.png", "RGB", (4, 3), (4, 5, 6))
    data = read_dataset(dataset("ImageFolder", root="set"), tmp_path)
    assert data.classes == {"target": ("cat", "dog")}
    assert data.test is None
    assert data.train["target"].tolist() == [0, 0, 1]
    assert data.train["image"].shape == (3, 3, 3, 4)
    assert data.train["image"].dtype == torch.uint8
    assert data.train["image"][:, :, 0, 0].tolist() == [[4, 5, 6], [1, 2, 3], [7, 7, 7]]


def test_images_keep_rows_and_columns(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    values = torch.arange(24, dtype=torch.uint8).view(2, 4, 3)
    Image.frombytes("RGB", (4, 2), bytes(values.flatten().tolist())).save(tmp_path / "only" / "a.png")
    image = read_dataset(dataset("ImageFolder", root="."), tmp_path).train["image"][0]
    assert torch.equal(image, values.permute(2, 0, 1))


def test_images_of_different_sizes_stay_as_they_are(tmp_path: Path) -> None:
    save_image(tmp_path / "cat" / "a.png", "L", (4, 3), 7)
    save_image(tmp_path / "cat" / "b.png", "L", (5, 3), 9)
    images = read_dataset(dataset("ImageFolder", root="."), tmp_path).train["image"]
    assert isinstance(images, Ragged)
    assert [tuple(image.shape) for image in images] == [(3, 3, 4), (3, 3, 5)]
    assert [int(image[0, 0, 0]) for image in images] == [7, 9]
    assert "a.png` is 3 x 4, " in images.in_words()
    assert "b.png` is 3 x 5 " in images.in_words()


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    save_image(tmp_path / "cat" / "a.png", "L", (40, 30), 7)
    content = (tmp_path / "cat" / "a.png").read_bytes()
    for length in (0, 10, 30, len(content) // 2):
        (tmp_path / "cat" / "b.png").write_bytes(content[:length])
        with pytest.raises(YamlnetError, match=r"can't read the image `.*b\.png`"):
            read_dataset(dataset("ImageFolder", root="."), tmp_path)


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    for root in ("absent", "."):
        with pytest.raises(YamlnetError, match="no images in"):
            read_dataset(dataset("ImageFolder", root=root), tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(YamlnetError, match="no images in"):
        read_dataset(dataset("ImageFolder", root="."), tmp_path)
