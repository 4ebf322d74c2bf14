"""A snapshot of a training in; a folder `step-00000938` that proves itself whole, and back, out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import stored, tensors
from yamlnet.training.processes import Processes
from yamlnet.training.stored import DamagedError, damaged

EMA = "ema."
"""What the names of averaged parameters begin with in `state.safetensors`."""

LOSS = "loss."
"""What the names of the weights of a loss begin with there, and in patterns."""

WEIGHTS, TENSORS, NUMBERS = "model.safetensors", "state.safetensors", "state.json"
MANIFEST = "manifest.json"
NAME = re.compile(r"step-([0-9]{8,18})")


@dataclass(frozen=True)
class Snapshot:
    """Everything that the next step depends on.

    `weights` is the model's state dict; `tensors` and `state` are the rest: what is tensors (optimizer,
    averages, random states, running sums), and what is numbers and names.
    """

    step: int
    weights: Mapping[str, Tensor]
    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]

    @property
    def averaged_weights(self) -> dict[str, Tensor]:
        """The state dict to evaluate and predict with: the averages where there are any."""
        return self._averaged(self.weights)

    @property
    def loss_weights(self) -> dict[str, Tensor]:
        """The weights that the loss has itself, averaged likewise."""
        return self._averaged({name: t for name, t in self.tensors.items() if name.startswith(LOSS)})

    def _averaged(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self.tensors.get(EMA + name, tensor) for name, tensor in own.items()}

    def copied(self) -> Snapshot:
        """The same, its tensors in memory of their own on the CPU: training may go on meanwhile."""
        return replace(self, weights=_plain(self.weights), tensors=_plain(self.tensors))


def folder(parent: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return parent / f"step-{step:08d}"


def steps(parent: Path) -> list[int]:
    """The steps that have a checkpoint, valid or not, newest first."""
    found = (NAME.fullmatch(path.name) for path in parent.glob("step-*"))
    numbers = (int(match[1]) for match in found if match is not None)
    return sorted((step for step in numbers if folder(parent, step).exists()), reverse=True)


def write(parent: Path, snapshot: Snapshot) -> None:
    """Writes the checkpoint of a copied snapshot, all of it or nothing; it is on disk when this ends."""
    files = {
        WEIGHTS: save_tensors(dict(snapshot.weights)),
        TENSORS: save_tensors(dict(snapshot.tensors)),
        NUMBERS: disk.as_json(snapshot.state),
    }
    facts = {name: {"size": len(c), "sha256": sha256(c).hexdigest()} for name, c in files.items()}
    disk.write_folder(folder(parent, snapshot.step), {**files, MANIFEST: _manifest(snapshot.step, facts)})


def read(parent: Path, step: int, network: Mapping[str, Tensor] | None = None) -> Snapshot:
    """The snapshot of a step, every file verified by size and SHA-256.

    `network` is the state dict that the weights are for: names, shapes and dtypes are compared before
    anything is read.

    Raises:
        DamagedError: a file isn't whole; the message names it.
        YamlnetError: the weights are those of another network.
    """
    path = folder(parent, step)
    _check_files(path, step)
    held = tensors.header(path / WEIGHTS)
    tensors.header(path / TENSORS)
    wanted = held if network is None else {name: tensors.kind(t) for name, t in network.items()}
    misfit = tensors.misfit(held, wanted)
    if misfit is not None:
        raise YamlnetError(f"`{path / WEIGHTS}` is of another network: {misfit}")
    state = stored.json_object(path / NUMBERS)
    return Snapshot(step, tensors.load(path / WEIGHTS), tensors.load(path / TENSORS), state)


def of_first(processes: Processes, read: Callable[[], Snapshot]) -> Snapshot:
    """The snapshot that the first of several processes reads, in all of them."""
    if processes.count == 1:
        return read()

    def contents() -> list[bytes]:
        snapshot = read().copied()
        return [
            str(snapshot.step).encode(),
            save_tensors(dict(snapshot.weights)),
            save_tensors(dict(snapshot.tensors)),
            disk.as_json(snapshot.state),
        ]

    step, weights, tensors, state = processes.shared(contents)
    return Snapshot(int(step), load_tensors(weights), load_tensors(tensors), json.loads(state))


def best_step(parent: Path, step: int) -> int | None:
    """The best step that a checkpoint knows of; nothing where it can't be read."""
    try:
        best = stored.json_object(folder(parent, step) / NUMBERS).get("best")
    except DamagedError:
        return None
    found = best.get("step") if isinstance(best, dict) else None
    return found if type(found) is int else None


def digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of a state dict, in the order of the names."""
    total = sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        total.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU: safetensors refuses tensors that share memory, as tied weights do."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def _manifest(step: int, facts: Mapping[str, Any]) -> bytes:
    """The manifest's text, which proves itself by a digest of its own."""
    content = {"step": step, "files": facts}
    return disk.as_json({**content, "sha256": sha256(disk.as_json(content)).hexdigest()})


def _check_files(path: Path, step: int) -> None:
    """Raises DamagedError for the first file that isn't what the manifest says, or a manifest that isn't."""
    facts = stored.json_object(path / MANIFEST).get("files")
    if not isinstance(facts, dict) or facts.keys() != {WEIGHTS, TENSORS, NUMBERS}:
        raise damaged(path / MANIFEST)
    try:
        manifest = _manifest(step, facts)
    except (ValueError, RecursionError) as error:  # what is in it can be read, but not written
        raise damaged(path / MANIFEST) from error
    if stored.content(path / MANIFEST) != manifest:
        raise damaged(path / MANIFEST)
    for name, fact in facts.items():
        with stored.opened(path / name) as (_, size):
            whole = isinstance(fact, dict) and fact.get("size") == size
        if not whole or stored.digest(path / name) != fact.get("sha256"):
            raise damaged(path / name)
