"""A package of one's own in the working directory, for the tests of `--allow`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = {
    "__init__.py": """
        import os
        from pathlib import Path

        Path("imported").touch()
        WIDTH = 8
        """,
    "layers.py": """
        import torch
        from torch import nn
        from torch.nn import Linear


        class Gate(nn.Module):
            \"\"\"A gated linear layer. More of it.\"\"\"

            def __init__(
                self, in_features: int, width: int = 4, act: type[nn.Module] = nn.Sigmoid, scale=1.0
            ):
                super().__init__()
                self.linear = Linear(in_features, width)
                self.act = act()
                self.scale = scale
                self.register_buffer("shift", torch.arange(width) / width)

            def forward(self, x, mask=None):
                value = self.act(self.linear(x)) * self.scale + self.shift
                return value if mask is None else value * mask


        class Wrap(nn.Module):
            def __init__(self, inner: nn.Module, **options):
                super().__init__()
                self.inner = inner
                self.options = options

            def forward(self, x):
                return self.inner(x)


        class Broken(nn.Module):
            def __init__(self, how: str = "value"):
                super().__init__()
                if how == "exit":
                    raise SystemExit(3)
                if how == "value":
                    raise ValueError("no such width\\nand more")
                self.how = how

            def forward(self, x):
                if self.how == "leave":
                    raise SystemExit
                return {}["missing"]


        class Late(nn.Module):
            def forward(self, x):
                if self.training and len(x) > 2:
                    raise KeyError("late")
                return x


        gate = Gate(2)
        """,
    "functions.py": """
        from torch import Tensor


        def swap(x: Tensor, dims: tuple[int, int] = (1, 2)) -> Tensor:
            return x.transpose(*dims)


        def mix(left, right, share=0.5):
            return left * share + right * (1 - share)


        def scaled(x, factor):
            return x * factor


        def many(*tensors):
            return sum(tensors)
        """,
    "losses.py": """
        from torch import nn, optim


        class Distance(nn.Module):
            def __init__(self, power: int = 2):
                super().__init__()
                self.power = power

            def forward(self, output, target):
                return (output - target).abs().pow(self.power).mean()


        class Plain(optim.SGD):
            def __init__(self, params, lr: float = 0.05):
                super().__init__(params, lr=lr)
        """,
    "data.py": """
        import torch
        from torch.utils.data import Dataset


        class Squares(Dataset):
            def __init__(self, n: int, width: int = 3):
                self.n, self.width = n, width

            def __len__(self):
                return self.n

            def __getitem__(self, index):
                x = torch.arange(self.width) / 10 + index / self.n
                return x, x.square().sum().reshape(1)


        def classes(n: int = 12):
            for index in range(n):
                yield {"image": torch.full((2,), float(index % 3)), "target": index % 3}


        def broken(how: str):
            if how == "raise":
                raise ValueError("no such file")
            if how == "shapes":
                return [(torch.zeros(2), 0), (torch.zeros(3), 0)]
            return {"form": [1, 2], "empty": [], "text": [("a", 0)]}[how]
        """,
    "fails.py": "raise RuntimeError('needs a licence')",
    "leaves.py": "raise SystemExit('bye')",
    "needs.py": "import no_such_module_at_all",
}


@pytest.fixture
def my_pkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the package, in which `imported` tells whether it was ever imported."""
    from inspect import cleandoc

    for package in ("my_pkg", "my_pkg2", "my_package_evil"):
        (tmp_path / package).mkdir()
        for name, text in FILES.items():
            (tmp_path / package / name).write_text(cleandoc("\n" + text) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("my_pkg", "my_pkg2")]:
        del sys.modules[name]
