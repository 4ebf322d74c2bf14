"""`texts` or `shapes` in, as an argument; what is told of each of these files out, as lines of JSON."""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import yamlnet
from tests.hostile.bombs import BOMBS
from tests.hostile.texts import SHAPES, TEXTS, Case

HANG_S = 20
"""Processor time after which a file is taken to hang; the machine may be slow."""

MEMORY = 16 * 10**9
"""Bytes of the machine on which a file is checked."""

ADDRESSES = 500 * 2**20
"""Bytes that the process may have where it needs no torch."""


def write(value: object) -> None:
    """A line of JSON, at once: a file after it may end the process."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def judged(cases: Mapping[str, Case], folder: str) -> None:
    """Checks each of the files."""
    file = Path(folder) / "net.yaml"
    for name, (content, _) in cases.items():
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        signal.setitimer(signal.ITIMER_PROF, HANG_S)
        found = yamlnet.check(file)
        signal.setitimer(signal.ITIMER_PROF, 0)
        large = [diagnostic.message for diagnostic in found if diagnostic.code == "too-large"]
        write([name, sorted({diagnostic.code for diagnostic in found}), "torch" in sys.modules, large])


def peak() -> float:
    """MiB that the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    with TemporaryDirectory() as folder:
        if sys.argv[1] == "texts":
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
            judged({**TEXTS, **BOMBS}, folder)
            return
        import torch

        from yamlnet.network import memory

        memory.machine = lambda: MEMORY
        torch.cuda.is_available = lambda: False
        yamlnet.check("model: {input: [4], Linear: 2}\n")
        before = peak()
        judged(SHAPES, folder)
        write(peak() - before)


if __name__ == "__main__":
    main()
