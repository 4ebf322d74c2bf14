"""An optimizer section in; how much the optimizer keeps for each parameter out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Optimizer
from yamlnet.training import optimise


def num_slots(section: Optimizer) -> int:
    """Numbers kept for one trained number: 2 for Adam, 1 for SGD with momentum; found by one small step."""
    layer = nn.Linear(8, 8, bias=False)
    layer.weight.grad = torch.zeros_like(layer.weight)
    try:
        made = optimise.optimizer(Optimizer(call=section.call), layer, torch.device("cpu"))
    except YamlnetError:
        return 0
    if isinstance(made, torch.optim.LBFGS):  # the directions and gradients of so many steps, and two more
        return 2 * int(made.defaults["history_size"]) + 2
    made.step()
    kept = [value for value in made.state[layer.weight].values() if isinstance(value, Tensor)]
    return round(sum(value.numel() for value in kept) / layer.weight.numel())
