"""Words of the language that stand for themselves: what a document is read by, and its schema made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from yamlnet.diagnostics import Path

TRAINING = ("loss", "optimizer", "scheduler", "train", "metrics", "expect")
"""Sections that say that a file is to be trained."""

NEEDED = ("data", "model", "loss", "optimizer")
"""Sections that training needs."""

EXCLUSIVE: tuple[tuple[Path, str, str], ...] = (
    (("train",), "epochs", "steps"),
    (("train", "clip"), "norm", "value"),
)
NEEDED_ONE: tuple[tuple[Path, str, str], ...] = (
    (("train", "clip"), "norm", "value"),
    (("train", "watch"), "activations", "gradients"),
)
MEASURED = (
    *("train.samples_per_second", "train.time_s", "train.lr", "train.num_skipped"),
    *("parameters", "trainable_parameters"),
)
"""Figures of every result, beside loss and metrics."""

RULE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][-+]?\d+)?)\s*")
"""What `expect` says of a figure."""

CONTAINERS = ("Sequential", "ModuleDict", "ModuleList", "Parallel", "Residual", "Select")
TENSORS = ("Parameter", "Buffer", "ParameterList", "ParameterDict")
"""Calls whose node is a value."""

OWN_SIDES = ("freeze", "init", "tie", "weights")
"""Keys beside any module."""

CONTAINER_SIDES: Mapping[str, tuple[str, ...]] = {
    "inputs": ("ModuleDict",),
    "output": ("ModuleDict",),
    "forward": ("ModuleDict",),
    "merge": ("Parallel",),
    "dim": ("Parallel",),
    "choose": ("Select",),
}
"""Keys beside containers, and which."""

BODY_SIDES = (*OWN_SIDES, *CONTAINER_SIDES)
BLOCK_SIDES = ("params", *BODY_SIDES)
NODE_SIDES = ("from", "if", *BODY_SIDES)
STEP_SIDES = ("from", "if", "name")
MODEL_SIDES = ("input", "edit", *BODY_SIDES)
LATER_SIDES = ("forward", "edit")
"""Keys whose values hold nodes: what `$` may use there depends on the node."""

MERGES = ("cat", "stack", "add", "mul", "mean", "none")
DTYPES = "float32 float64 float16 bfloat16 complex64 complex128 int64 int32 int16 int8 uint8 bool".split()
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt")

Verb = Literal["replace", "insert", "append", "remove", "after_every", "freeze"]
EDIT_VERBS: tuple[Verb, ...] = get_args(Verb)
EDIT_NEEDS: Mapping[str, tuple[str, ...]] = {
    "replace": ("with",),
    "insert": ("after", "with"),
    "append": ("with",),
    "remove": (),
    "after_every": ("with",),
    "freeze": (),
}
"""The keys beside each verb."""

EDIT_KEYS = (*EDIT_VERBS, "after", "with")

FANS = frozenset({"fan_in", "fan_out"})
"""What the expressions of an initialiser know of its parameter."""
