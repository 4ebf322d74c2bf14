"""A way of training, a network and a folder of images in; the seconds of each epoch after the first, out.

Run as a script, in a process of its own. Every way trains the same network with Adam on the same images in
batches of 64, two threads, and shuffles each epoch anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

BATCH_SIZE, LR = 64, 0.001
MEAN, STD = 0.1307, 0.3081


def resident(folder: Path) -> tuple[Any, Any]:
    """The images as one uint8 tensor, and the labels."""
    from yamlnet.data.idx_folder import read_part

    part = read_part(folder / "MNIST" / "raw", "train")
    return part["image"], part["target"]


def raw(
    name: str,
    folder: Path,
    epochs: int,
    fused: bool,
    keeps: bool = False,
    ended: Callable[[], object] = lambda: None,
) -> list[float]:
    """What a person writes by hand for speed: resident bytes, one gather for each batch.

    With `keeps` it keeps the memory that its steps free, as yamlnet does. Each epoch's end is told.
    """
    import torch

    from benchmarks.networks import network

    images, labels = resident(folder)
    model = network(name).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused or None)
    loss_of = torch.nn.CrossEntropyLoss()
    times = []
    keeping = contextlib.ExitStack()
    if keeps:
        from yamlnet.training.heap import kept

        keeping.enter_context(kept())
    for _ in range(epochs):
        start = perf_counter()
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            x = images[rows].float().mul_(1 / 255).sub_(MEAN).div_(STD)
            loss = loss_of(model(x), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        times.append(perf_counter() - start)
        ended()
    return times


def folder_of_images(folder: Path) -> Any:
    """torchvision's data set, as the tutorials load it."""
    from yamlnet.catalog.vision import import_torchvision

    import_torchvision()
    from torchvision import datasets, transforms

    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))])
    return datasets.MNIST(str(folder), train=True, transform=steps)


def textbook(name: str, folder: Path, epochs: int) -> list[float]:
    """The loop of PyTorch's tutorials: DataLoader, ToTensor, Normalize."""
    import torch

    from benchmarks.networks import network

    loader = torch.utils.data.DataLoader(folder_of_images(folder), batch_size=BATCH_SIZE, shuffle=True)
    model = network(name).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    loss_of = torch.nn.CrossEntropyLoss()
    times = []
    for _ in range(epochs):
        start = perf_counter()
        for x, y in loader:
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()
        times.append(perf_counter() - start)
    return times


def lightning(name: str, folder: Path, epochs: int, documented: bool) -> list[float]:
    """Lightning: as its documentation shows it, or over tensors with everything optional turned off."""
    import torch

    from yamlnet.catalog.vision import import_torchvision

    import_torchvision()  # Lightning imports it too
    from lightning import LightningModule, Trainer

    from benchmarks.networks import network

    times: list[float] = []

    class Digits(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network(name)

        def training_step(self, batch: Any, index: int) -> Any:
            x, y = batch
            loss = torch.nn.functional.cross_entropy(self.network(x), y)
            if documented:
                self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=LR)

        def on_train_epoch_start(self) -> None:
            times.append(-perf_counter())

        def on_train_epoch_end(self) -> None:
            times[-1] += perf_counter()

    dataset = folder_of_images(folder) if documented else scaled(folder)
    optional = {} if documented else dict.fromkeys(OPTIONAL, False) | {"barebones": True}
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True)
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", default_root_dir=str(folder), **optional)
    trainer.fit(Digits(), loader)
    return times


OPTIONAL = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")


def scaled(folder: Path) -> Any:
    """A TensorDataset of normalised images."""
    import torch

    images, labels = resident(folder)
    return torch.utils.data.TensorDataset(images.float().div_(255).sub_(MEAN).div_(STD), labels)


def keras(name: str, folder: Path, epochs: int) -> list[float]:
    """Keras 3 over torch, `fit` on arrays."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    images, labels = resident(folder)
    x = images.permute(0, 2, 3, 1).float().div_(255).sub_(MEAN).div_(STD).numpy()
    layers = keras.layers
    chains = {
        "mlp": [
            layers.Flatten(),
            *(layers.Dense(256, "relu"), layers.Dense(128, "relu"), layers.Dense(10)),
        ],
        "lenet": [
            *(layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2)),
            *(layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten()),
            *(layers.Dense(120, "tanh"), layers.Dense(84, "tanh"), layers.Dense(10)),
        ],
    }
    model = keras.Sequential([layers.Input((28, 28, 1)), *chains[name]])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(LR), loss=loss, jit_compile=False)
    times: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            times.append(-perf_counter())

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            times[-1] += perf_counter()

    model.fit(x, labels.numpy(), batch_size=BATCH_SIZE, epochs=epochs, verbose=0, callbacks=[Clock()])
    return times


def ours(name: str, folder: Path, epochs: int, bare: bool = False) -> list[float]:
    """`yamlnet.train` with metrics, a checkpoint each epoch and the bar; its clock stops for none of them.

    A `bare` one has neither metrics nor the bar.
    """
    from rich.console import Console

    import yamlnet
    from benchmarks.networks import document
    from yamlnet.cli.progress import Bar
    from yamlnet.training.loop import Position

    ends: list[float] = []
    next_epoch = Position.next_epoch

    def noted(self: Position) -> None:
        ends.append(perf_counter())
        next_epoch(self)

    Position.next_epoch = noted  # type: ignore[method-assign]
    text = document(name, str(folder / "MNIST" / "raw"), epochs, BATCH_SIZE)
    if bare:
        yamlnet.train(text, runs=folder / "runs", set={"metrics": []})
    else:
        with Bar(Console(file=sys.stderr, force_terminal=True)) as bar:
            yamlnet.train(text, runs=folder / "runs", observer=bar)
    return [0.0, *(after - before for before, after in pairwise(ends))]


WAYS: dict[str, Callable[[str, Path, int], list[float]]] = {
    "yamlnet": ours,
    "yamlnet, without metrics and progress": lambda *given: ours(*given, bare=True),
    "raw loop": lambda *given: raw(*given, fused=False),
    "raw loop, fused Adam": lambda *given: raw(*given, fused=True),
    "raw loop, fused Adam (again, A/A)": lambda *given: raw(*given, fused=True),
    "raw loop, fused Adam, memory kept": lambda *given: raw(*given, fused=True, keeps=True),
    "textbook loop": textbook,
    "Lightning, as documented": lambda *given: lightning(*given, documented=True),
    "Lightning, TensorDataset, bare": lambda *given: lightning(*given, documented=False),
    "Keras 3, torch backend": keras,
}


def main() -> None:
    way, name, folder, epochs = sys.argv[1:]
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):
        times = WAYS[way](name, Path(folder), int(epochs))
    print(json.dumps(times[1:]))


if __name__ == "__main__":
    main()
