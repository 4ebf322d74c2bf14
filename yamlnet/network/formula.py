"""A Formula and the values of its names -> what it computes, or the graph nodes that compute it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from torch import fx

from yamlnet.language.terms import (
    Batch,
    Call,
    Constant,
    Formula,
    Items,
    Name,
    Operation,
    Slice,
    Term,
    subterms,
)
from yamlnet.network.construct import target_of

Apply = Callable[[Callable[..., Any] | str, tuple[Any, ...], dict[str, Any]], Any]
"""What happens with a function, or a method's name, and its arguments."""


class FormulaError(Exception):
    """What torch raised, and which characters of the expression it was computing."""

    def __init__(self, error: Exception, start: int, end: int) -> None:
        super().__init__(str(error))
        self.error, self.start, self.end = error, start, end


def compute(formula: Formula, values: Mapping[str, Any], batch: Any) -> Any:
    """The result for these tensors. Raises FormulaError."""
    return walk(formula, values, batch, called)


def emit(formula: Formula, graph: fx.Graph, values: Mapping[str, Any], batch: Any) -> fx.Node:
    """The node that holds the result, after what leads to it; `batch` is a node or a number."""

    def add(function: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
        if isinstance(function, str):
            return graph.call_method(function, args, kwargs)
        return graph.call_function(function, args, kwargs)

    node = walk(formula, values, batch, add)
    assert isinstance(node, fx.Node)
    return node


def asks_batch(formula: Formula) -> bool:
    """Whether the result depends on the size of the batch by its name."""
    return any(isinstance(term, Batch) for term in subterms(formula.tree))


def walk(formula: Formula, values: Mapping[str, Any], batch: Any, apply: Apply) -> Any:
    """What `apply` makes of the whole, its operators and functions applied in the order of Python."""
    return Walker(values, batch, apply).value(formula.tree)


class Walker:
    """Works out a formula's terms, the inner ones first; `apply` says what an operator or function does."""

    def __init__(self, values: Mapping[str, Any], batch: Any, apply: Apply) -> None:
        self.values = values
        self.batch = batch
        self.apply = apply

    def value(self, term: Term | None) -> Any:
        """What a term is worth."""
        match term:
            case None:
                return None
            case Name(name=name):
                return self.values[name]
            case Batch():
                return self.batch
            case Constant(value=value):
                return value
            case Items(items=items, kind=kind):
                return kind(map(self.value, items))
            case Slice(lower=lower, upper=upper, step=step):
                return slice(*map(self.value, (lower, upper, step)))
            case Operation(operator=name, operands=operands):
                return self.attempt(term, getattr(operator, name), tuple(map(self.value, operands)), {})
            case Call():
                return self.call(term)
        raise AssertionError(term)

    def call(self, call: Call) -> Any:
        """What a function of the catalogue gives."""
        args = tuple(map(self.value, call.positional))
        kwargs = {name: self.value(term) for name, term in call.keywords}
        method = call.target.removeprefix("torch.Tensor.")
        if method == call.target:
            return self.attempt(call, target_of(call.target), args, kwargs)
        return self.attempt(call, method, args or (kwargs.pop("input"),), kwargs)

    def attempt(
        self,
        term: Term,
        function: Callable[..., Any] | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Applies a function for a term. Raises FormulaError."""
        try:
            return self.apply(function, args, kwargs)
        except Exception as error:  # whatever torch raises is its judgement of the term
            raise FormulaError(error, term.start, term.end) from error


def called(function: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a function, or of a tensor's method."""
    if isinstance(function, str):
        return getattr(args[0], function)(*args[1:], **kwargs)
    return function(*args, **kwargs)
