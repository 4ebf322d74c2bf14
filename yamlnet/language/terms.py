"""What a tensor expression is made of: names, numbers, operators, indices and calls, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Term:
    """A part of an expression; `start` and `end` are its characters in the text."""

    start: int
    end: int


@dataclass(frozen=True)
class Name(Term):
    """A value of the scope, dotted as written."""

    name: str


@dataclass(frozen=True)
class Batch(Term):
    """The size of the batch."""


@dataclass(frozen=True)
class Constant(Term):
    """A Python value: a number, null, a text, `...`, or a tuple of numbers where an option takes it."""

    value: Any


@dataclass(frozen=True)
class Items(Term):
    """A list or a tuple: as an index they differ."""

    items: tuple[Term, ...]
    kind: type[list[Any]] | type[tuple[Any, ...]]


@dataclass(frozen=True)
class Slice(Term):
    """A range of an axis, as an index."""

    lower: Term | None
    upper: Term | None
    step: Term | None


@dataclass(frozen=True)
class Operation(Term):
    """An operator, by its name in Python's `operator`: `add`, `neg`, `lt`, `getitem`."""

    operator: str
    operands: tuple[Term, ...]


@dataclass(frozen=True)
class Call(Term):
    """A function of the catalogue; `target` is its dotted path."""

    target: str
    positional: tuple[Term, ...]
    keywords: tuple[tuple[str, Term], ...]


def subterms(term: Term | None) -> Iterator[Term]:
    """The term and everything in it, in the order written."""
    if term is None:
        return
    yield term
    inner: Iterable[Term | None] = ()
    match term:
        case Items(items=inner) | Operation(operands=inner):
            pass
        case Slice(lower=lower, upper=upper, step=step):
            inner = (lower, upper, step)
        case Call(positional=positional, keywords=keywords):
            inner = (*positional, *(value for _, value in keywords))
    for part in inner:
        yield from subterms(part)


def is_tensor(term: Term) -> bool:
    """Whether it is made of the scope's values: a tensor, or what holds tensors."""
    if isinstance(term, Operation):
        return any(map(is_tensor, term.operands[:1] if term.operator == "getitem" else term.operands))
    return isinstance(term, Name | Call)


def is_number(term: Term) -> bool:
    """Whether it is a number or the batch's size, or made of them alone."""
    if isinstance(term, Operation):
        return all(map(is_number, term.operands))
    return isinstance(term, Batch) or (isinstance(term, Constant) and isinstance(term.value, int | float))


def is_size(term: Term) -> bool:
    """Whether it is an integer, perhaps made of the batch's size."""
    if isinstance(term, Operation):
        integral = term.operator in ("add", "sub", "mul", "floordiv", "mod", "neg", "pos")
        return integral and all(map(is_size, term.operands))
    return isinstance(term, Batch) or (isinstance(term, Constant) and type(term.value) is int)


@dataclass(frozen=True)
class Formula:
    """A tensor expression; `names` are the values that it takes, in the order of their first use."""

    text: str
    tree: Term
    names: tuple[str, ...]
