"""yamlnet's training against loops written by hand and against other tools, as ratios in one go.

Every way runs in a process of its own, in turn, for several rounds; the best epoch of each counts. After the
first round each trains as many epochs as take a given time, so that a stall of the machine hits no way more
than another. The raw loop with the fused optimizer runs twice, so that the table shows what a difference of
nothing looks like.
Lightning and Keras are needed: `make bench` installs them in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.images import write
from benchmarks.loops import WAYS
from benchmarks.networks import NAMES

ROOT = Path(__file__).parent.parent
SAMPLES = {"mlp": 20_000, "lenet": 20_000, "resnet": 2_000}
BASE = "raw loop, fused Adam"
FEW = ("yamlnet", "raw loop")
"""How the ways begin that a network is measured in which takes long."""


def best_epoch(way: str, name: str, folder: Path, epochs: int) -> float:
    """The best epoch of one process."""
    command = [sys.executable, "-m", "benchmarks.loops", way, name, str(folder), str(epochs)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        sys.exit(f"{way}, {name}:\n{process.stderr[-2000:]}")
    return float(min(json.loads(process.stdout)))


def measure(name: str, rounds: int, turn_s: float) -> dict[str, float]:
    """The best epoch of each way, in seconds."""
    ways = [way for way in WAYS if way.startswith(FEW) or name != "resnet"]
    best = dict.fromkeys(ways, float("inf"))
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary), SAMPLES[name])
        for round_ in range(rounds):
            for way in ways:
                print(f"{name}, round {round_ + 1} of {rounds}: {way}", file=sys.stderr)
                epochs = 1 + max(1, round(turn_s / best[way]))  # the first one isn't counted
                best[way] = min(best[way], best_epoch(way, name, Path(temporary), epochs))
    return best


def table(name: str, best: dict[str, float]) -> str:
    """Markdown: seconds per epoch, samples per second, and the rate in units of yamlnet's."""
    head = f"## {name}: {SAMPLES[name]:,} images of 28 x 28, batches of 64, Adam\n\n"
    head += "| way | seconds an epoch | samples/s | yamlnet is faster by |\n| --- | ---: | ---: | ---: |\n"
    rows = (
        f"| {way} | {time:.3f} | {SAMPLES[name] / time:,.0f} | {time / best['yamlnet']:.2f} |\n"
        for way, time in best.items()
    )
    return head + "".join(rows)


def machine() -> str:
    """Versions and processor, in a line."""
    packages = ("torch", "lightning", "keras")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"Python {platform.python_version()}, {versions}; {platform.machine()}, two threads."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each way in each round")
    parser.add_argument("--machine", default=platform.machine(), help="names the file of results")
    options = parser.parse_args()
    parts = [table(name, measure(name, options.rounds, options.seconds)) for name in options.networks]
    text = f"# Seconds of an epoch, {date.today()}\n\n{machine()} The best of {options.rounds} rounds.\n\n"
    text += "\n".join(parts)
    print(text)
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / f"{date.today()}-{options.machine}.md").write_text(text)


if __name__ == "__main__":
    main()
