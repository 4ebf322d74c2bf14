"""The loss section and what it compares in; the losses that have weights of their own, made, out.

The optimizer trains them with the network, under names that begin with `loss.`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.catalog.entry import Call, Inferred
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import YamlnetError, plural
from yamlnet.language.experiment import Experiment, Loss, Source, Term
from yamlnet.network import memory
from yamlnet.network.construct import (
    Construction,
    arguments,
    construct,
    empty_module,
    weight_bytes,
    with_storage,
)
from yamlnet.network.found import Shapes
from yamlnet.network.probe import own_random_state
from yamlnet.network.words import too_large
from yamlnet.seeds import seed_of
from yamlnet.training.checkpoint import LOSS
from yamlnet.training.example import example, output_of
from yamlnet.training.objective import Batch, Criteria, picks

Example = Callable[[], tuple[Any, Batch]]
"""Makes an output and a batch of any size."""

Scores = Callable[[Tensor], Tensor]
"""Makes what a loss takes a number for each class: `[batch, features]` in, `[batch, classes, ...]` out."""


def criteria_of(
    experiment: Experiment, shapes: Shapes, facts: Facts | None, empty: bool = False
) -> dict[str, nn.Module]:
    """As `criteria`, for what was found of the network and the data; facts are None where it isn't read.

    Raises:
        YamlnetError: as `criteria`.
    """
    draws = () if experiment.data is None else tuple(experiment.data.draw)

    def given() -> tuple[Any, Batch]:
        return (output_of(shapes), {}) if facts is None else example(shapes, facts, draws)

    return criteria(experiment.loss, given, None if empty else experiment.seed)


def criteria(section: Loss | None, example: Example, seed: int | None) -> dict[str, nn.Module]:
    """Those of the file, with torch's own first weights; sizes follow from the example, where one is unsaid.

    The weights depend on the seed and on the term's name alone; without a seed they are any numbers.

    Raises:
        YamlnetError: torch refuses an argument, the example doesn't tell a size, or memory is too small.
    """
    found = {}
    with own_random_state(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, term in section.terms.items() if section is not None else ():
            if term.call is not None and term.call.entry.kind == "loss":
                construction = Construction(term.call.entry.target, _arguments(term, term.call, example))
                criterion = _empty(term.call, construction)
                if any(True for _ in criterion.parameters()):
                    if seed is not None:
                        torch.default_generator.manual_seed(seed_of(seed, "weights", f"{LOSS}{name}"))
                    found[name] = with_storage(criterion) if seed is None else construct(construction)
    return found


def _arguments(term: Term, call: Call, example: Example) -> dict[str, Any]:
    said = arguments(call)
    for name, parameter in call.entry.parameters.items():
        if parameter.inferred is not None and name not in said:
            said[name] = _size(term, call, parameter.inferred, example)
    return said


def _empty(call: Call, construction: Construction) -> nn.Module:
    """The loss without weights, which this machine can hold."""
    criterion, error = empty_module(construction)
    if criterion is None:
        words = str(error).strip().split("\n")[0]
        message = f"`{call.name}` can't be made with these arguments: {words}"
        raise YamlnetError(message, exit_code=1) from error
    total = weight_bytes(criterion)
    if total > memory.machine():
        raise YamlnetError(too_large(call, total, memory.machine()).message, exit_code=1)
    return criterion


def _size(term: Term, call: Call, inferred: Inferred, example: Example) -> int:
    """The size of an axis of what a loss takes."""
    assert inferred.axis is not None
    try:
        taken: Tensor = picks(term.inputs)[inferred.input](*example())
        return taken.shape[inferred.axis]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise YamlnetError(f"what `{call.name}` takes has no size to be seen here", exit_code=1) from error


class Learner(nn.Module):
    """A network and the losses that learn with it: all that the optimizer may train, by name."""

    def __init__(self, network: nn.Module, losses: Criteria) -> None:
        super().__init__()
        self.network = network
        self.losses = nn.ModuleList(losses.values())
        self._prefixes = [f"{LOSS}{name}".rstrip(".") for name in losses]

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """The network's own by their own names, then those of the losses under `loss`."""
        assert not prefix
        yield from self.network.named_parameters("", recurse, remove_duplicate)
        for place, criterion in zip(self._prefixes, self.losses, strict=True):
            yield from criterion.named_parameters(place, recurse, remove_duplicate)

    def loss_state(self) -> dict[str, Tensor]:
        """The tensors of the losses, the very ones, by the names that a checkpoint gives them."""
        return {
            f"{place}.{name}": tensor
            for place, criterion in zip(self._prefixes, self.losses, strict=True)
            for name, tensor in criterion.state_dict().items()
        }


def scores_of(section: Loss | None, losses: Criteria, source: Source) -> Scores | None:
    """What makes scores of a value that a loss with weights takes; None where no such loss takes it."""
    for name, criterion in losses.items():
        assert section is not None
        term = section.terms[name]
        if term.call is not None and term.inputs[0] == source and term.call.name in _SCORES:
            make = _SCORES[term.call.name]
            return lambda value, criterion=criterion, make=make: make(criterion, value)  # type: ignore[misc]
    return None


def _of_adaptive(criterion: Any, value: Tensor) -> Tensor:
    scores: Tensor = criterion.log_prob(value)
    return scores


def _of_linear(criterion: Any, value: Tensor) -> Tensor:
    scores: Tensor = criterion.linear(value)
    return scores.reshape(-1, criterion.num_classes, *criterion.out_features)


_SCORES: Mapping[str, Callable[[Any, Tensor], Tensor]] = {
    "AdaptiveLogSoftmaxWithLoss": _of_adaptive,
    "LinearCrossEntropyLoss": _of_linear,
}


def notes(section: Loss | None, losses: Criteria) -> Iterator[str]:
    """What there is to say of each before anything is trained."""
    for name, criterion in losses.items():
        assert section is not None
        call = section.terms[name].call
        assert call is not None
        count = sum(parameter.numel() for parameter in criterion.parameters())
        place = f"{LOSS}{name}".rstrip(".")
        yield f"`{call.name}` has {plural(count, 'parameter')} of its own, `{place}.*`, beside the network's"
