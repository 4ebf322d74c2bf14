"""The calls of a network as the judge makes them -> rows in running order, and the containers around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from yamlnet.diagnostics import Path
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Node


@dataclass(frozen=True)
class Row:
    """One call as it ran: for the summary, and for whoever asks what a layer takes and gives.

    One that failed has neither an output nor what was called. `inside` is the position of the `Whole` around
    it; where `runs` is false, it stands in a branch that a `Select` didn't choose.
    """

    name: str
    type: str
    node: Node
    called: Callable[..., Any] | None
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any
    inside: int | None = None
    runs: bool = True

    @property
    def path(self) -> Path:
        """Where the node stands."""
        return self.node.path


@dataclass(frozen=True)
class Whole:
    """A container or block as it was called; the rows from position `first` on began within it or after."""

    name: str
    node: Node
    first: int
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any = UNKNOWN
    inside: int | None = None
    runs: bool = True
    failed: bool = False


@dataclass
class Journal:
    """Rows and wholes in the order in which they began; the one during which a mistake came up shows it."""

    rows: list[Row] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    _inside: int | None = None
    _runs: bool = True
    _errors_shown: int = 0

    def row(
        self,
        name: str,
        word: str,
        node: Node,
        called: Callable[..., Any] | None,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
        output: Any = UNKNOWN,
    ) -> None:
        """Notes a call."""
        place = (self._inside, self._runs)
        self.rows.append(Row(name, word, node, called, tuple(inputs), keywords, output, *place))

    @contextmanager
    def whole(
        self, name: str, node: Node, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Iterator[Callable[[Any, int], None]]:
        """Notes the call of a container round what runs within; what it gives is called with the result."""
        outer, position = self._inside, len(self.wholes)
        begun = Whole(name, node, len(self.rows), tuple(inputs), keywords, inside=outer, runs=self._runs)
        self.wholes.append(begun)
        self._inside = position

        def ended(output: Any, num_errors: int) -> None:
            self.wholes[position] = replace(begun, output=output, failed=self.shows(num_errors))

        yield ended
        self._inside = outer

    @contextmanager
    def branch(self, runs: bool) -> Iterator[None]:
        """What is noted within runs, or stands in a branch that wasn't chosen."""
        outer = self._runs
        self._runs = outer and runs
        yield
        self._runs = outer

    def shows(self, num_errors: int) -> bool:
        """Whether one of so many errors is shown by no row yet; from now on all are."""
        before, self._errors_shown = self._errors_shown, num_errors
        return num_errors > before
