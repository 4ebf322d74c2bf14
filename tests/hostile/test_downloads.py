"""Downloads that aren't what they should be: archives that climb, other contents, code in them."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path
from types import ModuleType

import pytest
import torch

import yamlnet
from yamlnet.catalog.vision import import_torchvision
from yamlnet.diagnostics import YamlnetError

RESNET = {"model": {"input": [3, 64, 64], "torchvision.resnet18": {"weights": "IMAGENET1K_V1"}}}


class Runs:
    """An object whose pickle runs a command."""

    def __reduce__(self) -> object:
        return os.system, ("touch ran",)


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torchvision keeps the weights that it downloads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def kept(content: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the weights of a ResNet be this content, as if it had been published so."""
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (folder / name).write_bytes(content)
    weights = import_torchvision().models.ResNet18_Weights.IMAGENET1K_V1.value
    monkeypatch.setattr(weights, "url", f"https://download.pytorch.org/models/{name}")


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_downloaded_weights_is_not_run(
    legacy: bool, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    torch.save({"fc.weight": Runs()}, stream, _use_new_zipfile_serialization=not legacy)
    kept(stream.getvalue(), checkpoints, monkeypatch)
    for name in ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "1")
        with pytest.raises(
            YamlnetError, match=r"can't load the weights `IMAGENET1K_V1`.*Weights only load failed"
        ):
            yamlnet.build(RESNET)
        assert os.environ[name] == "1"
        assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    assert not Path("ran").exists()


def test_kept_weights_are_what_their_name_says(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    state = import_torchvision().models.resnet18().state_dict()
    torch.save(state, stream)
    kept(stream.getvalue(), checkpoints, monkeypatch)
    assert torch.equal(yamlnet.build(RESNET).state_dict()["fc.weight"], state["fc.weight"])
    (file,) = checkpoints.iterdir()
    file.write_bytes(stream.getvalue()[:-1])
    with pytest.raises(YamlnetError, match="is damaged: delete it"):
        yamlnet.build(RESNET)


# -- archives -------------------------------------------------------------------------------------


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


EVIL = {
    "up": [member("../outside")],
    "absolute": [member("/tmp/yamlnet-outside")],
    "inner-up": [member("cifar-10-batches-py/../../outside")],
    "link": [member("link", b"", type=tarfile.SYMTYPE, linkname=".."), member("link/outside")],
    "hard-link": [member("link", b"", type=tarfile.LNKTYPE, linkname="../outside")],
    "device": [member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "pipe": [member("pipe", b"", type=tarfile.FIFOTYPE)],
}


@pytest.fixture
def datasets() -> ModuleType:
    module: ModuleType = import_torchvision().datasets
    return module


@pytest.mark.parametrize("name", EVIL)
def test_archives_write_in_their_folder_alone(
    name: str, tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one whose checksum is right."""
    root = tmp_path / "here" / "data"
    root.mkdir(parents=True)
    archive = root / datasets.CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        for info, content in EVIL[name]:
            tar.addfile(info, io.BytesIO(content))
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    with pytest.raises(YamlnetError, match="can't download `CIFAR10`"):
        train(tmp_path / "here", "CIFAR10")
    names = {path.name for path in tmp_path.rglob("*")}
    assert names == {"here", "data", archive.name, "net.yaml", "cifar-10-batches-py"}
    assert not Path("/tmp/yamlnet-outside").exists()


def train(folder: Path, name: str) -> None:
    (folder / "net.yaml").write_text(
        f"data: {{dataset: {{{name}: {{root: data}}}}}}\n"
        "model: {Sequential: [Flatten, {Linear: $num_classes}]}\n"
        "loss: CrossEntropyLoss\noptimizer: AdamW\ntrain: {epochs: 1}\n"
    )
    yamlnet.train(folder / "net.yaml", runs=folder / "runs")


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
@pytest.mark.parametrize("sums", ["wrong", "right"])
def test_pickles_of_data_are_not_run(
    name: str, sums: str, tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of CIFAR are pickles: nothing in them is run, whatever their checksums say."""
    monkeypatch.chdir(tmp_path)
    cls = getattr(datasets, name)
    folder = tmp_path / "data" / cls.base_folder
    folder.mkdir(parents=True)
    content = pickle.dumps({"data": Runs(), "labels": [0], "fine_labels": [0]}, 2)
    for file, _ in (*cls.train_list, *cls.test_list, (cls.meta["filename"], "")):
        (folder / file).write_bytes(content)
    if sums == "right":
        md5 = hashlib.md5(content).hexdigest()
        for attribute in ("train_list", "test_list"):
            monkeypatch.setattr(cls, attribute, [[file, md5] for file, _ in getattr(cls, attribute)])
        monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": md5})
    monkeypatch.setattr(cls, "url", "http://127.0.0.1:9/")
    with pytest.raises(YamlnetError, match="is damaged" if sums == "right" else "can't download"):
        train(tmp_path, name)
    assert not Path("ran").exists()


def test_processed_files_of_old_are_not_read(
    tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision would load `processed/training.pt`, which it wrote long ago."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "MNIST" / "processed"
    folder.mkdir(parents=True)
    for file in ("training.pt", "test.pt"):
        torch.save((Runs(), 0), folder / file)
    opened: list[str] = []
    monkeypatch.setattr(torch, "load", lambda *_, **__: opened.append("loaded"))
    monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(YamlnetError, match="can't download `MNIST`"):
        train(tmp_path, "MNIST")
    assert opened == []
    assert not Path("ran").exists()


def test_every_download_has_an_address_and_a_checksum_of_its_own(datasets: ModuleType) -> None:
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        cls = getattr(datasets, name)
        assert all(mirror.startswith(("https://", "http://")) for mirror in cls.mirrors)
        assert all(len(md5) == 32 for _, md5 in cls.resources)
    for name in ("CIFAR10", "CIFAR100"):
        cls = getattr(datasets, name)
        assert cls.url.startswith("https://")
        assert all(len(md5) == 32 for _, md5 in (*cls.train_list, *cls.test_list))
        assert len(cls.tgz_md5) == len(cls.meta["md5"]) == 32
