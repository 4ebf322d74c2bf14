"""A device and a seed in; what a run is made with - versions, machine, code, command line - out."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

import torch
from torch.optim import Optimizer

from yamlnet import launch
from yamlnet.training.optimise import way
from yamlnet.training.run import now
from yamlnet.training.setup import Task

PACKAGES = ("yamlnet", "numpy", "torchvision", "torchmetrics", "safetensors")
VARIABLES = ("MKL_CBWR", "ONEDNN_DEFAULT_FPMATH_MODE")
CUDA_VARIABLES = ("CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE")
ENVIRONMENT = (
    *PACKAGES,
    *("torch", "python", "cuda", "cudnn", "device", "device_name", "machine", "cpu_capability", "threads"),
    "processes",
)
"""What can change the bits of a run, beside its flags."""


def origin(device: torch.device, seed: int) -> dict[str, Any]:
    """All that can change the bits of a run, and what it takes to find its code again."""
    on_cuda = device.type == "cuda"
    return {
        **{package: _version(package) for package in PACKAGES},
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cuda": torch.version.cuda if on_cuda else None,
        "cudnn": torch.backends.cudnn.version() if on_cuda else None,  # type: ignore[no-untyped-call]
        "platform": platform.platform(),
        "machine": platform.machine(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if on_cuda else None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "processes": launch.count(),
        "flags": _flags(on_cuda),
        "seed": seed,
        "command": list(sys.argv),
        "git": _git(),
    }


def of_task(task: Task, optimizer: Optimizer) -> dict[str, Any]:
    """What a run's manifest begins with."""
    return origin(task.device, task.experiment.seed) | {
        "optimizer": {"name": type(optimizer).__name__, **way(optimizer)},
        "data_digest": task.digest,
        "data_parts": dict(task.data_parts),
        "weights_files": dict(task.weights_files),
        "fields": task.fields,
        "notes": list(task.notes),
        "started": now(),
    }


def environment(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the bits of a run depended on last: as it was started, and as resumptions changed it.

    Flags stand one by one, as `flags.NAME`.
    """
    flags = {f"flags.{name}": value for name, value in (manifest.get("flags") or {}).items()}
    found = {"processes": 1, **{key: manifest[key] for key in ENVIRONMENT if key in manifest}, **flags}
    for resumed in manifest.get("resumes", ()):
        found |= {key: new for key, (_, new) in resumed["environment"].items()}
    return found


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two environments: how it was, how it is."""
    keys = [*old, *(key for key in new if key not in old)]
    pairs = {key: (old.get(key), new.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _flags(on_cuda: bool) -> dict[str, Any]:
    """torch's settings that change numbers, and the environment's."""
    backends = cast(Any, torch.backends)
    own = {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "default_dtype": str(torch.get_default_dtype()),
        "mkldnn": backends.mkldnn.enabled,
        "matmul_precision": torch.get_float32_matmul_precision(),
    }
    if on_cuda:
        own |= {
            "cudnn": backends.cudnn.enabled,
            "matmul_tf32": backends.cuda.matmul.fp32_precision,
            "conv_tf32": backends.cudnn.conv.fp32_precision,
        }
    variables = (*VARIABLES, *CUDA_VARIABLES) if on_cuda else VARIABLES
    return own | {name: os.environ.get(name) for name in variables}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """The commit of the working directory and whether tracked files differ from it; None outside of git."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (fixed words)
    commit = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("# branch.oid")]
    if done.returncode != 0 or not commit:
        return None
    return {"commit": commit[0], "dirty": any(not line.startswith("#") for line in done.stdout.splitlines())}
