"""From the data section to splits: shares, data sets of their own, facts and the digest."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from yamlnet.catalog.facts import Field, share
from yamlnet.catalog.vision_sets import MNIST5K
from yamlnet.data.seeds import generator
from yamlnet.data.splits import Prepared, Split, prepare
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Data

from .calls import dataset
from .idx_files import images_and_labels, write_part

CPU = torch.device("cpu")
COUNT = 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Holds `grey`, without a test part, and `both`, with one; the first pixels number the samples."""
    images, labels = images_and_labels(COUNT)
    images[:, 0, 0] = torch.arange(COUNT)
    write_part(tmp_path / "grey", "train", images, labels)
    write_part(tmp_path / "both", "train", images, labels)
    write_part(tmp_path / "both", "t10k", *images_and_labels(10, seed=1))
    return tmp_path


def prepared(folder: Path, root: str = "grey", seed: int = 0, **options: Any) -> Prepared:
    return prepare(Data(dataset=dataset("Idx", root=root), **options), seed, folder, CPU)


def numbers(split: Split | None) -> list[int]:
    """Which samples a split has."""
    assert split is not None
    first: Tensor = split.fields["image"][:, 0, 0, 0]
    return [int(value) for value in first]


@pytest.mark.parametrize(
    ("count", "part", "expected"),
    [(100, 0.1, 10), (100, 7, 7), (3, 0.01, 1), (60_000, 0.1, 6_000), (7, 0.5, 4), (1000, 0.29, 290)],
)
def test_share(count: int, part: float, expected: int) -> None:
    assert share(count, part) == expected


def test_shares_part_the_training_data(folder: Path) -> None:
    data = prepared(folder, validation=0.1, test=20)
    parts = [numbers(data.train), numbers(data.validation), numbers(data.test)]
    assert [len(part) for part in parts] == [70, 10, 20]
    assert sorted(chain(*parts)) == list(range(COUNT))
    assert all(part == sorted(part) for part in parts)
    assert (data.facts.train, data.facts.validation, data.facts.test) == (70, 10, 20)
    for split in (data.train, data.validation, data.test):
        assert split is not None
        assert split.fields["target"].tolist() == [number % 3 for number in numbers(split)]


def test_splits_follow_from_the_seed_alone(folder: Path) -> None:
    data = prepared(folder, validation=0.1, test=0.2)
    assert numbers(prepared(folder, validation=0.1, test=0.2).train) == numbers(data.train)
    assert numbers(prepared(folder, validation=0.1, batch_size=3).validation) == numbers(data.validation)
    assert numbers(prepared(folder, test=0.2).test) == numbers(data.test)
    assert numbers(prepared(folder, validation=0.1, seed=1).validation) != numbers(data.validation)


def test_without_shares_there_are_none(folder: Path) -> None:
    data = prepared(folder)
    assert data.validation is None
    assert data.test is None
    assert numbers(data.train) == list(range(COUNT))


def test_a_test_part_is_the_test_split(folder: Path) -> None:
    data = prepared(folder, "both", validation=0.5)
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (50, 10)
    assert torch.equal(data.test.fields["image"].squeeze(1), images_and_labels(10, seed=1)[0])


def test_data_sets_of_their_own(folder: Path) -> None:
    both, grey = dataset("Idx", root="both"), dataset("Idx", root="grey")
    data = prepared(folder, "grey", validation=both, test=grey)
    assert (len(data.train), data.facts.validation, data.facts.test) == (COUNT, 10, COUNT)
    assert prepared(folder, "both", test=grey).facts.test == COUNT


@pytest.mark.parametrize(
    ("root", "options", "words"),
    [
        ("both", {"test": 0.1}, "`test` asks for a share, but `Idx` has a test part of its own"),
        ("grey", {"validation": 100}, "`validation` would take 100 of 100 samples"),
        ("grey", {"validation": 0.5, "test": 60}, "`validation` and `test` would take 110 of 100 samples"),
        ("grey", {"test": 0.999}, "`test` would take 100 of 100 samples"),
    ],
)
def test_impossible_shares_are_refused(folder: Path, root: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(YamlnetError, match=words) as caught:
        prepared(folder, root, **options)
    assert caught.value.exit_code == 1


def test_data_that_do_not_go_together_are_refused(folder: Path) -> None:
    write_part(folder / "colour", "train", *images_and_labels(5, (3, 5, 4)))
    with pytest.raises(
        YamlnetError, match="images of `validation` have 3 channels, those of the training data 1"
    ):
        prepared(folder, validation=dataset("Idx", root="colour"))
    mnist5k = Data(dataset=dataset("MNIST5k"), validation=dataset("Idx", root="labels"))
    images, labels = images_and_labels(5)
    write_part(folder / "labels", "train", images, labels + 8)
    with pytest.raises(YamlnetError, match="`validation` has the label 10, but there are 10 classes"):
        prepare(mnist5k, 0, folder, CPU)


def test_other_classes_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    for place in ("one/cat", "one/dog", "two/cat", "two/eel"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / place / "a.png")
    folders = [dataset("ImageFolder", root=name) for name in ("one", "two")]
    with pytest.raises(
        YamlnetError, match=r"`test` has other classes .* `cat`, `eel` instead of `cat`, `dog`"
    ):
        prepare(Data(dataset=folders[0], test=folders[1]), 0, tmp_path, CPU)


def test_facts_of_mnist5k_are_the_catalogues() -> None:
    facts = prepare(Data(dataset=dataset("MNIST5k")), 0, Path(), CPU).facts
    fixed = MNIST5K
    assert facts.fields == fixed.fields
    assert facts.targets == fixed.targets
    assert (facts.num_classes, facts.train, facts.test) == (fixed.num_classes, fixed.train, fixed.test)


def test_facts_of_a_folder(folder: Path) -> None:
    facts = prepared(folder).facts
    assert facts.fields == {"image": Field((1, 5, 4), "float32"), "target": Field((), "int64", 3)}
    assert facts.num_classes == 3
    assert facts.classes is None


def test_the_digest_is_of_the_data_alone(folder: Path) -> None:
    digest = prepared(folder, "both").digest
    assert prepared(folder, "both", seed=1, validation=0.3).digest == digest
    assert len(digest) == 64
    for changed in ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        file = folder / "both" / changed
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert prepared(folder, "both").digest != digest
        file.write_bytes(content)
    assert prepared(folder, "both").digest == digest


def test_each_seed_and_purpose_has_numbers_of_its_own() -> None:
    purposes: list[tuple[int, *tuple[str | int, ...]]]
    purposes = [(0, "split"), (1, "split"), (2**63 - 1, "split"), (0, "shuffle", 1), (0, "shuffle", 11)]
    drawn = [int(torch.randint(2**60, (), generator=generator(*purpose))) for purpose in purposes]
    assert len(set(drawn)) == len(purposes)


def test_seeds_stay_the_same_in_later_releases() -> None:
    digest = hashlib.sha256(b"7/augment/0/3").digest()
    assert generator(7, "augment", 0, 3).initial_seed() == int.from_bytes(digest[:8], "little")


def test_mnist5k_needs_neither_torchvision_nor_pil() -> None:
    code = """
import sys, torch
from pathlib import Path
from yamlnet.data.batches import Batches
from yamlnet.data.splits import prepare
from yamlnet.language.experiment import Data
from tests.data.calls import dataset
data = prepare(Data(dataset=dataset("MNIST5k"), validation=0.1), 0, Path(), torch.device("cpu"))
next(Batches(data.train, 64, [], seed=0).epoch(0))
print(sorted({"torchvision", "PIL"} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert result.stdout == "[]\n"
