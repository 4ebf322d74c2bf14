"""A data set's call in; its images and targets out, in memory where they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from yamlnet.catalog.entry import Call
from yamlnet.catalog.foreign import is_target
from yamlnet.catalog.own import PATHS, is_path
from yamlnet.catalog.vision import import_torchvision
from yamlnet.catalog.vision_sets import labelled
from yamlnet.data.cifar import read_cifar
from yamlnet.data.downloads import made
from yamlnet.data.foreign import read_foreign
from yamlnet.data.hub_fields import read_hub
from yamlnet.data.idx_folder import has_any_of_part, has_part, read_part
from yamlnet.data.image_folder import read_image_folder
from yamlnet.data.labelled import read_labelled
from yamlnet.data.npz import read_npz
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.data.spill import kept
from yamlnet.diagnostics import YamlnetError

DIGITS = (
    "0 - zero",
    "1 - one",
    "2 - two",
    "3 - three",
    "4 - four",
    "5 - five",
    "6 - six",
    "7 - seven",
    "8 - eight",
    "9 - nine",
)
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@dataclass(frozen=True)
class Dataset:
    """A data set as it is read: its parts, and of fields that are categories the names, where it has them.

    A part has the fields `image`, uint8 [samples, channels, height, width] or `Ragged`, and `target`, int64
    [samples], classes counted from 0; those of `Npz` are its arrays. `num_classes` is that of the only
    target, where it is known without names. `notes` say what of the data was left out. `files` are the
    training part's, where each sample has one.
    """

    train: Mapping[str, Values]
    test: Mapping[str, Values] | None = None
    validation: Mapping[str, Values] | None = None
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    num_classes: int | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None


def read_dataset(call: Call, folder: Path, resize: Call | None = None, room: Room = UNLIMITED) -> Dataset:
    """Reads a data set, after downloading it where it must be; a relative `root` is relative to `folder`.

    Images that may differ in size are resized where `resize`, a call of torchvision's `Resize`, is given.
    What `room` doesn't take stays on disk.

    Raises:
        YamlnetError: the data set isn't there, can't be downloaded, or is damaged.
    """
    if is_target(call.entry.target):
        return Dataset(read_foreign(call, room))
    call = absolute(call, folder)
    if call.name in READERS:
        return READERS[call.name](call, resize, room)
    return _read_labelled(call, resize, room)


def absolute(call: Call, folder: Path) -> Call:
    """The call with its path absolute: one of a file is relative to the file's folder."""
    found = {key: folder / Path(call.with_defaults()[key]).expanduser() for key in PATHS if _says(call, key)}
    paths = {
        key: str(path)
        for key, path in found.items()
        if is_path(call.name, key, call.with_defaults()[key], path)
    }
    return replace(call, arguments={**call.arguments, **paths})


def _says(call: Call, parameter: str) -> bool:
    return call.with_defaults().get(parameter) is not None


def _read_mnist5k(call: Call, resize: Call | None, room: Room) -> Dataset:
    folder = Path(__file__).parent / "mnist5k"
    train, test = (read_part(folder, part, room) for part in ("train", "t10k"))
    return Dataset(train, test, classes={"target": DIGITS})


def _read_idx(call: Call, resize: Call | None, room: Room) -> Dataset:
    root = Path(call.arguments["root"])
    if not root.is_dir():
        raise YamlnetError(f"no folder `{root}`", help="`root` is the folder that holds the IDX files")
    prefix = next((prefix for prefix in ("t10k", "test") if has_any_of_part(root, prefix)), None)
    return Dataset(read_part(root, "train", room), read_part(root, prefix, room) if prefix else None)


def _read_mnist_like(call: Call, resize: Call | None, room: Room) -> Dataset:
    """A set of MNIST's form: IDX files in `root/NAME/raw`, where torchvision puts them."""
    arguments = call.with_defaults()
    root = Path(arguments["root"])
    raw = root / call.name / "raw"
    if not (has_part(raw, "train") and has_part(raw, "t10k")):
        otherwise = f"; its four IDX files, gzipped or not, belong in `{raw}`"
        made(call.name, partial(_downloaded, call.name, root), root, arguments["download"], otherwise)
    return Dataset(
        read_part(raw, "train", room), read_part(raw, "t10k", room), classes={"target": CLASSES[call.name]}
    )


def _downloaded(name: str, root: Path, download: bool) -> None:
    """Has torchvision download a set of MNIST's form; its constructor would also load files of old."""
    cls = getattr(import_torchvision().datasets, name)
    data_set = cls.__new__(cls)
    data_set.root = str(root)
    if not download:
        raise FileNotFoundError(name)
    data_set.download()


def _read_cifar(call: Call, resize: Call | None, room: Room) -> Dataset:
    """CIFAR10 or CIFAR100: torchvision would unpickle its files."""
    arguments = call.with_defaults()
    train, test, names = read_cifar(call.name, Path(arguments["root"]), arguments["download"])
    return Dataset(kept(train, room), kept(test, room), classes={"target": names})


def _read_labelled(call: Call, resize: Call | None, room: Room) -> Dataset:
    parts, names = read_labelled(call, resize, room)
    known = labelled(call)
    num_classes = None if known is None else known.num_classes
    classes = {"target": names} if names else {}
    return Dataset(parts["train"], parts.get("test"), parts.get("validation"), classes, num_classes)


def _read_image_folder(call: Call, resize: Call | None, room: Room) -> Dataset:
    fields, classes, files = read_image_folder(Path(call.arguments["root"]), resize, room)
    return Dataset(fields, classes={"target": classes}, files=files)


def _read_npz(call: Call, resize: Call | None, room: Room) -> Dataset:
    return Dataset(read_npz(call, room))


def _read_hub(call: Call, resize: Call | None, room: Room) -> Dataset:
    parts, classes, notes = read_hub(call, resize, room)
    return Dataset(parts["train"], parts.get("test"), parts.get("validation"), classes, notes=notes)


CLASSES = {"MNIST": DIGITS, "FashionMNIST": CLOTHES, "KMNIST": KANA}

READERS: Mapping[str, Callable[[Call, Call | None, Room], Dataset]] = {
    "MNIST5k": _read_mnist5k,
    "Idx": _read_idx,
    "ImageFolder": _read_image_folder,
    "Npz": _read_npz,
    "HuggingFace": _read_hub,
    **dict.fromkeys(CLASSES, _read_mnist_like),
    **dict.fromkeys(("CIFAR10", "CIFAR100"), _read_cifar),
}
"""How data sets are read that torchvision doesn't read."""
