"""A file and a folder of runs as arguments of torchrun's processes in; a first process that hangs out.

Nothing that another process does wakes its main thread.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yamlnet
from yamlnet.training.observer import Silent


class Hanging(Silent):
    """Takes the first record, and never returns."""

    def recorded(self, record: Mapping[str, Any]) -> None:
        while True:
            time.sleep(1)


if __name__ == "__main__":
    file, runs = map(Path, sys.argv[1:])
    yamlnet.train(file, runs=runs, observer=Hanging())
