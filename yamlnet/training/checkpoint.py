"""A snapshot of a training in; a folder `step-00000938` that proves itself whole, and back, out."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.durable import as_json, sync_folder, write_synced, writing

Facts = Mapping[str, Any]
"""The `size` and `sha256` of a file."""

EMA = "ema."
"""What the names of averaged parameters begin with in `state.safetensors`."""


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
        averages = {name.removeprefix(EMA): t for name, t in self.tensors.items() if name.startswith(EMA)}
        return {**self.weights, **averages}


class DamagedError(YamlnetError):
    """A file of a checkpoint isn't what was written."""


def folder(parent: Path, step: int) -> Path:
    """Where the checkpoint of a step is."""
    return parent / f"step-{step:08d}"


def steps(parent: Path) -> list[int]:
    """The steps that have a checkpoint, valid or not, newest first."""
    return sorted((int(path.name.removeprefix("step-")) for path in parent.glob("step-*")), reverse=True)


def write(parent: Path, snapshot: Snapshot) -> None:
    """Writes the checkpoint in a hidden folder and renames it when all of it is on disk."""
    files = {
        "model.safetensors": save_tensors(_plain(snapshot.weights)),
        "state.safetensors": save_tensors(_plain(snapshot.tensors)),
        "state.json": as_json(snapshot.state),
    }
    facts = {name: {"size": len(c), "sha256": sha256(c).hexdigest()} for name, c in files.items()}
    files["manifest.json"] = _manifest(snapshot.step, facts)
    final = folder(parent, snapshot.step)
    hidden = parent / f".{final.name}.partial"
    with writing(final):
        try:
            remove(hidden)
            hidden.mkdir(parents=True)
            for name, content in files.items():
                write_synced(hidden / name, content)
            sync_folder(hidden)
            remove(final)
            os.replace(hidden, final)
            sync_folder(parent)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


def read(parent: Path, step: int) -> Snapshot:
    """The snapshot of a step, every file verified by size and SHA-256.

    Raises:
        DamagedError: a file isn't whole; the message names it.
    """
    path = folder(parent, step)
    facts = _facts(path / "manifest.json", step)
    content = {name: _verified(path / name, facts[name]) for name in facts}
    return Snapshot(
        step,
        load_tensors(content["model.safetensors"]),
        load_tensors(content["state.safetensors"]),
        json.loads(content["state.json"]),
    )


def read_state(parent: Path, step: int) -> Mapping[str, Any]:
    """The numbers of a checkpoint alone, unverified; nothing where they can't be read."""
    try:
        state: Mapping[str, Any] = json.loads((folder(parent, step) / "state.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return state


def remove(path: Path) -> None:
    """Deletes a folder with all that is in it, where there is one."""
    if path.exists():
        shutil.rmtree(path)


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


def _manifest(step: int, facts: Mapping[str, Facts]) -> bytes:
    """The manifest's text, which proves itself by a digest of its own."""
    content = {"step": step, "files": facts}
    return as_json({**content, "sha256": sha256(as_json(content)).hexdigest()})


def _facts(path: Path, step: int) -> Mapping[str, Facts]:
    """Size and SHA-256 of each file, as the manifest has them."""
    content = _content(path)
    try:
        facts: Mapping[str, Facts] = json.loads(content)["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"`{path}` is damaged: it isn't what was written") from error
    if content != _manifest(step, facts):
        raise DamagedError(f"`{path}` is damaged: it isn't what was written")
    return facts


def _verified(path: Path, facts: Facts) -> bytes:
    content = _content(path)
    if len(content) != facts["size"] or sha256(content).hexdigest() != facts["sha256"]:
        raise DamagedError(f"`{path}` is damaged: it isn't what was written")
    return content


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedError(f"can't read `{path}`: {error.strerror}") from error
