"""Arithmetic on tensors of other numbers of axes -> where a batch is set against an axis of one.

`[batch, 1] - [batch]` is `[batch, batch]` to torch: every sample meets every other, without a word.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from yamlnet.language.terms import Call, Constant, Formula, Items, Name, Operation, Term
from yamlnet.network.formula import FormulaError, Walker, called
from yamlnet.network.probe import BATCH, SECOND

PAIRED = frozenset({"add", "sub", "mul", "div", "truediv", "pow", "maximum", "minimum"})
"""Arithmetic on numbers that belong together, by the names of functions and of Python's operators."""

OUTER = ("unsqueeze", "expand", "view", "reshape")
"""Functions that set axes of one on purpose."""


@dataclass(frozen=True)
class Stretched:
    """An operation that sets a batch against an axis of one: its characters, and the operands' names."""

    start: int
    end: int
    shapes: tuple[str, str]
    wide: str | None


def stretches(first: torch.Size, second: torch.Size, size: int) -> bool:
    """Whether the batch of one of two shapes, which are for this batch size, meets an axis of one."""
    wide, narrow = (first, second) if len(first) > len(second) else (second, first)
    if len(wide) == len(narrow) or not narrow or wide[0] != size or narrow[0] != size:
        return False
    return wide[len(wide) - len(narrow)] == 1


def in_formula(formula: Formula, values: Callable[[int], Mapping[str, Any]]) -> Stretched | None:
    """The first such operation of an expression, whose `values` are given for two batch sizes."""
    found: list[list[Stretched]] = []
    for size in (BATCH, SECOND):
        watching = _Watching(values(size), size)
        # values of other sizes may not suit it
        with suppress(FormulaError), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            watching.value(formula.tree)
        found.append(watching.found)
    first, second = found
    both = {(one.start, one.end) for one in second}
    return next((one for one in first if (one.start, one.end) in both), None)


class _Watching(Walker):
    """Computes an expression for a batch of this size, and notes what is stretched."""

    def __init__(self, values: Mapping[str, Any], size: int) -> None:
        super().__init__(values, size, called)
        self.size = size
        self.found: list[Stretched] = []

    def attempt(
        self,
        term: Term,
        function: Callable[..., Any] | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        operands = _operands(term)
        if len(operands) == 2 and len(args) == 2 and all(isinstance(value, Tensor) for value in args):
            wide = operands[args[1].dim() > args[0].dim()]
            if stretches(args[0].shape, args[1].shape, self.size) and not _is_outer(wide):
                shapes = (_shown(args[0]), _shown(args[1]))
                name = wide.name if isinstance(wide, Name) else None
                self.found.append(Stretched(term.start, term.end, shapes, name))
        return super().attempt(term, function, args, kwargs)


def _operands(term: Term) -> tuple[Term, ...]:
    if isinstance(term, Operation) and term.operator in PAIRED and hasattr(operator, term.operator):
        return term.operands
    if isinstance(term, Call) and term.target.rpartition(".")[2] in PAIRED:
        return term.positional
    return ()


def _is_outer(term: Term) -> bool:
    """Whether an axis of one was set on purpose: `unsqueeze(x, 1)`, `x[:, None]`."""
    if isinstance(term, Call):
        return term.target.rpartition(".")[2] in OUTER
    if isinstance(term, Operation) and term.operator == "getitem":
        index = term.operands[1]
        items = index.items if isinstance(index, Items) else (index,)
        return any(isinstance(item, Constant) and item.value is None for item in items)
    return False


def _shown(value: Tensor) -> str:
    return str(list(value.shape[1:]))
