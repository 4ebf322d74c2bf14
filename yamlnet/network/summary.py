"""What the judge found of a network -> the table of its layers: shapes, parameters, FLOPs, memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import nn

from yamlnet.language.nodes import Model
from yamlnet.language.source import Document
from yamlnet.network.footprint import Footprint
from yamlnet.network.found import Shapes
from yamlnet.network.outline import Item, outline
from yamlnet.network.table import Summary, SummaryRow


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
    last = next((position for position, row in enumerate(rows) if row.note == "error"), len(rows))
    rows = rows[: last + 1]
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
        failed=rows[last].name or "model" if last < len(rows) else None,
    )


def in_training(summary: Summary, step: Footprint) -> Summary:
    """The summary with the memory of a training step."""
    return replace(
        summary,
        optimizer=step.step.optimizer,
        gradient_bytes=step.gradients,
        optimizer_bytes=step.optimizer,
        batch_size=step.step.batch_size,
        step_bytes=step.total,
        step_parts=step.parts,
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
