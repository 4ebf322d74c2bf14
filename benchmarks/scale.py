"""Numbers of samples and widths of a network in; seconds of an epoch and peak memory, as tables, out.

    python -m benchmarks.scale      # 5,000 to 1,000,000 images, 20 thousand to 20 million weights
    python -m benchmarks.scale --samples 5000 20000 --widths 16 256 --memory "4 MB"

Images are random bytes of 28 x 28 in IDX files, held in memory or streaming under `data.memory`. A network is
trained for two epochs in a process of its own; the second epoch is timed. Memory is the highest sum, over the
process and its workers, of what each holds alone and its part of what they share (Linux's PSS).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory

import numpy

SIZE = 28
CLASSES = 10
SAMPLES = (5_000, 60_000, 250_000, 1_000_000)
WIDTHS = (24, 240, 2_000, 4_000)
EVERY_S = 0.02

FILE = """
name: scale
data: {{dataset: {{Idx: {{root: {root}}}}}, batch_size: 128, memory: {memory}}}
model: {{Sequential: [Flatten, {{Linear: {width}}}, ReLU, {{Linear: {width}}}, ReLU, {{Linear: 10}}]}}
loss: CrossEntropyLoss
optimizer: {{SGD: {{lr: 0.01, momentum: 0.9}}}}
train: {{epochs: 2, device: {device}}}
"""


@dataclass(frozen=True)
class Figures:
    """What one training took; bytes are of the whole tree of processes."""

    parameters: int
    epoch_s: float
    peak_bytes: int


def write_images(folder: Path, count: int) -> None:
    """Random images and labels, written some at a time."""
    folder.mkdir()
    draw = numpy.random.default_rng(0)
    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        file.write(pack(">HBB3I", 0, 8, 3, count, SIZE, SIZE))
        for start in range(0, count, 10_000):
            part = min(10_000, count - start)
            file.write(draw.integers(0, 256, (part, SIZE, SIZE), dtype=numpy.uint8).tobytes())
    labels = (numpy.arange(count) % CLASSES).astype(numpy.uint8)
    (folder / "train-labels-idx1-ubyte").write_bytes(pack(">HBBI", 0, 8, 1, count) + labels.tobytes())


def measure(images: Path, memory: str, width: int, device: str) -> Figures:
    """Trains once."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        text = FILE.format(root=images, memory=memory, width=width, device=device)
        (folder / "scale.yaml").write_text(text)
        command = [sys.executable, "-m", "yamlnet", "train", str(folder / "scale.yaml"), "--quiet"]
        command += ["--data-root", str(images)]
        with subprocess.Popen([*command, "--runs", name], stdout=subprocess.DEVNULL) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, sum(map(held, tree(process.pid))))
                time.sleep(EVERY_S)
        if process.returncode:
            sys.exit(f"the training of {images.name} ended with exit code {process.returncode}")
        run = folder / "scale" / "1"
        lines = (run / "metrics.jsonl").read_text().splitlines()
        epochs = [record["time_s"] for record in map(json.loads, lines) if record["split"] == "train"]
        metrics = json.loads((run / "result.json").read_text())["metrics"]
        return Figures(metrics["parameters"], epochs[-1], peak)


def tree(pid: int) -> list[int]:
    """A process and those that it has made."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(inner for child in children for inner in tree(int(child)))]


def held(pid: int) -> int:
    """What a process holds in memory, in bytes; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def by_samples(counts: Sequence[int], memory: str, folder: Path, device: str) -> None:
    """The table of numbers of samples, each held in memory and under a limit."""
    print("| images | bytes | held | epoch, s | images/s | peak memory |")
    print("| ---: | ---: | --- | ---: | ---: | ---: |")
    for count in counts:
        images = folder / str(count)
        write_images(images, count)
        size = f"{count * SIZE * SIZE / 1e6:,.0f} MB"
        for held, limit in (("all", "1 TB"), (f"at most {memory}", memory)):
            found = measure(images, limit, 128, device)
            rate = f"{count / found.epoch_s:,.0f}"
            peak = f"{found.peak_bytes / 1e6:,.0f} MB"
            print(f"| {count:,} | {size} | {held} | {found.epoch_s:.2f} | {rate} | {peak} |", flush=True)


def by_parameters(widths: Sequence[int], folder: Path, device: str) -> None:
    """The table of widths of the network, on 5,000 images."""
    images = folder / "few"
    write_images(images, 5_000)
    print("| parameters | epoch, s | peak memory |")
    print("| ---: | ---: | ---: |")
    for width in widths:
        found = measure(images, "auto", width, device)
        print(
            f"| {found.parameters:,} | {found.epoch_s:.2f} | {found.peak_bytes / 1e6:,.0f} MB |", flush=True
        )


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, nargs="*", default=SAMPLES)
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS)
    parser.add_argument("--memory", default="100 MB", help="`data.memory` where the images stream")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    with TemporaryDirectory(dir="/var/tmp") as name:
        by_samples(given.samples, given.memory, Path(name), given.device)
        print()
        by_parameters(given.widths, Path(name), given.device)


if __name__ == "__main__":
    main()
