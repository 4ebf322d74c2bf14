"""The name of a data set that torchvision can download in; its files in a folder, or its tensors, out."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from tarfile import TarError
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError


def download(name: str, root: Path, otherwise: str = "") -> None:
    """Lets torchvision download a data set to `root`, unless it is there, and check its checksums.

    `otherwise` tells how the files can get there without a network.

    Raises:
        YamlnetError: it can't be downloaded, or what was downloaded is damaged.
    """
    data_set = getattr(import_torchvision().datasets, name)
    try:
        data_set(root, download=True)
    except (RuntimeError, OSError, HTTPException, TarError, EOFError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise YamlnetError(
            f"can't download `{name}` to `{root}`: {lines[-1].strip()}",
            help=f"once it is in `{root}`, no network is needed{otherwise}",
        ) from error


def missing(name: str, root: Path, otherwise: str = "") -> YamlnetError:
    """The error for a data set that isn't there and may not be downloaded."""
    return YamlnetError(
        f"`{name}` isn't in `{root}`, or not all of it", help=f"`download: true` downloads it{otherwise}"
    )


def read_cifar(
    name: str, root: Path, download_missing: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor], tuple[str, ...]]:
    """CIFAR10 or CIFAR100, checked and unpacked by torchvision.

    Returns:
        The training part and the test part, each with `image`, uint8 [samples, 3, height, width], and
        `target`, int64 [samples]; and the classes' names.

    Raises:
        YamlnetError: it isn't there and can't or may not be downloaded.
    """
    data_set = getattr(import_torchvision().datasets, name)
    try:
        train = data_set(root, train=True)
    except RuntimeError as error:
        if not download_missing:
            raise missing(name, root) from error
        download(name, root)
        train = data_set(root, train=True)
    test = data_set(root, train=False)
    return _fields(train), _fields(test), tuple(train.classes)


def _fields(data_set: Any) -> dict[str, Tensor]:
    """From torchvision's uint8 [samples, height, width, channels]."""
    images = torch.from_numpy(data_set.data).permute(0, 3, 1, 2).contiguous()
    return {"image": images, "target": torch.tensor(data_set.targets)}
