"""A network or a task, and the processes that train it, in; the same, fit to be trained by them, out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from yamlnet.diagnostics import YamlnetError
from yamlnet.training.processes import Processes
from yamlnet.training.setup import Task


def divisible(network: nn.Module, processes: Processes, device: torch.device) -> nn.Module:
    """The network whose batch normalisations are those of the whole batch, where CUDA can do that."""
    if processes.count == 1 or device.type != "cuda":
        return network
    made: nn.Module = cast(Any, nn.SyncBatchNorm).convert_sync_batchnorm(network)
    return made


def noted(task: Task, processes: Processes) -> Task:
    """The task with what there is to say of its division."""
    if processes.count == 1:
        return task
    notes = [f"{processes.count} processes train together, each on its share of every batch"]
    normal = [
        name
        for name, module in task.model.named_modules()
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
    ]
    if normal:
        more = f" and {len(normal) - 1} more" if len(normal) > 1 else ""
        notes.append(
            f"`{normal[0]}`{more} normalises each process's share of a batch by itself: "
            "other gradients than one process's (on CUDA the whole batch is normalised)"
        )
    return replace(task, notes=(*task.notes, *notes))


def refuse_other_data(digests: Sequence[str | None]) -> None:
    """Raises YamlnetError where the processes don't all read the same; theirs are given by rank."""
    for rank, digest in enumerate(digests):
        if digest != digests[0]:
            raise YamlnetError(
                f"process {rank} reads other data than process 0: their digests are "
                f"{str(digest)[:12]}... and {str(digests[0])[:12]}..."
            )
