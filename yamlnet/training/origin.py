"""A device and a seed in; what a run is made with - versions, machine, code, command line - out."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch


def origin(device: torch.device, seed: int) -> dict[str, Any]:
    """All that can change the bits of a run, and what it takes to find its code again."""
    return {
        "yamlnet": _version("yamlnet"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "seed": seed,
        "command": list(sys.argv),
        "git": _git(),
    }


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
