"""A folder and files as arguments of torchrun's processes in; a run of each file in `two` out.

The last is also trained in `stopped`, where one process is asked to stop, and all go on.
"""

import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

import yamlnet
from yamlnet.diagnostics import YamlnetError
from yamlnet.resuming import resume
from yamlnet.training.observer import Silent


def stop_once(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    warnings.simplefilter("error")
    folder, *files = map(Path, sys.argv[1:])
    for file in files:
        yamlnet.train(file, runs=folder / "two")
    run = folder / "stopped" / files[-1].stem / "1"
    if os.environ["RANK"] == "1":
        threading.Thread(target=stop_once, args=[run / "metrics.jsonl"]).start()
    with pytest.raises(YamlnetError, match="terminated after step"):
        yamlnet.train(files[-1], runs=folder / "stopped")
    resume(run, [], Silent())
