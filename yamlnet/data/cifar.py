"""CIFAR10 or CIFAR100, in the files that torchvision keeps or downloads, in; images, targets and names out.

They are pickles. Nothing is unpickled: their opcodes are read as data, and the bytes of the images, the
labels and the names are found among them by the keys that stand before.
"""

from __future__ import annotations

import pickletools
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yamlnet import disk
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.downloads import made
from yamlnet.diagnostics import YamlnetError

SHAPE = (3, 32, 32)
NUM_BYTES = 3 * 32 * 32
LABELS = {"CIFAR10": "labels", "CIFAR100": "fine_labels"}
"""The key of the labels in a file of images."""

KEYS = frozenset(
    (
        "batch_label coarse_label_names coarse_labels data filenames fine_label_names fine_labels "
        "label_names labels num_cases_per_batch num_vis"
    ).split()
)
"""What the files have keys for."""


def read_cifar(
    name: str, root: Path, download: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor], tuple[str, ...]]:
    """The training part and the test part, and the names of the classes; each file's checksum is verified.

    Raises:
        YamlnetError: it isn't there and can't or may not be downloaded.
    """
    cls = getattr(import_torchvision().datasets, name)
    made(name, partial(_there, cls, root), root, download)
    folder = root / cls.base_folder
    train, test = ([folder / file for file, _ in part] for part in (cls.train_list, cls.test_list))
    names = read_names(folder / cls.meta["filename"], cls.meta["key"])
    return read_images(name, train), read_images(name, test), names


def _there(cls: Any, root: Path, download: bool) -> None:
    """Sees that the files are as they were published, after downloading them where that is said."""
    files = import_torchvision().datasets.utils
    folder = root / cls.base_folder
    published = [*cls.train_list, *cls.test_list, (cls.meta["filename"], cls.meta["md5"])]
    if download:
        files.download_url(cls.url, str(root), cls.filename, cls.tgz_md5)
        _unpack(root / cls.filename, folder, [file for file, _ in published])
    if not all(files.check_integrity(str(folder / file), md5) for file, md5 in published):
        raise RuntimeError("its files aren't as they were published")


def _unpack(archive: Path, folder: Path, files: Iterable[str]) -> None:
    """The files of an archive's folder of the same name, and nothing else of it."""
    disk.make_folder(folder)
    with tarfile.open(archive) as opened:
        members = {member.name: member for member in opened if member.isreg()}
        for file in files:
            member = members.get(f"{folder.name}/{file}")
            content = None if member is None else opened.extractfile(member)
            if content is None:
                raise RuntimeError(f"`{archive}` has no `{file}`")
            disk.write(folder / file, content.read())


def read_images(name: str, files: Sequence[Path]) -> dict[str, Tensor]:
    """The images, uint8 [samples, 3, 32, 32], and the targets, int64 [samples], of some files after another.

    Raises:
        YamlnetError: a file can't be read, or isn't as it was published.
    """
    images, targets = [], []
    for file in files:
        values = _values(file)
        labels = [value for value in values.get(LABELS[name], []) if isinstance(value, int)]
        images.append(_pixels(file, values.get("data", []), len(labels)))
        targets.append(torch.tensor(labels))
    return {"image": torch.cat(images), "target": torch.cat(targets)}


def _pixels(file: Path, values: Sequence[int | bytes], count: int) -> Tensor:
    """The images of an array; a `True` before its bytes says that its first axis is the fastest."""
    for order, value in pairwise((False, *values)):
        if isinstance(value, bytes) and len(value) == NUM_BYTES * count > 0:
            pixels = torch.frombuffer(bytearray(value), dtype=torch.uint8)
            pixels = pixels.view(NUM_BYTES, count).T if order is True else pixels
            return pixels.reshape(count, *SHAPE)
    raise YamlnetError(f"`{file}` is damaged: its images and labels can't be found")


def read_names(file: Path, key: str) -> tuple[str, ...]:
    """The names of the classes.

    Raises:
        YamlnetError: as `read_images`.
    """
    names = [str(value, "latin-1") for value in _values(file).get(key, []) if isinstance(value, bytes)]
    if not names:
        raise YamlnetError(f"`{file}` is damaged: there are no names of classes in it")
    return tuple(names)


def _values(file: Path) -> Mapping[str, list[int | bytes]]:
    """The numbers and texts behind each key, in the order in which they stand; texts as bytes."""
    values: dict[str, list[int | bytes]] = {}
    under: list[int | bytes] = []
    try:
        for opcode, argument, _ in pickletools.genops(BytesIO(file.read_bytes())):
            if opcode.name.endswith(("PUT", "GET")) or opcode.name in ("PROTO", "FRAME", "GLOBAL"):
                continue
            value: Any = argument.encode("latin-1", "replace") if isinstance(argument, str) else argument
            key = value.decode("latin-1") if isinstance(value, bytes) and len(value) < 32 else ""
            if key in KEYS:
                under = values.setdefault(key, [])
            elif isinstance(value, int | bytes):
                under.append(value)
            elif opcode.name in ("NEWTRUE", "NEWFALSE"):
                under.append(opcode.name == "NEWTRUE")
    except OSError as error:
        raise YamlnetError(f"can't read `{file}`: {error.strerror}") from error
    except ValueError as error:
        raise YamlnetError(f"`{file}` is damaged: {error}") from error
    return values
