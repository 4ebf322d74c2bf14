"""The batches of a source, and several processes, in; the rows that one of them takes of each out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from yamlnet.training.processes import Processes
from yamlnet.training.sources import Source


class Share(dict[str, Tensor]):
    """The rows of a batch that one process takes.

    `sizes` are how many rows count of each process's; 0 where it has none of its own and takes those of the
    first, so that all of them take the same steps.
    """

    def __init__(self, fields: Mapping[str, Tensor], sizes: Sequence[int], rank: int) -> None:
        super().__init__(fields)
        self.sizes, self.rows, self.size = sizes, sizes[rank], sum(sizes)


@dataclass(frozen=True)
class Divided:
    """A source of which this process takes its share of every batch; none has fewer than `least` rows."""

    source: Source
    processes: Processes
    field: str
    least: int = 1

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Share]:
        """As the source's, each batch divided."""
        for batch in self.source.epoch(epoch, start):
            bounds = divided(len(batch[self.field]), self.processes.count, self.least)
            first, last = bounds[self.processes.rank]
            sizes = [end - begin for begin, end in bounds]
            rows = slice(first, last) if last > first else slice(*bounds[0])
            yield Share({name: values[rows] for name, values in batch.items()}, sizes, self.processes.rank)

    def samples(self, epoch: int, batch: int) -> list[str]:
        """Those of the whole batch."""
        return self.source.samples(epoch, batch)


def divided(size: int, count: int, least: int = 1) -> list[tuple[int, int]]:
    """From where to where each process's rows go, as equal as can be; the last ones may have none."""
    sharers = max(1, min(count, size // least))
    bounds = [size * index // sharers for index in range(sharers + 1)] + [size] * (count - sharers)
    return list(pairwise(bounds))


def least_rows(network: nn.Module) -> int:
    """The fewest rows that a share of a batch may have: a batch normalisation needs two."""
    own = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return 2 if any(not isinstance(module, nn.SyncBatchNorm) for module in own) else 1
