"""Whole batches, a loss and several processes in; each one's share of both, with the same gradients, out.

Where a term of the loss isn't the mean over the samples, or their sum, it is computed over the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from yamlnet.catalog import lookup
from yamlnet.catalog.losses import loss_of
from yamlnet.diagnostics import YamlnetError
from yamlnet.language.experiment import Loss, Term, Train
from yamlnet.language.experiment import Source as Input
from yamlnet.language.nodes import Expression
from yamlnet.training import optimise, randomness
from yamlnet.training.group import Group
from yamlnet.training.loop import Forward
from yamlnet.training.objective import Batch, Compared, Criteria, Objective, objective, picks
from yamlnet.training.processes import Processes
from yamlnet.training.shares import Share

OF_CLASSES = ("CrossEntropyLoss", "NLLLoss")
"""Losses whose mean divides by the sum of the classes' weights, and leaves out what is ignored."""

COUPLED = (*OF_CLASSES, "LinearCrossEntropyLoss")
"""Losses of torch whose mean isn't the mean over the samples."""


class Step(nn.Module):
    """What a step differentiates, as one module: the network, the losses with weights, and what runs them."""

    def __init__(self, network: nn.Module, criteria: Criteria, run: Forward) -> None:
        super().__init__()
        self.network, self.losses = network, nn.ModuleList(criteria.values())
        self._run = run

    def forward(self, batch: Batch) -> tuple[Any, Batch, tuple[Tensor, ...]]:
        """As `Forward`; only the losses can be differentiated."""
        output, whole, losses = self._run(batch)
        return _detached(output), _detached(whole), losses


class Together:
    """Runs a step's module on this process's share of a batch; `run` is the same without the others."""

    def __init__(self, step: Step, run: Forward, processes: Processes, device: torch.device) -> None:
        self._module: nn.Module = step
        self._step, self._run, self._processes, self._device = step, run, processes, device

    def __call__(self, batch: Batch) -> tuple[Any, Batch, tuple[Tensor, ...]]:
        found: tuple[Any, Batch, tuple[Tensor, ...]] = self._module(batch)
        return found

    def prepare(self, batch: Batch) -> None:
        """Takes a step in vain, to see which parameters have no part in the loss: they're looked for then."""
        buffers = [(buffer, buffer.clone()) for buffer in self._step.buffers()]
        random = randomness.capture(self._device)
        is_unused = any(self._processes.each(unused(self._step, self._run(batch)[2])))
        self._module = cast(Group, self._processes).wrapped(self._step, is_unused)
        # the first pass tells torch in which order gradients come; their sums have the same bits from then on
        torch.stack(self(batch)[2]).sum().backward()  # type: ignore[no-untyped-call]
        for parameter in self._step.parameters():
            parameter.grad = None
        randomness.restore(self._device, random)
        for buffer, old in buffers:
            buffer.copy_(old)


def refuse(train: Train, network: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Raises YamlnetError for what several processes can't train."""
    if train.compile is True:
        raise YamlnetError(
            "`train.compile: true` is for one process: several train the network as it is",
            help="`train.compile: false`, or `yamlnet train` without torchrun",
            exit_code=1,
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise YamlnetError(
            "`LBFGS` takes a step in one process only: it looks at the loss as often as it needs to",
            help="another optimizer, or `yamlnet train` without torchrun",
            exit_code=1,
        )
    if device.type == "cuda" and optimise.sparse(network):
        raise YamlnetError(
            "sparse gradients can't be summed over processes on CUDA",
            help="`sparse: false` gives an embedding dense ones",
            exit_code=1,
        )


def unused(module: nn.Module, losses: Sequence[Tensor]) -> bool:
    """Whether a parameter that is to be trained has no part in the losses."""
    wanted = {id(parameter) for parameter in module.parameters() if parameter.requires_grad}
    waiting, seen = [loss.grad_fn for loss in losses if loss.grad_fn is not None], set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        wanted.discard(id(getattr(node, "variable", None)))
        waiting += [after for after, _ in node.next_functions if after is not None]
    return bool(wanted)


class Division:
    """The terms of a loss over one process's share of a batch: `whole` are those of the whole batch.

    The value of each is such that the mean over the processes, weighted by how many rows they have, is the
    whole batch's; where a term is summed, their sum.
    """

    def __init__(self, section: Loss, whole: Objective, device: torch.device, processes: Processes) -> None:
        self._processes, self._share = processes, Share({}, [1] * processes.count, processes.rank)
        terms = zip(section.terms.values(), whole.terms, strict=True)
        self.objective = Objective(tuple(self._divided(term, own, device) for term, own in terms))

    def following(self, run: Forward) -> Forward:
        """The same, each batch's division noted first."""

        def call(batch: Batch) -> tuple[Any, Batch, tuple[Tensor, ...]]:
            self._share = cast(Share, batch)
            return run(batch)

        return call

    def _divided(self, term: Term, own: Compared, device: torch.device) -> Compared:
        if is_alone(term):
            return own
        name = None if term.call is None else loss_of(term.call)
        plain = len(term.inputs) == 2 and not _worked_out(term)
        if term.call is not None and name in OF_CLASSES and plain:
            return replace(own, compute=self._of_classes(term, own, device))
        return replace(own, compute=self._together(term, own))

    def _together(self, term: Term, own: Compared) -> Callable[[Any, Batch], Tensor]:
        """The term over the whole batch, in every process; each differentiates its own rows' part."""
        names = [name for source in term.inputs for name in _names(source)]
        fields = {".".join(name.split(".")[:2]) for name in names if name.split(".")[0] != "output"}
        takes_output = any(name.split(".")[0] == "output" for name in names)

        def compute(output: Any, batch: Batch) -> Tensor:
            size = torch.empty(self._share.size, 0)  # an expression takes the batch's size of its first field
            joined = {"": size} | {name: self._joined(batch[name]) for name in sorted(fields)}
            value = own.compute(self._joined(output) if takes_output else output, joined)
            return value * (self._share.rows / self._share.size) if own.summed else value

        return compute

    def _of_classes(self, term: Term, own: Compared, device: torch.device) -> Callable[[Any, Batch], Tensor]:
        """The sum over this process's samples, as a part of the mean of all."""
        assert term.call is not None
        call = replace(term.call, arguments={**term.call.arguments, "reduction": "sum"})
        summed = objective(Loss(terms={"": term.model_copy(update={"call": call})}), device).terms[0]
        said = term.call.with_defaults()
        ignored, take = said.get("ignore_index", -100), picks(term.inputs)[1]
        weights = None if said.get("weight") is None else torch.tensor(said["weight"], device=device)

        def compute(output: Any, batch: Batch) -> Tensor:
            target = take(output, batch)
            if target.is_floating_point():  # probabilities: all count alike
                return own.compute(output, batch)
            counted = target != ignored
            found = counted.sum() if weights is None else weights[target[counted]].sum()
            share = self._share
            total = self._processes.total(found if share.rows else torch.zeros_like(found))
            return summed.compute(output, batch) * (share.size / max(1, share.rows) / total)

        return compute

    def _joined(self, value: Any) -> Any:
        """The rows of all processes, of every tensor that has the batch as its first axis."""
        share = self._share

        def joined(leaf: Any) -> Any:
            is_batch = isinstance(leaf, Tensor) and leaf.dim() > 0
            own = leaf.shape[0] if is_batch else 0
            if not is_batch or own != (share.rows or share.sizes[0]):
                return leaf
            found: Tensor = _Joined.apply(leaf, share, self._processes)  # type: ignore[no-untyped-call]
            return found

        return tree_map(joined, value)


class _Joined(torch.autograd.Function):
    """The rows of all processes; what each differentiates of them is its own, as often as all are."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, share: Share, processes: Processes) -> Tensor:
        first = sum(share.sizes[: processes.rank])
        ctx.place, ctx.factor = (first, first + share.rows), share.size / max(1, share.rows)
        ctx.own = own.shape
        return processes.rows(own[: share.rows], share.sizes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        if ctx.place[0] == ctx.place[1]:
            return gradient.new_zeros(ctx.own), None, None
        return gradient[slice(*ctx.place)] * ctx.factor, None, None


def is_alone(term: Term) -> bool:
    """Whether a term is the mean over the samples, or their sum: torch's own losses are, but for some."""
    if term.call is None or _worked_out(term):
        return False
    name = loss_of(term.call)
    entry = lookup.find(name, "loss")
    ours = entry is not None and entry.target.startswith("torch.")
    return ours and (name not in COUPLED or term.call.with_defaults().get("reduction") == "sum")


def _worked_out(term: Term) -> bool:
    return any(isinstance(source, Expression) for source in term.inputs)


def _names(source: Input) -> Sequence[str]:
    return list(source.formula.names) if isinstance(source, Expression) else [source]


def _detached(value: Any) -> Any:
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, value)
