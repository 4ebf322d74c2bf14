"""What a training imports: its time to the first step is the user's."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torchvision", "torchmetrics", "torch._dynamo", "torch._inductor", "sympy", "rich")

PROGRAM = """
import sys
from pathlib import Path
from tests.training.tasks import new_run, scheduler, task
from yamlnet.training import trainer
given = task(train={{"epochs": 1}}, scheduler=scheduler("OneCycleLR", max_lr=0.1))
trainer.train(given, new_run(Path({folder!r})))
print(*(name for name in {heavy!r} if name in sys.modules))
"""


def test_a_training_imports_neither_torchvision_nor_the_compiler(tmp_path: object) -> None:
    program = PROGRAM.format(folder=str(tmp_path), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
