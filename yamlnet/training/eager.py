"""What makes a torch optimizer in; the optimizer, made and stepped without torch's compiler, out.

torch wraps methods of its optimizers so that the first call imports the compiler: that takes
as long as importing torch itself, and each step pays for the wrappers again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MethodType

import torch
from torch.optim import Optimizer


def eager(make: Callable[[], Optimizer]) -> Optimizer:
    """The optimizer that `make` makes, its `step` the plain function of its class, without hooks."""
    marked = Optimizer.add_param_group
    Optimizer.add_param_group = inspect.unwrap(marked)  # type: ignore[method-assign]
    try:
        made = make()
    finally:
        Optimizer.add_param_group = marked  # type: ignore[method-assign]
    if not made.defaults.get("differentiable"):
        step = torch.no_grad()(inspect.unwrap(type(made).step))
        made.step = MethodType(step, made)  # type: ignore[method-assign]
    return made
