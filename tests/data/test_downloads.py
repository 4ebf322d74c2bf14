"""torchvision's data sets, through torchvision's own code and without a network."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from yamlnet.catalog import vision
from yamlnet.catalog.vision import import_torchvision
from yamlnet.data.datasets import CLOTHES, DIGITS, KANA, read_dataset
from yamlnet.diagnostics import YamlnetError

from .calls import dataset
from .idx_files import images_and_labels, write_part

UNREACHABLE = "http://127.0.0.1:9/"


@pytest.fixture
def datasets() -> ModuleType:
    module: ModuleType = import_torchvision().datasets
    return module


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_both(folder: Path, gzipped: bool) -> None:
    write_part(folder, "train", *images_and_labels(9, (28, 28)), gzipped=gzipped)
    write_part(folder, "t10k", *images_and_labels(4, (28, 28), seed=1), gzipped=gzipped)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without writing a line for each request."""

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server on this machine for `tmp_path`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as httpd:
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


@pytest.fixture
def mirror(tmp_path: Path, server: str, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which torchvision downloads a small FashionMNIST."""
    folder = tmp_path / "mirror"
    write_both(folder, gzipped=True)
    resources = [(name, md5(folder / name)) for name, _ in datasets.FashionMNIST.resources]
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [f"{server}mirror/"])
    return folder


def test_class_names_are_torchvisions(datasets: ModuleType) -> None:
    for name, classes in (("MNIST", DIGITS), ("FashionMNIST", CLOTHES), ("KMNIST", KANA)):
        assert list(classes) == getattr(datasets, name).classes


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_idx_files_that_are_there_are_read_as_torchvision_reads_them(
    tmp_path: Path, datasets: ModuleType, name: str
) -> None:
    write_both(tmp_path / name / "raw", gzipped=False)
    data = read_dataset(dataset(name, root="."), tmp_path)
    assert data.test is not None
    for part, train in ((data.train, True), (data.test, False)):
        theirs = getattr(datasets, name)(tmp_path, train=train)
        assert torch.equal(part["image"], theirs.data.unsqueeze(1))
        assert torch.equal(part["target"], theirs.targets)


def test_gzipped_files_that_are_there_need_no_network(
    tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [UNREACHABLE])
    write_both(tmp_path / "FashionMNIST" / "raw", gzipped=True)
    data = read_dataset(dataset("FashionMNIST", root="."), tmp_path)
    assert torch.equal(data.train["image"].squeeze(1), images_and_labels(9, (28, 28))[0])


@pytest.mark.usefixtures("mirror")
def test_what_is_missing_is_downloaded(tmp_path: Path) -> None:
    data = read_dataset(dataset("FashionMNIST", root="new/data"), tmp_path)
    assert torch.equal(data.train["image"].squeeze(1), images_and_labels(9, (28, 28))[0])
    assert (tmp_path / "new" / "data" / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").is_file()


def test_a_download_is_checked(tmp_path: Path, mirror: Path) -> None:
    file = mirror / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(YamlnetError, match=r"can't download `FashionMNIST` from http.*File not found or"):
        read_dataset(dataset("FashionMNIST"), tmp_path)


@pytest.mark.parametrize("name", ["FashionMNIST", "CIFAR10"])
def test_no_network_is_one_clear_line(
    tmp_path: Path, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [UNREACHABLE])
    monkeypatch.setattr(datasets.CIFAR10, "url", UNREACHABLE)
    with pytest.raises(YamlnetError) as caught:
        read_dataset(dataset(name, root="sets"), tmp_path)
    message = caught.value.message
    assert message.startswith(f"can't download `{name}` from {UNREACHABLE}")
    assert message.endswith(f" to `{tmp_path / 'sets'}`: Connection refused") == (name == "CIFAR10")
    assert "\n" not in caught.value.message
    assert caught.value.help is not None
    assert str(tmp_path / "sets") in caught.value.help
    assert ("IDX files" in caught.value.help) == (name == "FashionMNIST")


@pytest.mark.parametrize("name", ["FashionMNIST", "CIFAR10"])
def test_nothing_is_downloaded_unasked(tmp_path: Path, name: str) -> None:
    with pytest.raises(YamlnetError, match=f"`{name}` isn't in `{tmp_path / 'data'}`"):
        read_dataset(dataset(name, download=False), tmp_path)


@pytest.fixture
def cifar(
    tmp_path: Path, server: str, datasets: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray[Any, Any]:
    """The bytes [12, 3072] of a small CIFAR10, ten of them to train, that torchvision downloads."""
    values = np.random.default_rng(0).integers(0, 256, (12, 3072), dtype=np.uint8)
    batches = {f"data_batch_{i + 1}": values[2 * i : 2 * i + 2] for i in range(5)} | {
        "test_batch": values[10:]
    }
    contents = {name: pickle.dumps({"data": data, "labels": [0, 9]}) for name, data in batches.items()}
    contents["batches.meta"] = pickle.dumps({"label_names": [f"class {i}" for i in range(10)]})
    archive = tmp_path / "mirror.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    cls = datasets.CIFAR10
    monkeypatch.setattr(cls, "url", f"{server}{archive.name}")
    monkeypatch.setattr(cls, "tgz_md5", md5(archive))
    monkeypatch.setattr(
        cls, "train_list", [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)]
    )
    monkeypatch.setattr(cls, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": sums["batches.meta"]})
    return values


def test_cifar(tmp_path: Path, cifar: np.ndarray[Any, Any]) -> None:
    for _ in ("downloads", "finds it there"):
        data = read_dataset(dataset("CIFAR10", root="sets"), tmp_path)
        assert data.test is not None
        assert data.train["image"].flatten(1).tolist() == cifar[:10].tolist()
        assert data.train["image"].shape == (10, 3, 32, 32)
        assert data.train["target"].tolist() == [0, 9] * 5
        assert data.test["image"].flatten(1).tolist() == cifar[10:].tolist()
        assert data.classes == {"target": tuple(f"class {i}" for i in range(10))}
        (tmp_path / "mirror.tar.gz").unlink(missing_ok=True)


def test_a_missing_torchvision_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(YamlnetError, match="torchvision isn't installed"):
        import_torchvision()


@pytest.fixture
def no_declarations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(vision, "_declare_missing_operators", lambda: made.append("operators"))
    return made


def test_a_sound_torchvision_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, no_declarations: list[str]
) -> None:
    sound = ModuleType("torchvision")
    monkeypatch.setattr(vision, "import_module", lambda name: sound)
    assert import_torchvision() is sound
    assert no_declarations == []


@pytest.mark.parametrize(
    ("reason", "declared"),
    [("operator torchvision::nms does not exist", ["operators"]), ("CUDA versions differ\nmore", [])],
)
def test_a_torchvision_that_stays_broken_is_one_line(
    monkeypatch: pytest.MonkeyPatch, no_declarations: list[str], reason: str, declared: list[str]
) -> None:
    def fail(name: str) -> ModuleType:
        raise RuntimeError(reason)

    monkeypatch.setattr(vision, "import_module", fail)
    with pytest.raises(YamlnetError) as caught:
        import_torchvision()
    assert caught.value.message == f"torchvision can't be imported: {reason.splitlines()[0]}"
    assert no_declarations == declared
