"""A step that isn't finite, taken once more, in; what gave the first such number, in which samples, out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from yamlnet.diagnostics import Mistake, plural
from yamlnet.language.calls import name_place
from yamlnet.network.drawing import Called
from yamlnet.network.rerun import noted
from yamlnet.training.failure import place_of, taken, title_of
from yamlnet.training.loop import Loop, NotFiniteError
from yamlnet.training.objective import Batch
from yamlnet.training.setup import Task

MOST_NAMES = 8
"""How many samples a message names."""

OFTEN = "a lower learning rate or `train.clip` often helps"


@dataclass
class _Calls:
    """What the calls of a forward pass gave that isn't finite.

    `first` is the first call whose result isn't, though what it took is; `turned` the first that gives nan
    where it took none. With `gradients`, what the backward pass brings to each is kept.
    """

    num_samples: int
    gradients: bool = False
    first: Called | None = None
    turned: Called | None = None
    rows: Tensor | None = None
    arrived: list[tuple[Called, dict[str, bool], list[Tensor]]] = field(default_factory=list)

    def note(self, called: Called) -> None:
        given = list(_floats((called.inputs, dict(called.keywords))))
        results = list(_floats(called.output))
        if self.gradients:
            self.follow(called, given, results)
        if _all_finite(results):
            return
        if self.first is None and _all_finite(given) and not _means_infinity(called):
            self.first, self.rows = called, _rows(results, self.num_samples)
        has_nan = any(bool(each.isnan().any()) for each in results)
        if self.turned is None and has_nan and not any(bool(each.isnan().any()) for each in given):
            self.turned = called
            self.rows = _rows(results, self.num_samples) if self.first is None else self.rows

    def follow(self, called: Called, given: list[Tensor], results: list[Tensor]) -> None:
        """Notes which gradients of a call aren't finite, as they arrive."""
        seen: dict[str, bool] = {}
        rows: list[Tensor] = []
        self.arrived.append((called, seen, rows))

        def arrives(kind: str, gradient: Tensor) -> None:
            bad = not bool(gradient.isfinite().all())
            seen[kind] = seen.get(kind, False) or bad
            if bad and kind == "given":
                found = _rows([gradient], self.num_samples)
                rows.extend([] if found is None else [found])

        for kind, tensors in (("given", given), ("result", results)):
            for tensor in tensors:
                if tensor.requires_grad:
                    tensor.register_hook(partial(arrives, kind))  # type: ignore[no-untyped-call]


class Diagnosis:
    """Takes a step of a task once more; the caller puts the training's state back before and after."""

    def __init__(self, task: Task, loop: Loop, step: int, epoch: int) -> None:
        self.task, self.loop = task, loop
        self.when = f"at step {step}, in epoch {epoch + 1}"
        self.epoch = epoch

    def of(self, found: NotFiniteError, group: Sequence[Batch], first_batch: int) -> Mistake:
        """The mistake that tells of it; `first_batch` is the number of the group's first in its epoch."""
        if found.what == "weights":
            return self._of_weights()
        num_samples = sum(len(batch[self.loop.field]) for batch in group)
        last = found.batch if found.what == "loss" else len(group) - 1
        for index, batch in enumerate(group[: last + 1]):
            bad = _bad_field(batch)
            names = self.task.sources.train.samples(self.epoch, first_batch + index)
            if bad is not None and (found.what == "gradient" or index == last):
                return self._of_field(found, bad, batch[bad], names)
            part = len(batch[self.loop.field]) / num_samples
            mistake = self._of_batch(found, batch, part, names, gradients=found.what == "gradient")
            if mistake is not None and (found.what == "gradient" or index == last):
                return mistake
        return self._unknown(found)

    def _of_batch(
        self, found: NotFiniteError, batch: Batch, part: float, names: Sequence[str], gradients: bool
    ) -> Mistake | None:
        calls = _Calls(len(names), gradients)
        with noted(self.task.model, self.task.places.drawing, calls.note):
            output, _, losses = self.loop.forward(batch)
        if not gradients:
            culprit = calls.first or calls.turned
            if culprit is not None:
                return self._of_call(found, culprit, _kind(culprit.output), calls.rows, names)
            return self._of_loss(found, losses, output, names)
        leaves = [leaf for leaf in _floats(output) if leaf.requires_grad]
        brought: list[Tensor] = []
        for leaf in leaves:
            leaf.register_hook(brought.append)  # type: ignore[no-untyped-call]
        self.loop.objective.total(losses, part).backward()  # type: ignore[no-untyped-call]
        if brought and not _all_finite(brought):
            return self._of_loss(found, losses, output, names)
        return self._of_gradient(found, calls, names)

    def _of_gradient(self, found: NotFiniteError, calls: _Calls, names: Sequence[str]) -> Mistake | None:
        """The call, from the end on, whose result has a finite gradient, and what it took or holds hasn't."""
        for called, seen, rows in reversed(calls.arrived):
            own = [p.grad for p in self._parameters(called) if p.grad is not None]
            if not seen.get("result", False) and (seen.get("given", False) or not _all_finite(own)):
                joined = torch.cat(rows).unique() if rows else None  # type: ignore[no-untyped-call]
                return self._of_call(found, called, "", joined, names)
        return None

    def _parameters(self, called: Called) -> list[Any]:
        modules = dict(self.task.model.named_modules())
        return list(modules[called.name].parameters()) if called.name in modules else []

    # -- the words ------------------------------------------------------------------------------

    def _headline(self, found: NotFiniteError) -> str:
        value = f" is {found.value}" if found.what == "loss" else " isn't finite"
        return f"the training {found.what}{value} {self.when}"

    def _of_field(self, found: NotFiniteError, name: str, values: Tensor, names: Sequence[str]) -> Mistake:
        data = self.task.experiment.data
        path = ("data",) if data is None else data.dataset.path
        at = "value" if data is None else name_place(path, data.dataset.name)
        bad = listed(_rows([values], len(names)), names)
        help = f"{bad}; `train.non_finite: skip` leaves such steps out"
        return Mistake(
            "not-finite", path, f"{self._headline(found)}: `{name}` holds {_kind(values)}", help, at=at
        )

    def _of_call(
        self, found: NotFiniteError, called: Called, kind: str, rows: Tensor | None, names: Sequence[str]
    ) -> Mistake:
        if found.what == "loss":
            what = f"{called.title} is the first to give {kind}"
        else:
            what = f"it becomes so in {called.title}"
        weights = [
            name
            for name, value in (
                dict(self.task.model.named_modules()).get(called.name) or torch.nn.Module()
            ).named_parameters()
            if not bool(value.isfinite().all())
        ]
        held = f"; its `{weights[0]}` isn't finite" if weights else ""
        help = f"{taken(called)}{held}\n{listed(rows, names)}; {OFTEN}"
        return Mistake("not-finite", message=f"{self._headline(found)}: {what}", help=help, **called.place)

    def _of_loss(
        self, found: NotFiniteError, losses: Sequence[Tensor], output: Any, names: Sequence[str]
    ) -> Mistake | None:
        section = self.task.experiment.loss
        terms = [] if section is None else list(section.terms.values())
        bad = [term for term, loss in zip(terms, losses, strict=True) if not bool(loss.isfinite())]
        if not terms or (found.what == "loss" and not bad):
            return None
        term = (bad or terms)[0]
        title = title_of(term)
        what = f"{title} gives it" if found.what == "loss" else f"it is so behind {title}"
        message = f"{self._headline(found)}: {what}, and the network's output is finite"
        help = f"{listed(_rows(list(_floats(output)), len(names)), names)}; {OFTEN}"
        return Mistake("not-finite", message=message, help=help, **place_of(term))

    def _of_weights(self) -> Mistake:
        section = self.task.experiment.optimizer
        assert section is not None
        path, name = section.call.path, section.call.name
        message = f"the step of `{name}` makes weights that aren't finite {self.when}"
        return Mistake("not-finite", path, message, OFTEN, at=name_place(path, name))

    def _unknown(self, found: NotFiniteError) -> Mistake:
        return Mistake("not-finite", ("model",), self._headline(found), OFTEN, at="key")


def listed(rows: Tensor | None, names: Sequence[str]) -> str:
    """The samples at these positions of a batch, by their names; of many, the first."""
    if rows is None or len(rows) == 0 or len(rows) == len(names):
        chosen, lead = list(names), f"all of the batch's {plural(len(names), 'sample')}: "
    else:
        chosen = [names[row] for row in rows.tolist()]
        lead = f"{len(chosen)} of {plural(len(names), 'sample')}: " if len(names) > 1 else ""
    rest = len(chosen) - MOST_NAMES
    return lead + ", ".join(chosen[:MOST_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


def _bad_field(batch: Mapping[str, Tensor]) -> str | None:
    return next((name for name, values in batch.items() if not _all_finite([values])), None)


def _rows(values: Sequence[Tensor], num_samples: int) -> Tensor | None:
    """The positions on the first axis where something isn't finite; None where that axis isn't the batch."""
    found = torch.zeros(num_samples, dtype=torch.bool)
    for value in values:
        if value.dim() and len(value) == num_samples:
            found |= ~value.detach().isfinite().reshape(num_samples, -1).all(1).cpu()
    return found.nonzero().flatten() if bool(found.any()) else None


def _floats(value: Any) -> Iterator[Tensor]:
    for leaf in tree_leaves(value):
        if isinstance(leaf, Tensor) and (leaf.is_floating_point() or leaf.is_complex()):
            yield leaf


def _all_finite(values: Sequence[Tensor]) -> bool:
    return all(bool((v._values() if v.is_sparse else v).detach().isfinite().all()) for v in values)


def _kind(value: Any) -> str:
    """`nan`, `inf` or `-inf`: which of them a value has."""
    leaves = list(_floats(value))
    for word, test in (("nan", torch.isnan), ("inf", torch.isposinf), ("-inf", torch.isneginf)):
        if any(not leaf.is_complex() and bool(test(leaf).any()) for leaf in leaves):
            return word
    return "no finite numbers"


def _means_infinity(called: Called) -> bool:
    """Whether a call is given an infinity by the file, as a mask is."""
    values = tree_leaves((called.inputs, dict(called.keywords)))
    return any(isinstance(value, float) and not math.isfinite(value) for value in values)
