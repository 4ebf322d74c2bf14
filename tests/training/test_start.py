"""What a training imports: its time to the first step is the user's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("torchvision", "torchmetrics", "torch._dynamo", "torch._inductor", "sympy", "rich")

PROGRAM = """
import sys
from pathlib import Path
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


def test_neither_does_any_experiment_of_plain_torch(tmp_path: object) -> None:
    """From the file to the first step, with all that `check` looks at before."""
    program = f"""
import sys, yamlnet
from pathlib import Path
files = [path for path in sorted(Path("configs").glob("*.yaml")) if "torchvision." not in path.read_text()]
assert len(files) > 6
for path in files:
    assert not yamlnet.check(path)
yamlnet.train("configs/mnist_mlp.yaml", {{"train.steps": 1, "train.epochs": None}}, {str(tmp_path)!r})
print(*(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
