"""A data set's call in; its images and targets, held whole, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from yamlnet.catalog.entry import Call
from yamlnet.catalog.foreign import is_target
from yamlnet.catalog.own import PATHS
from yamlnet.data.downloads import download as download_files
from yamlnet.data.downloads import missing, read_cifar
from yamlnet.data.foreign import read_foreign
from yamlnet.data.idx_folder import has_any_of_part, has_part, read_part
from yamlnet.data.image_folder import read_image_folder
from yamlnet.data.npz import read_npz
from yamlnet.data.ragged import Values
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
    """A data set as it is read: its training part, its test part and its classes' names where it has them.

    A part has the fields `image`, uint8 [samples, channels, height, width] or `Ragged`, and `target`, int64
    [samples], classes counted from 0; those of `Npz` are its arrays.
    """

    train: Mapping[str, Values]
    test: Mapping[str, Values] | None = None
    classes: tuple[str, ...] | None = None


def read_dataset(call: Call, folder: Path) -> Dataset:
    """Reads a data set, after downloading it where it must be; a relative `root` is relative to `folder`.

    Raises:
        YamlnetError: the data set isn't there, can't be downloaded, or is damaged.
    """
    if is_target(call.entry.target):
        return Dataset(read_foreign(call))
    call = absolute(call, folder)
    if call.name == "Npz":
        return Dataset(read_npz(call))
    arguments = call.with_defaults()
    if "root" in arguments:
        arguments["root"] = Path(arguments["root"])
    return READERS[call.name](**arguments)


def absolute(call: Call, folder: Path) -> Call:
    """The call with its path absolute: one of a file is relative to the file's folder."""
    arguments = call.with_defaults()
    paths = {key: str(folder / Path(arguments[key]).expanduser()) for key in PATHS if key in arguments}
    return replace(call, arguments={**call.arguments, **paths})


def _read_mnist5k() -> Dataset:
    folder = Path(__file__).parent / "mnist5k"
    return Dataset(read_part(folder, "train"), read_part(folder, "t10k"), DIGITS)


def _read_idx(root: Path) -> Dataset:
    if not root.is_dir():
        raise YamlnetError(f"no folder `{root}`", help="`root` is the folder that holds the IDX files")
    prefix = next((prefix for prefix in ("t10k", "test") if has_any_of_part(root, prefix)), None)
    return Dataset(read_part(root, "train"), read_part(root, prefix) if prefix else None)


def _read_mnist_like(name: str, classes: tuple[str, ...], root: Path, download: bool) -> Dataset:
    """A set of MNIST's form: IDX files in `root/NAME/raw`, where torchvision puts them."""
    raw = root / name / "raw"
    if not (has_part(raw, "train") and has_part(raw, "t10k")):
        otherwise = f"; its four IDX files, gzipped or not, belong in `{raw}`"
        if not download:
            raise missing(name, root, otherwise)
        download_files(name, root, otherwise)
    return Dataset(read_part(raw, "train"), read_part(raw, "t10k"), classes)


def _read_cifar(name: str, root: Path, download: bool) -> Dataset:
    return Dataset(*read_cifar(name, root, download))


def _read_image_folder(root: Path) -> Dataset:
    fields, classes = read_image_folder(root)
    return Dataset(fields, classes=classes)


READERS: Mapping[str, Callable[..., Dataset]] = {
    "MNIST5k": _read_mnist5k,
    "Idx": _read_idx,
    "ImageFolder": _read_image_folder,
    "MNIST": partial(_read_mnist_like, "MNIST", DIGITS),
    "FashionMNIST": partial(_read_mnist_like, "FashionMNIST", CLOTHES),
    "KMNIST": partial(_read_mnist_like, "KMNIST", KANA),
    "CIFAR10": partial(_read_cifar, "CIFAR10"),
    "CIFAR100": partial(_read_cifar, "CIFAR100"),
}
"""How each data set of the catalogue is read: its arguments in, by name."""
