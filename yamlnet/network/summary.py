"""What the judge found of a network -> the table of its layers: shapes, parameters, FLOPs, memory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import nn

from yamlnet.language.nodes import Model
from yamlnet.language.source import Document
from yamlnet.network import table
from yamlnet.network.found import Shapes
from yamlnet.network.inventory import Held
from yamlnet.network.outline import Item, outline
from yamlnet.network.trace import Sizes


@dataclass(frozen=True)
class SummaryRow:
    """A layer, function, container or value: shapes without the batch, parameters where they come first.

    `flops` are floating-point operations of one sample forward, a multiplication and an addition counted
    as two (as torch.utils.flop_counter counts); `activation_bytes` is what the call newly keeps for the
    backward pass of one sample. A container has what is in it together; nothing is below a `leaf`, and an
    `inner` row is a module within a layer. `note` is `shared`, `tied`, `not called`, `not chosen` or `error`.
    """

    name: str
    type: str
    file: str | None
    line: int | None
    depth: int
    input_shapes: tuple[Sizes, ...]
    output_shapes: tuple[Sizes, ...]
    output_shape: str
    parameters: int
    trainable_parameters: int
    flops: int
    activation_bytes: int
    label: str
    leaf: bool
    inner: bool
    note: str | None


@dataclass(frozen=True)
class Summary:
    """The table; printing it, or showing it in a notebook, draws it.

    A training step holds the parameters and buffers (`weight_bytes`), a gradient for each trainable
    parameter, what the optimizer keeps, and for each sample of the batch what autograd saves
    (`activation_bytes`); `step_bytes` is None where the file has no data or no optimizer. `failed` is
    the name of the node where a mistake ends the table. `tree` has a row for each line of the table.
    """

    name: str
    file: str
    inputs: Mapping[str, str]
    tree: tuple[SummaryRow, ...]
    parameters: tuple[Held, ...] = ()
    total_parameters: int = 0
    trainable_parameters: int = 0
    total_flops: int = 0
    weight_bytes: int = 0
    activation_bytes: int = 0
    gradient_bytes: int = 0
    optimizer: str | None = None
    optimizer_bytes: int | None = None
    batch_size: int | None = None
    step_bytes: int | None = None
    failed: str | None = None

    @property
    def rows(self) -> tuple[SummaryRow, ...]:
        """The rows with nothing below them: a layer, function or value each, which add up to the totals."""
        return tuple(row for row in self.tree if row.leaf)

    def as_dict(self) -> dict[str, Any]:
        """The object that `summary --format json` prints; its containers stand apart from the other rows."""
        found = asdict(self)
        tree = found.pop("tree")
        rows = [row for row in tree if row["leaf"]]
        containers = [row for row in tree if not row["leaf"]]
        return {"name": found.pop("name"), "rows": rows, "containers": containers, **found}

    def __str__(self) -> str:
        return table.text(self)

    def __repr__(self) -> str:
        return table.text(self, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)

    def _repr_html_(self) -> str:
        return table.page(self)


@dataclass(frozen=True)
class Keeps:
    """What an optimizer keeps: so many numbers for each trainable parameter."""

    name: str
    num_slots: int


def summarise(
    name: str,
    model: Model,
    shapes: Shapes,
    document: Document,
    network: nn.Module | None = None,
    depth: int | None = None,
) -> Summary:
    """The summary of a network, or of what could be judged of it; `network` is it as a whole.

    Rows deeper than `depth` are left out, and counted in their container's. Without a depth there is a row
    for all that the file says, and none for the modules inside a layer.
    """
    given = {given.name: str(list(given.shape or ())) for given in model.inputs if given.shape is not None}
    root = outline(shapes, network)
    if root is None:
        return Summary(name, document.file, given, ())
    rows = tuple(_rows(root, document, depth))
    rows = rows if len(rows) == 1 else rows[1:]
    tensors: list[Any] = list(shapes.modules.values()) if network is None else [network]
    held = {id(t): t for module in tensors for t in (*module.parameters(), *module.buffers())}
    trainable = [p for p in root.counted if p.requires_grad]
    return Summary(
        name,
        document.file,
        given,
        rows,
        (),
        root.num_parameters,
        root.num_trainable,
        root.flops,
        sum(tensor.nbytes for tensor in held.values()),
        root.kept_bytes,
        sum(parameter.nbytes for parameter in trainable),
        failed=next((row.name or "model" for row in rows if row.note == "error"), None),
    )


def in_training(summary: Summary, optimizer: Keeps, batch_size: int) -> Summary:
    """The summary with the memory of a training step."""
    kept = optimizer.num_slots * summary.gradient_bytes
    step = summary.weight_bytes + summary.gradient_bytes + kept + batch_size * summary.activation_bytes
    return replace(
        summary, optimizer=optimizer.name, optimizer_bytes=kept, batch_size=batch_size, step_bytes=step
    )


def _rows(
    item: Item, document: Document, limit: int | None, above: str = "", depth: int = 0
) -> Iterator[SummaryRow]:
    """An item and those below it, as deep as wanted."""
    below = [child for child in item.children if (not child.inner if limit is None else depth < limit)]
    span = None if item.path is None else document.span(item.path, "key")
    stops = item.failed or (item.stops and not below)
    yield SummaryRow(
        item.name,
        item.type,
        None if span is None else span.file,
        None if span is None else span.line,
        depth,
        item.inputs,
        item.outputs,
        item.output,
        item.num_parameters,
        item.num_trainable,
        item.flops,
        item.kept_bytes,
        _label(item.name, above),
        not below,
        item.inner,
        "error" if stops else item.note,
    )
    for child in below:
        yield from _rows(child, document, limit, item.name, depth + 1)


def _label(name: str, above: str) -> str:
    """A name as it is said within a container."""
    if name.startswith(f"{above}.") and above:
        return name.removeprefix(f"{above}.")
    return (name if not above else name.rpartition(".")[2]) or "model"
