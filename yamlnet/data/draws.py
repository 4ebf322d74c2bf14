"""A split's fields and a draw of the file in; for each sample another one of the split, drawn anew, out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from yamlnet.diagnostics import Mistake, MistakeError
from yamlnet.language.experiment import Draw


@dataclass(frozen=True, eq=False)
class Choice:
    """What each sample's partner is drawn from, int64 [samples] each, on the CPU.

    `order` has the samples so that those to draw from stand together, but for a gap: the `count` at `start`,
    where whatever is at `gap` or later is moved on by `width`.
    """

    order: Tensor
    start: Tensor
    count: Tensor
    gap: Tensor
    width: Tensor

    def draw(self, generator: torch.Generator) -> Tensor:
        """A partner for each sample, all that suit being equally likely: int64 [samples]."""
        drawn = torch.randint(2**62, self.start.shape, generator=generator) % self.count
        position = self.start + drawn
        position += self.width * (position >= self.gap)
        return self.order[position]


def choice(fields: Mapping[str, Tensor], draw: Draw) -> Choice:
    """What is drawn from: others with an equal `same` field and another `different` one."""
    count = len(next(iter(fields.values())))
    like = _numbered(fields[draw.same]) if draw.same else torch.zeros(count, dtype=torch.int64)
    unlike = _numbered(fields[draw.different]) if draw.different else torch.arange(count)
    both = like * count + unlike
    order = both.argsort(stable=True)
    groups, parts = like[order], both[order]
    start, end = torch.searchsorted(groups, like), torch.searchsorted(groups, like, right=True)
    gap, over = torch.searchsorted(parts, both), torch.searchsorted(parts, both, right=True)
    return Choice(order, start, (end - start) - (over - gap), gap, over - gap)


def _numbered(values: Tensor) -> Tensor:
    """Values by their rank, from 0."""
    numbers: Tensor = torch.unique(values.cpu(), return_inverse=True)[1]
    return numbers


def check_draws(fields: Mapping[str, Tensor], draws: Mapping[str, Draw], split: str) -> None:
    """Raises MistakeError where a sample of the split has no partner; what is no class is seen elsewhere."""
    for name, draw in draws.items():
        said = [fields.get(field) for field in (draw.same, draw.different) if field is not None]
        if any(field is None or field.dim() != 1 or field.is_floating_point() for field in said):
            continue
        alone = (choice(fields, draw).count == 0).nonzero().flatten()
        if len(alone):
            raise MistakeError(_lonely(name, draw, fields, int(alone[0]), f"of the {split} split"))


def _lonely(name: str, draw: Draw, fields: Mapping[str, Tensor], sample: int, where: str) -> Mistake:
    """The mistake of a draw that leaves a sample alone."""
    place = ("data", "draw", name)
    same = draw.same and int(fields[draw.same][sample])
    other = draw.different and int(fields[draw.different][sample])
    key = "same" if draw.same else "different"
    if draw.same and draw.different:
        message = f"no sample {where} has {same} as its `{draw.same}` and no {other} as `{draw.different}`"
    elif draw.same:
        message = f"only one sample {where} has {same} as its `{draw.same}`: there is no other to draw"
    elif draw.different:
        message = f"all samples {where} have {other} as `{draw.different}`: there is no other to draw"
    else:
        return Mistake("wrong-value", place, f"only one sample is there {where}: no other to draw", at="key")
    return Mistake("wrong-value", (*place, key), message)
