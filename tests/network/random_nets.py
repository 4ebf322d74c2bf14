"""Small random networks, some wrong, and whether torch runs them: made and run without yamlnet's judge."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Options = dict[str, Any]
Draw = Callable[[random.Random], Options]
FEATURES = (2, 3, 4, 6)


@dataclass(frozen=True)
class Net:
    """A network's nodes by name, each with what it calls, its options and where its tensors come from."""

    shape: tuple[int, ...]
    nodes: tuple[tuple[str, str, Options, tuple[str, ...]], ...]

    def document(self, chain: bool) -> dict[str, Any]:
        if chain:
            entries: Any = [{call: options or None} for _, call, options, _ in self.nodes]
        else:
            entries = {
                name: {call: options or None, "from": list(sources)}
                for name, call, options, sources in self.nodes
            }
        return {"model": {"input": list(self.shape), "Sequential" if chain else "ModuleDict": entries}}


def _conv(draw: random.Random) -> Options:
    options = {
        "out_channels": draw.choice(FEATURES),
        "kernel_size": draw.randint(1, 4),
        "stride": draw.randint(1, 2),
        "padding": draw.choice((0, 1, 2)),
    }
    return options | draw.choice(
        ({}, {}, {"groups": 2}, {"dilation": 2}, {"in_channels": draw.choice(FEATURES)})
    )


def _transposed(draw: random.Random) -> Options:
    return _conv(draw) | draw.choice(({}, {"output_padding": draw.randint(0, 2)}))


def _pool(draw: random.Random) -> Options:
    return {"kernel_size": draw.randint(1, 4), "padding": draw.choice((0, 0, 1, 2))}


def _norm(draw: random.Random) -> Options:
    return draw.choice(({}, {}, {"num_features": draw.choice(FEATURES)}))


def _linear(draw: random.Random) -> Options:
    options = {"out_features": draw.choice(FEATURES)}
    return options | draw.choice(({}, {}, {"in_features": draw.choice((6, 12, 24))}))


def _recurrent(draw: random.Random) -> Options:
    return {"hidden_size": draw.choice(FEATURES), "batch_first": True, "num_layers": draw.randint(1, 2)}


def _dims(draw: random.Random) -> Options:
    return {"dim": draw.choice((-1, 1, 2, 3))}


def _permute(draw: random.Random) -> Options:
    dims = list(range(1, draw.choice((2, 3, 4))))
    draw.shuffle(dims)
    return {"dims": [0, *dims] if draw.random() < 0.9 else [*dims, 0]}


def _reshape(draw: random.Random) -> Options:
    sizes = draw.choice(([-1], [4, -1], [-1, 3], [2, 6], [12], [6, 2, 2], [3, 1, -1]))
    return {"shape": [draw.choice(("batch", "batch", "batch", -1, 2, 7)), *sizes]}


def _none(draw: random.Random) -> Options:
    return {}


LAYERS: dict[str, Draw] = {
    **{f"Conv{n}d": _conv for n in (1, 2)},
    "ConvTranspose2d": _transposed,
    **{f"MaxPool{n}d": _pool for n in (1, 2)},
    "AvgPool2d": _pool,
    **{f"BatchNorm{n}d": _norm for n in (1, 2)},
    "InstanceNorm2d": _none,
    "GroupNorm": lambda draw: {"num_groups": draw.choice((1, 2, 3))},
    "LayerNorm": lambda draw: draw.choice(({}, {"normalized_shape": [draw.choice(FEATURES)]})),
    "Linear": _linear,
    "Flatten": lambda draw: draw.choice(({}, {}, {"start_dim": 2}, {"start_dim": 0})),
    "Unflatten": lambda draw: {"dim": 1, "unflattened_size": draw.choice(([2, -1], [3, 2], [4, 3]))},
    "PixelShuffle": lambda draw: {"upscale_factor": draw.randint(1, 2)},
    "AdaptiveAvgPool2d": lambda draw: {"output_size": draw.randint(1, 3)},
    "ReflectionPad2d": lambda draw: {"padding": draw.randint(1, 4)},
    "ZeroPad2d": lambda draw: {"padding": draw.randint(0, 2)},
    "Softmax": _dims,
    "GLU": _dims,
    "GRU": _recurrent,
    "RNNCell": lambda draw: {"hidden_size": draw.choice(FEATURES)},
    "TransformerEncoderLayer": lambda draw: {
        "nhead": draw.choice((1, 2, 3)),
        "dim_feedforward": 4,
        "batch_first": True,
    },
    "PReLU": lambda draw: draw.choice(({}, {"num_parameters": draw.choice(FEATURES)})),
    "ReLU": _none,
    "Dropout2d": _none,
    "Unfold": lambda draw: {"kernel_size": draw.randint(1, 3)},
    "Upsample": lambda draw: {"scale_factor": 2, "mode": draw.choice(("nearest", "bilinear"))},
}
FUNCTIONS: dict[str, Draw] = {
    "relu": _none,
    "flatten": lambda draw: draw.choice(({"start_dim": 1}, {"start_dim": 1}, {"start_dim": 2}, {})),
    "permute": _permute,
    "reshape": _reshape,
    "transpose": lambda draw: {"dim0": draw.choice((1, 1, 0)), "dim1": draw.choice((2, -1))},
    "mean": lambda draw: draw.choice(({"dim": 1}, {"dim": [-1]}, {"dim": [2, 3]}, {})),
    "sum": lambda draw: {"dim": draw.choice((1, 2)), "keepdim": True},
    "softmax": _dims,
    "max_pool2d": lambda draw: {"kernel_size": draw.randint(1, 4)},
    "mul": lambda draw: {"other": 0.5},
}
PAIRED: dict[str, Draw] = {
    **dict.fromkeys(("add", "mul", "sub", "matmul", "mse_loss"), _none),
    "cat": lambda draw: {"dim": draw.choice((1, 1, -1, 0, 2))},
    "stack": lambda draw: {"dim": draw.choice((1, 0))},
    "Bilinear": lambda draw: {"out_features": 3},
}


def random_net(draw: random.Random, chain: bool) -> Net:
    """A network of one to five nodes; a chain's take the one before, a graph's any before."""
    shape = draw.choice(((6,), (5, 6), (12,), (3, 8), (4, 6, 6), (3, 8, 7), (2, 6, 2)))
    nodes: list[tuple[str, str, Options, tuple[str, ...]]] = []
    for number in range(draw.randint(1, 5)):
        names = ["input", *(name for name, *_ in nodes)]
        table = draw.choice((LAYERS, FUNCTIONS) if chain else (LAYERS, LAYERS, FUNCTIONS, PAIRED))
        call = draw.choice(sorted(table))
        sources = (draw.choice(names), draw.choice(names[-2:])) if table is PAIRED else (names[-1],)
        nodes.append((f"n{number}", call, table[call](draw), sources))
    return Net(shape, tuple(nodes))


class Refused(Exception):
    """What torch would take silently and no one means: an unbatched input, a tuple where a tensor goes."""


AXES = {"GRU": 3, "RNNCell": 2, "TransformerEncoderLayer": 3, "Unfold": 4}
"""Axes of a batched input where the name doesn't end in `2d`."""


def _check_axes(call: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise Refused
    batched = re.fullmatch(r"(?!Batch|Zero).*([12])d", call)
    axes = int(batched[1]) + 2 if batched else AXES.get(call)
    if axes is not None and value.dim() != axes:
        raise Refused


def _sizes(call: str, values: list[Tensor]) -> Options:
    """What a hand would write for these inputs."""
    if call == "Bilinear":
        return {"in1_features": values[0].shape[-1], "in2_features": values[1].shape[-1]}
    last, second = (
        {"Linear": "in_features", "TransformerEncoderLayer": "d_model"},
        {"GroupNorm": "num_channels"},
    )
    last |= dict.fromkeys(("GRU", "RNNCell"), "input_size") | {"LayerNorm": "normalized_shape"}
    second |= dict.fromkeys((n for n in LAYERS if n.startswith("Conv")), "in_channels")
    second |= dict.fromkeys((n for n in LAYERS if n.startswith(("Batch", "Instance"))), "num_features")
    if call in last:
        return {last[call]: values[0].shape[-1]}
    return {second[call]: values[0].shape[1]} if call in second else {}


def _function(call: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(torch.nn.functional, call, None) or getattr(torch, call)
    return found


def _run(net: Net, size: int, training: bool, modules: dict[str, nn.Module]) -> None:
    values: dict[str, Any] = {"input": torch.rand(size, *net.shape)}
    for name, call, options, sources in net.nodes:
        given = [values[source] for source in sources]
        for value in given:
            _check_axes(call, value)
        if call in FUNCTIONS or (call in PAIRED and call != "Bilinear"):
            said = {
                key: tuple(size if item == "batch" else item for item in value)
                if isinstance(value, list)
                else value
                for key, value in options.items()
            }
            tensors: Any = (given,) if call in ("cat", "stack") else given
            values[name] = _function(call)(*tensors, **said)
        else:
            if name not in modules:
                modules[name] = getattr(nn, call)(**_sizes(call, given) | options)
            values[name] = modules[name].train(training)(*given)


def runs(net: Net) -> bool:
    """Whether torch takes batches of 2 and of 5, with the sizes that follow from the first."""
    modules: dict[str, nn.Module] = {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            for size in (2, 5):
                _run(net, size, False, modules)
                _run(net, size, True, modules)
        except (RuntimeError, ValueError, IndexError, AssertionError, TypeError, Refused):
            return False
    return True
