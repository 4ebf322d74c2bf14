"""What the judge of shapes finds: layers, tensors, rows, the output, and every mistake."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.expressions import UNKNOWN
from yamlnet.network.construct import Construction
from yamlnet.network.journal import Journal, Row
from yamlnet.network.probe import Probe

Value = Any
"""A tensor with batch 0, a tuple, list or dict of them, or UNKNOWN."""


MERGED = "mixes the samples of a batch"
"""What is said of a call whose result has the batch in no axis of its own."""


def blame_merging(mistakes: list[Mistake], consequence: Mistake) -> bool:
    """As `Shapes.blame_merging`, of a list."""
    for place, mistake in reversed(list(enumerate(mistakes))):
        if mistake.severity == "warning" and mistake.message.endswith(MERGED):
            related = (*mistake.related, (consequence.path, consequence.message))
            mistakes[place] = replace(mistake, severity="error", related=related)
            return True
    return False


@dataclass
class Shapes:
    """What the judge found: each layer's construction and empty module, a row for each call, the output.

    `makers` has the node that gave a value, by the value's id; `failed` the names of layers that couldn't be
    made. `categories` has how many a value's numbers are of, by its id, and `filled` the calls of functions
    with the sizes that follow from them, by the ids of their nodes.
    """

    constructions: dict[str, Construction] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    tensors: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    output: Value = UNKNOWN
    mistakes: list[Mistake] = field(default_factory=list)
    probe: Probe = field(default_factory=Probe)
    makers: dict[int, Path] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    categories: dict[int, Any] = field(default_factory=dict)
    filled: dict[int, Call] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """The calls in running order."""
        return self.journal.rows

    @property
    def num_errors(self) -> int:
        """How many of the mistakes are more than warnings."""
        return sum(mistake.severity == "error" for mistake in self.mistakes)

    @property
    def complete(self) -> bool:
        """Whether everything is known: no error, and no input or size that waits for the data."""
        return not self.num_errors and all(leaf is not UNKNOWN for leaf in tree_leaves(self.output))

    @property
    def merged(self) -> bool:
        """Whether something that the network gives has the batch in no axis."""
        given = [leaf for leaf in tree_leaves(self.output) if isinstance(leaf, Tensor)]
        return not all(map(self.probe.has_batch, given))

    def blame_merging(self, consequence: Mistake) -> bool:
        """Makes the warning of the last merged batch the error that follows from it, where there is one."""
        return blame_merging(self.mistakes, consequence)

    def wrong(self, mistake: Mistake) -> Value:
        """Adds a mistake, once; what it is about is unknown."""
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        return UNKNOWN
