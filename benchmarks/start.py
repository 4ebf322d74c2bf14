"""How long yamlnet takes to start, against the imports that it can't do without.

Each command runs in a process of its own, in turn, several rounds; the best of each counts. Prints seconds
and the difference to what it is measured against, beside the goal. `first step` is the time until a training
says that its steps begin.
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


PLAIN, TORCH = "import typer, pydantic, yaml", "import torch"

CASES: dict[str, Callable[[], float]] = {
    PLAIN: lambda: whole("-c", PLAIN),
    TORCH: lambda: whole("-c", TORCH),
    "import torch (again, A/A)": lambda: whole("-c", TORCH),
    "yamlnet --help": lambda: whole("-m", "yamlnet", "--help"),
    "yamlnet schema": lambda: whole("-m", "yamlnet", "schema"),
    "yamlnet explain Conv2d": lambda: whole("-m", "yamlnet", "explain", "Conv2d"),
    "check of a naming mistake": lambda: whole("-m", "yamlnet", "check", "-", text=MISTAKE),
    "check of LeNet": lambda: whole("-m", "yamlnet", "check", str(ROOT / "configs" / "mnist_lenet.yaml")),
    "check of ResNet-50": lambda: whole("-m", "yamlnet", "check", str(ROOT / "benchmarks" / "resnet50.yaml")),
    "first step of the MLP": first_step,
}

GOALS: dict[str, Callable[[dict[str, float]], float]] = {
    "yamlnet --help": lambda best: 3 * best[PLAIN],
    "yamlnet schema": lambda best: 3 * best[PLAIN],
    "yamlnet explain Conv2d": lambda best: 3 * best[PLAIN],
    "check of a naming mistake": lambda best: 3 * best[PLAIN],
    "check of LeNet": lambda best: best[TORCH] + 0.3,
    "check of ResNet-50": lambda best: best[TORCH] + 1.0,
    "first step of the MLP": lambda best: best[TORCH] + 0.5,
}


def main() -> None:
    best = {name: float("inf") for name in CASES}
    for _ in range(ROUNDS):
        for name, run in CASES.items():
            best[name] = min(best[name], run())
    for name, seconds in best.items():
        goal = GOALS.get(name)
        wanted = "" if goal is None else f"   at most {goal(best):6.3f} s"
        print(f"{name:<30} {seconds:6.3f} s{wanted}")


if __name__ == "__main__":
    main()
