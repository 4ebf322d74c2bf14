"""The loss section in; functions of outputs and a batch that give its terms, and their sum, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from yamlnet.catalog.entry import Call
from yamlnet.catalog.losses import EQUAL, loss_of
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, Source, Term
from yamlnet.language.names import is_position
from yamlnet.language.nodes import Expression
from yamlnet.network.bind import arrange, options
from yamlnet.network.construct import arguments, target_of
from yamlnet.network.formula import emit
from yamlnet.training.calls import construct

Batch = Mapping[str, Any]
"""One batch by field, each a tensor `[batch, ...]`.

A sample that is drawn beside each has fields too (`NAME.image`), and the model's output: `NAME.output`.
"""

Criteria = Mapping[str, nn.Module]
"""The losses that have weights of their own, by the names of their terms."""

NO_CRITERIA: Criteria = {}

Pick = Callable[[Any, Batch], Any]
"""Takes one input of a loss or metric from the model's outputs or from the batch."""


@dataclass(frozen=True)
class Compared:
    """A term as it is computed: a number on the device, under the name that the file gives it.

    `summed` tells a term that adds up over the samples (`reduction: sum`) from a mean over them.
    """

    name: str
    compute: Callable[[Any, Batch], Tensor]
    weight: float
    summed: bool


@dataclass(frozen=True)
class Objective:
    """The terms of the loss."""

    terms: tuple[Compared, ...]

    def losses(self, output: Any, batch: Batch) -> tuple[Tensor, ...]:
        """Each term of a batch, without its weight."""
        found = []
        for term in self.terms:  # by this name a failure is traced to its term
            found.append(term.compute(output, batch))
        return tuple(found)

    def total(self, losses: Sequence[Tensor], part: float = 1.0) -> Tensor:
        """The loss whose gradient is wanted, where the batch is this part of its step's samples."""
        if part == 1 and len(losses) == 1 and self.terms[0].weight == 1:
            return losses[0]
        total: Tensor | None = None
        for term, loss in zip(self.terms, losses, strict=True):
            factor = term.weight if term.summed else term.weight * part
            weighted = loss if factor == 1 else factor * loss
            total = weighted if total is None else total + weighted
        assert total is not None
        return total


def objective(section: Loss, device: torch.device, criteria: Criteria = NO_CRITERIA) -> Objective:
    """The loss of the file, its classes made and its inputs resolved once for all steps.

    `criteria` are those of its terms that have weights.
    """
    terms = section.terms.items()
    return Objective(tuple(_compared(name, term, device, criteria.get(name)) for name, term in terms))


def _compared(name: str, term: Term, device: torch.device, criterion: nn.Module | None) -> Compared:
    takers = picks(term.inputs)
    if term.call is None:
        return Compared(name, _averaged(takers[0]), term.weight, summed=False)
    is_class = term.call.entry.kind == "loss"
    compare = _loss(term.call, device, criterion) if is_class else _function(term.call)
    count = EQUAL.get(loss_of(term.call))
    if count is not None:
        compare = _of_equal_shapes(compare, term, count)
    compute = _applied(compare, term.inputs, takers)
    reduction = term.call.with_defaults().get("reduction")
    if reduction not in ("mean", "sum") or loss_of(term.call) == "KLDivLoss":
        compute = _averaged(compute)
    return Compared(name, compute, term.weight, summed=reduction == "sum")


def _loss(call: Call, device: torch.device, criterion: nn.Module | None) -> Callable[..., Tensor]:
    compare: Callable[..., Any] = criterion or construct(call, arguments=_unwarned(call, arguments(call))).to(
        device
    )
    if call.name == "AdaptiveLogSoftmaxWithLoss":  # it gives each sample's log-probability too
        return lambda *tensors: compare(*tensors).loss
    return compare


def _unwarned(call: Call, said: dict[str, Any]) -> dict[str, Any]:
    """The arguments; torch warns in every run of a mean of KLDivLoss, and not of one that is taken here."""
    mean = loss_of(call) == "KLDivLoss" and said.get("reduction", "mean") == "mean"
    return {**said, "reduction": "none"} if mean else said


def _function(call: Call) -> Callable[..., Tensor]:
    function, said = target_of(call.entry.target), _unwarned(call, options(call))

    def compare(*tensors: Any) -> Tensor:
        positional, named = arrange(call, tensors, said)
        result: Tensor = function(*positional, **named)
        return result

    return compare


def picks(inputs: Sequence[Source]) -> tuple[Pick, ...]:
    """For each source (`output`, `output.image`, `positive.output`, a field, an expression) what takes it."""
    return tuple(_worked_out(item) if isinstance(item, Expression) else _pick(item) for item in inputs)


def _pick(name: str) -> Pick:
    first, *rest = name.split(".")
    if first == "output" and not rest:
        return lambda output, batch: output
    if first != "output":
        first = f"{first}.{rest.pop(0)}" if rest else first
        if not rest:
            return lambda output, batch: batch[first]
    keys = [int(key) if is_position(key) else key for key in rest]

    def part(output: Any, batch: Batch) -> Any:
        value = output if first == "output" else batch[first]
        for key in keys:
            value = value[key]
        return value

    return part


def _worked_out(expression: Expression) -> Pick:
    """What computes an expression: as generated code, which costs a step nothing more."""
    formula, graph = expression.formula, fx.Graph()
    values = {name: graph.placeholder(f"x{index}") for index, name in enumerate(formula.names)}
    size = graph.placeholder("size")
    graph.output(emit(formula, graph, values, size))
    compute = fx.GraphModule({}, graph).forward
    takers = picks(formula.names)
    return lambda output, batch: compute(
        *(take(output, batch) for take in takers), len(next(iter(batch.values())))
    )


def _applied(
    compare: Callable[..., Tensor], inputs: Sequence[Source], takers: Sequence[Pick]
) -> Callable[[Any, Batch], Tensor]:
    field = compared_field(inputs)
    if field is not None:
        return lambda output, batch: compare(output, batch[field])
    return lambda output, batch: compare(*[take(output, batch) for take in takers])


def compared_field(inputs: Sequence[Source]) -> str | None:
    """The field of the batch that the whole output is compared with, where that is all."""
    match inputs:
        case ("output", str(field)) if field != "output" and "." not in field:
            return field
    return None


def _averaged(compute: Callable[[Any, Batch], Tensor]) -> Callable[[Any, Batch], Tensor]:
    def average(output: Any, batch: Batch) -> Tensor:
        value = compute(output, batch)
        if not isinstance(value, Tensor):
            raise YamlnetError("it gives several results, and a term of the loss is one")
        if not value.is_floating_point():
            raise YamlnetError("it gives whole numbers, which have no gradient")
        return value if value.dim() == 0 else value.mean()

    return average


def _of_equal_shapes(compare: Callable[..., Tensor], term: Term, count: int) -> Callable[..., Tensor]:
    """The comparison of tensors whose shapes are equal, integers made floats."""

    def checked(prediction: Tensor, *others: Tensor) -> Tensor:
        made = list(others)
        for index, other in enumerate(others[: count - 1]):
            if other.shape != prediction.shape:
                raise unequal(term, index + 1, prediction, other)
            if not other.is_floating_point():
                made[index] = other.to(prediction.dtype)
        return compare(prediction, *made)

    return checked


def unequal(term: Term, index: int, prediction: Tensor, other: Tensor) -> YamlnetError:
    """The error of two inputs that would be stretched to one shape."""
    assert term.call is not None
    first, second = (shown(term.inputs[place]) for place in (0, index))
    return YamlnetError(
        f"`{term.call.name}` needs equal shapes, but {first} is {list(prediction.shape)} "
        f"and {second} is {list(other.shape)}, the batch first"
    )


def shown(source: Source) -> str:
    """A source as a message names it."""
    return f"`{source.formula.text if isinstance(source, Expression) else source}`"
