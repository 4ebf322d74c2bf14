"""What stays on disk, and what workers prepare, is equal to the bit to what is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.processes import children
from yamlnet.catalog.entry import Call
from yamlnet.data.batches import Batches
from yamlnet.data.digest import add
from yamlnet.data.npz import read_npz
from yamlnet.data.pictures import Form, stacked
from yamlnet.data.ragged import Ragged, Values, gathered, sample_shape
from yamlnet.data.room import Room
from yamlnet.data.spill import spilled_images
from yamlnet.data.splits import Prepared, Split, prepare
from yamlnet.data.stored import Stored
from yamlnet.data.workers import Workers
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Data, Draw

from .calls import dataset, field, transform
from .idx_files import images_and_labels, write_part

CPU = torch.device("cpu")
COUNT = 45
WORKERS = [0, 1, 2]

TRANSFORMS: dict[str, Sequence[Call]] = {
    "none": (),
    "batched": (transform("RandomCrop", size=5, padding=2), transform("RandomHorizontalFlip")),
    "once": (transform("Resize", size=[9, 8]), transform("RandomRotation", degrees=30)),
    "per image": (transform("AutoAugment"), transform("RandomErasing")),
    "all": (
        transform("Resize", size=[8, 8]),
        transform("RandomHorizontalFlip"),
        transform("TrivialAugmentWide"),
        transform("Normalize", mean=0.3, std=0.2),
        transform("RandomErasing", p=1.0),
    ),
}


def pixels(count: int, *shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=draw)


def save_pictures(folder: Path, differ: bool) -> Path:
    """A folder of images, of one size or of several."""
    for number in range(COUNT):
        height, width = (6 + number % 3, 7 + number % 2) if differ else (6, 7)
        path = folder / f"class{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = number % 4 == 0
        values = pixels(1, height, width, *(() if grey else (3,)), seed=number)[0]
        Image.fromarray(values.numpy()).save(path)
    return folder


def save_arrays(path: Path, save: Callable[..., None]) -> Path:
    draw = numpy.random.default_rng(0)
    save(
        path,
        image=pixels(COUNT, 6, 7).numpy(),
        x=draw.normal(size=(COUNT, 3, 2)),
        big=draw.normal(size=(COUNT, 4)).astype(">f4"),
        numbers=draw.integers(-5, 300, (COUNT, 2), dtype=numpy.int16),
        bytes=pixels(COUNT, 3, seed=1).numpy(),
        flags=draw.integers(0, 2, (COUNT, 3)).astype(bool),
        target=numpy.arange(COUNT) % 3,
    )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    for name, gzipped in (("idx", False), ("gzipped", True)):
        write_part(made / name, "train", *images_and_labels(COUNT, (6, 7)), gzipped)
        write_part(made / name, "t10k", *images_and_labels(10, (6, 7), seed=1), gzipped)
    save_pictures(made / "same", differ=False)
    save_pictures(made / "differ", differ=True)
    save_arrays(made / "plain.npz", numpy.savez)
    save_arrays(made / "packed.npz", numpy.savez_compressed)
    return made


SETS: dict[str, Call] = {
    "idx": dataset("Idx", root="idx"),
    "gzipped": dataset("Idx", root="gzipped"),
    "same": dataset("ImageFolder", root="same"),
    "differ": dataset("ImageFolder", root="differ"),
    "plain": dataset("Npz", path="plain.npz"),
    "packed": dataset("Npz", path="packed.npz"),
    "fake": dataset("FakeData", size=COUNT, image_size=[3, 6, 7], num_classes=3),
}


def prepared(folder: Path, name: str, memory: int | None, **options: Any) -> Prepared:
    if name == "differ":
        options.setdefault("transforms", {"train": RESIZED, "evaluation": RESIZED})
    data = Data(dataset=SETS[name], target=("target",), validation=0.2, **options)
    return prepare(data, 5, folder, CPU, memory=memory)


RESIZED = (transform("Resize", size=[6, 6]),)


def equal(one: Values, other: Values) -> bool:
    every = torch.arange(len(one))
    pairs = zip(gathered(one, every), gathered(other, every), strict=True)
    return one.dtype == other.dtype and all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("name", SETS)
def test_what_stays_on_disk_is_what_is_held(folder: Path, name: str, workers: int) -> None:
    held, streamed = (prepared(folder, name, memory, workers=workers) for memory in (None, 0))
    assert streamed.digest == held.digest
    assert streamed.facts == held.facts
    assert isinstance(streamed.train.fields["image"], Stored)
    for split in ("train", "validation", "test"):
        one, other = getattr(held, split), getattr(streamed, split)
        assert (one is None) is (other is None)
        if one is not None:
            assert [sample_shape(v) for v in one.fields.values()] == [
                sample_shape(v) for v in other.fields.values()
            ]
            assert all(equal(values, other.fields[field]) for field, values in one.fields.items())
    assert any("streams from disk" in note for note in streamed.notes)
    assert not held.notes
    streamed.workers.close()


def test_images_that_are_resized_while_they_are_read_differ_in_no_bit(folder: Path) -> None:
    for size in (4, [5, 9]):
        calls = (transform("Resize", size=size), transform("CenterCrop", size=4))
        options = {"transforms": {"train": calls, "evaluation": calls}}
        held, streamed = (prepared(folder, "differ", memory, **options) for memory in (None, 0))
        assert held.digest == streamed.digest
        assert equal(held.train.fields["image"], streamed.train.fields["image"])


def test_room_goes_to_who_comes_first(folder: Path) -> None:
    memory = COUNT * 6 * 7
    assert isinstance(prepared(folder, "idx", memory).train.fields["image"], Tensor)
    assert isinstance(prepared(folder, "idx", memory).test.fields["image"], Stored)  # type: ignore[union-attr]
    assert isinstance(prepared(folder, "idx", memory - 1).train.fields["image"], Stored)


@pytest.mark.parametrize("memory", [0, 20 * 42, COUNT * 42 + 10])
@pytest.mark.parametrize("differ", [False, True])
@pytest.mark.parametrize("colour_at", [0, 5, COUNT])
def test_pictures_that_come_one_by_one(memory: int, differ: bool, colour_at: int) -> None:
    """Grey ones are given colours as soon as one has some, wherever they are held."""

    def pictures() -> Any:
        for number in range(COUNT):
            shape = (6, 7 + differ * (number > 3)) + (3,) * (number == colour_at)
            yield f"image {number}", Image.fromarray(pixels(1, *shape, seed=number)[0].numpy())

    held = stacked(pictures(), COUNT, Form())
    found = stacked(pictures(), COUNT, Form(), Room(memory))
    assert isinstance(found, Stored) == (memory < COUNT * 42 or differ or colour_at < COUNT)
    assert sample_shape(held) == sample_shape(found)
    assert equal(held, found)
    if isinstance(held, Ragged):
        assert not isinstance(found, Tensor)
        assert found.in_words() == held.in_words()


FEW = torch.tensor([30, 1, 2, 3, 3, 44])


def test_rows_are_read_in_any_order() -> None:
    images = pixels(COUNT, 3, 4, 5)
    found = spilled_images(images).finished([""] * COUNT)
    assert torch.equal(gathered(found, FEW), images[FEW])  # type: ignore[arg-type]
    assert torch.equal(gathered(found.select(FEW), FEW[2:3]), images[FEW][2:3])  # type: ignore[arg-type]


def forms(differ: bool) -> tuple[Values, Values]:
    """The same images in memory and on disk."""
    if not differ:
        images = pixels(COUNT, 3, 6, 7)
        return images, spilled_images(images).finished([""] * COUNT)
    each = [pixels(1, 3, 6 + i % 3, 7 + i % 2, seed=i)[0] for i in range(COUNT)]
    names = [f"image {i}" for i in range(COUNT)]
    return Ragged(each, names), spilled_images(each).finished(names)


def same_batches(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(
        first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
        for first, second in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize(
    ("name", "differ"),
    [(n, d) for n, d in product(TRANSFORMS, (False, True)) if not d or n in ("once", "all")],
)
def test_batches_are_the_same_wherever_they_come_from(name: str, differ: bool, seed: int | None) -> None:
    """Streaming or not, by any number of workers, from any batch on, and of drawn samples too."""
    calls = [
        c for c in TRANSFORMS[name] if seed is not None or not c.name.startswith(("Random", "Auto", "Triv"))
    ]
    target, draw = torch.arange(COUNT) % 3, {"like": Draw(same="target"), "any": Draw()}
    splits = [Split({"image": values, "target": target}) for values in forms(differ)]
    expected = list(Batches(splits[0], 8, calls, seed, draw).epoch(2))
    for split, count in product(splits, WORKERS):
        workers = Workers(count)
        batches = Batches(split, 8, calls, seed, draw, workers=workers)
        assert same_batches(list(batches.epoch(2)), expected)
        assert same_batches(list(batches.epoch(2, 4)), expected[4:])
        assert list(batches.epoch(2, len(batches))) == []
        workers.close()


@pytest.mark.parametrize("workers", WORKERS)
def test_fields_that_are_no_images_stream_too(folder: Path, workers: int) -> None:
    held, streamed = (prepared(folder, "plain", memory, workers=workers) for memory in (None, 0))
    expected = list(Batches(held.train, 7, seed=1).epoch(1, 2))
    assert same_batches(
        list(Batches(streamed.train, 7, seed=1, workers=streamed.workers).epoch(1, 2)), expected
    )
    streamed.workers.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_epochs_may_be_left_and_go_beside_one_another(workers: int) -> None:
    images, on_disk = forms(differ=False)
    expected = Batches(Split({"image": images}), 4, TRANSFORMS["all"], 3)
    pool = Workers(workers)
    one, other = (Batches(Split({"image": on_disk}), 4, TRANSFORMS["all"], 3, workers=pool) for _ in range(2))
    begun = one.epoch(0)
    assert same_batches(list(islice(begun, 2)), list(expected.epoch(0))[:2])
    assert same_batches(list(other.epoch(1)), list(expected.epoch(1)))
    assert same_batches(list(begun), list(expected.epoch(0))[2:])
    for _ in range(3):
        next(one.epoch(2))
    assert same_batches(list(one.epoch(2)), list(expected.epoch(2)))
    pool.close()
    assert same_batches(list(one.epoch(3)), list(expected.epoch(3)))
    pool.close()


def test_a_digest_sees_every_bit(folder: Path) -> None:
    import hashlib

    images = pixels(COUNT, 3, 4, 5)
    digests = set()
    for position in (None, 0, images.numel() - 1):
        changed = images.clone()
        if position is not None:
            changed.view(-1)[position] ^= 1
        found = hashlib.sha256()
        add(found, "image", spilled_images(changed).finished([""] * COUNT), Workers(0))
        digests.add(found.hexdigest())
    assert len(digests) == 3


def test_tables_say_that_they_do_not_stream(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 100)
    fields = {"a": field("a", "number"), "b": field("b", "category")}
    data = Data(dataset=dataset("Csv", path="rows.csv"), fields=fields, target=("b",))
    with pytest.raises(
        YamlnetError, match=r"rows of `rows\.csv` take 404 B, and `data\.memory` leaves 300 B"
    ):
        prepare(data, 0, tmp_path, CPU, memory=300)
    assert prepare(data, 0, tmp_path, CPU, memory=1000).facts.train == 100


def test_an_array_that_does_not_stream_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    numpy.savez(path, x=numpy.asfortranarray(numpy.ones((5, 4))), y=numpy.arange(5))
    call = dataset("Npz", path=str(path))
    with pytest.raises(YamlnetError, match=r"`x` in .* is too large for `data\.memory`"):
        read_npz(call, Room(10))
    assert isinstance(read_npz(call, Room(1000))["x"], Tensor)


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
@pytest.mark.parametrize("place", [0, 33, 59])
def test_what_isnt_finite_is_found_on_disk_too(tmp_path: Path, save: Any, place: int) -> None:
    values = numpy.ones((20, 3))
    values.flat[place] = numpy.nan
    save(tmp_path / "data.npz", x=values)
    call = dataset("Npz", path=str(tmp_path / "data.npz"))
    messages = set()
    for memory in (None, 0):
        with pytest.raises(
            YamlnetError, match=f"`x` in `data.npz` isn't finite at position {place // 3}"
        ) as found:
            read_npz(call, Room(memory))
        messages.add(str(found.value))
    assert len(messages) == 1


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
def test_damaged_arrays_are_found_on_disk_too(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "data.npz"
    save(path, x=numpy.random.default_rng(0).normal(size=(200, 30)), y=numpy.arange(200))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    for memory in (None, 0):
        with pytest.raises(YamlnetError, match="can't read"):
            read_npz(dataset("Npz", path=str(path)), Room(memory))


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("change", [-1, 1])
def test_an_idx_file_of_another_length_is_refused_on_disk_too(
    tmp_path: Path, gzipped: bool, change: int
) -> None:
    images, labels = images_and_labels(COUNT, (6, 7))
    write_part(tmp_path / "idx", "train", images, labels)
    path = tmp_path / "idx" / "train-images-idx3-ubyte"
    content = path.read_bytes()
    content = content[:change] if change < 0 else content + b"\0"
    path.write_bytes(content)
    if gzipped:
        import gzip

        path.unlink()
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    data = Data(dataset=dataset("Idx", root="idx"))
    for memory in (None, 0):
        with pytest.raises(YamlnetError, match="is truncated" if change < 0 else "goes on after its values"):
            prepare(data, 0, tmp_path, CPU, memory=memory)


def test_a_file_that_is_cut_while_it_is_in_use_is_an_error(tmp_path: Path) -> None:
    write_part(tmp_path / "idx", "train", *images_and_labels(COUNT, (6, 7)))
    found = prepare(Data(dataset=dataset("Idx", root="idx"), workers=1), 0, tmp_path, CPU, memory=0)
    (tmp_path / "idx" / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(YamlnetError, match="it was cut while it was in use"):
        list(Batches(found.train, 8, workers=found.workers).epoch(0))
    found.workers.close()


def test_a_damaged_picture_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    folder = save_pictures(tmp_path / "set", differ=True)
    path = folder / "class1" / "004.png"
    path.write_bytes(path.read_bytes()[:-30])
    data = Data(
        dataset=dataset("ImageFolder", root="set"), transforms={"train": RESIZED, "evaluation": RESIZED}
    )
    for memory, workers in product((None, 0), (0, 2)):
        with pytest.raises(YamlnetError, match=r"can't read the image `.*004\.png`"):
            prepare(data.model_copy(update={"workers": workers}), 0, tmp_path, CPU, memory=memory)
        assert children() == []


def test_nothing_is_left_in_the_folder_of_temporary_files(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("gzipped", "packed", "fake"):
        prepared(folder, name, 0)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
