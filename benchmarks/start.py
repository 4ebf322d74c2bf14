"""How long yamlnet takes to start, against the imports that it can't do without.

Each command runs in a process of its own, in turn, several rounds; the best of each counts. Prints seconds
and differences. `first step` is the time until a training says that its steps begin.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

ROUNDS = 7
ROOT = Path(__file__).parent.parent
CONFIG = str(ROOT / "configs" / "mnist_mlp.yaml")
MISTAKE = "model: {input: [4], Linaer: 2}\n"


def whole(*arguments: str, text: str | None = None) -> float:
    """The wall time of a Python process."""
    start = perf_counter()
    subprocess.run([sys.executable, *arguments], input=text, text=True, capture_output=True, check=False)
    return perf_counter() - start


def first_step() -> float:
    """From the start of `yamlnet train` to the line that announces its steps."""
    with tempfile.TemporaryDirectory() as runs:
        start = perf_counter()
        command = [sys.executable, "-m", "yamlnet", "train", CONFIG, "--runs", runs, "--set", "train.steps=1"]
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if " steps" in line:
                    elapsed = perf_counter() - start
                    break
            process.communicate()
    return elapsed


CASES: dict[str, Callable[[], float]] = {
    "python -c pass": lambda: whole("-c", "pass"),
    "import typer, pydantic, yaml": lambda: whole("-c", "import typer, pydantic, yaml"),
    "import torch": lambda: whole("-c", "import torch"),
    "import torch (again, A/A)": lambda: whole("-c", "import torch"),
    "yamlnet --help": lambda: whole("-m", "yamlnet", "--help"),
    "check of a naming mistake": lambda: whole("-m", "yamlnet", "check", "-", text=MISTAKE),
    "check of LeNet": lambda: whole("-m", "yamlnet", "check", str(ROOT / "configs" / "mnist_lenet.yaml")),
    "first step of the MLP": first_step,
}


def main() -> None:
    best = {name: float("inf") for name in CASES}
    for _ in range(ROUNDS):
        for name, run in CASES.items():
            best[name] = min(best[name], run())
    for name, seconds in best.items():
        print(f"{name:<30} {seconds:6.3f} s   import torch {seconds - best['import torch']:+.3f} s")


if __name__ == "__main__":
    main()
