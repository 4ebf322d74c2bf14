"""A data set's name and the path that its call says in; the links in what it would read out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from yamlnet.diagnostics import YamlnetError

INSIDE = {
    "MNIST": ("MNIST",),
    "FashionMNIST": ("FashionMNIST",),
    "KMNIST": ("KMNIST",),
    "CIFAR10": ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    "CIFAR100": ("cifar-100-python", "cifar-100-python.tar.gz"),
}
"""What of its folder a data set reads and writes, where that is known."""


def links(name: str, path: Path) -> Iterator[Path]:
    """The links below a data set's folder that could be followed; none for one that is a file.

    What is hidden is left out: no data set looks there.
    """
    starts = [path / part for part in INSIDE[name]] if name in INSIDE else [path]
    yield from (start for start in starts if start != path and start.is_symlink())
    for start in starts:
        for folder, folders, files in os.walk(start):
            folders[:] = [] if name == "Idx" else [each for each in folders if each[:1] != "."]
            for inner in (*folders, *files):
                if inner[:1] != "." and (found := Path(folder, inner)).is_symlink():
                    yield found


def refuse_inner_links(root: Path) -> None:
    """Raises YamlnetError for a link to a folder inside a class's: it could lead around for ever."""
    starts = [entry.path for entry in os.scandir(root) if entry.is_dir()] if root.is_dir() else []
    for start in starts:
        for folder, inner, _ in os.walk(start):
            for link in (Path(folder, name) for name in inner):
                if link.is_symlink():
                    raise YamlnetError(f"`{link}` is a link to a folder: inside a class none is followed")
