"""Microseconds of a step beside its arithmetic: a network of one tiny layer, ours against a raw loop.

Both run in this process, in turn, several rounds; the best of each counts. `profile` as an argument prints
where the time of yamlnet's own step goes.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

import yamlnet

STEPS, ROUNDS, FEATURES = 4_000, 7, 4
FILE = """
data: {{dataset: {{Npz: {{path: {path}}}}}, batch_size: 1}}
model: {{Linear: 1}}
loss: MSELoss
metrics: {metrics}
optimizer: {{SGD: {{lr: 0.001}}}}
train: {{epochs: 1, checkpoint: {{every: 1000000}}}}
"""


def raw(inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Seconds of as many steps written by hand."""
    model = torch.nn.Linear(FEATURES, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, fused=True)
    loss_of = torch.nn.MSELoss()
    start = perf_counter()
    for rows in torch.randperm(STEPS).split(1):
        loss = loss_of(model(inputs[rows]), targets[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return perf_counter() - start


def ours(path: Path, metrics: str) -> float:
    """Seconds of as many steps of a training, as its own record counts them."""
    with tempfile.TemporaryDirectory() as runs:
        result = yamlnet.train(FILE.format(path=path, metrics=metrics), runs=runs)
    return STEPS / result.metrics["train.samples_per_second"]


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        x, y = torch.randn(STEPS, FEATURES), torch.randn(STEPS, 1)
        np.savez(path, x=x.numpy(), target=y.numpy())
        if "profile" in sys.argv:
            with cProfile.Profile() as profile:
                ours(path, "[]")
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            return
        ways: dict[str, Callable[[], float]] = {
            "raw loop": lambda: raw(x, y),
            "raw loop (again, A/A)": lambda: raw(x, y),
            "yamlnet": lambda: ours(path, "[]"),
            "yamlnet with two metrics": lambda: ours(path, "[MeanAbsoluteError, R2Score]"),
        }
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for name, way in ways.items():
                best[name] = min(best[name], way())
    for name, seconds in best.items():
        ratio = best["raw loop"] / seconds
        print(
            f"{name:<26} {1e6 * seconds / STEPS:7.1f} microseconds a step, {ratio:.2f} of the raw loop's rate"
        )


if __name__ == "__main__":
    main()
