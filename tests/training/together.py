"""A folder and files as arguments of torchrun's processes in; a run of each file in `two` out.

The last is also trained in `stopped`, where one process is asked to stop, and all go on.
"""

import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import yamlnet
from yamlnet.diagnostics import YamlnetError
from yamlnet.resuming import resume
from yamlnet.training.observer import Silent


class Stopping(Silent):
    """Asks another process to stop at the first record: asked once more, it would end at once."""

    def __init__(self, pid: int) -> None:
        self._pids = [pid]

    def recorded(self, record: Mapping[str, Any]) -> None:
        if self._pids:
            os.kill(self._pids.pop(), signal.SIGTERM)


if __name__ == "__main__":
    warnings.simplefilter("error")
    folder, *files = map(Path, sys.argv[1:])
    for file in files:
        yamlnet.train(file, runs=folder / "two")
    run = folder / "stopped" / files[-1].stem / "1"
    pid = folder / "pid"
    if os.environ["RANK"] == "1":
        pid.with_suffix(".new").write_text(str(os.getpid()))
        pid.with_suffix(".new").rename(pid)
    while not pid.exists():
        time.sleep(0.01)
    with pytest.raises(YamlnetError, match="terminated after step"):
        yamlnet.train(files[-1], runs=folder / "stopped", observer=Stopping(int(pid.read_text())))
    resume(run, [], Silent())
