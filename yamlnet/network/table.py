"""The table of a network's layers, and how a terminal, GitHub's Markdown and a notebook draw it."""

from __future__ import annotations

import html
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from yamlnet.network.inventory import Held
from yamlnet.network.memory import size
from yamlnet.network.trace import Sizes

Cells = tuple[str, ...]
SHORTEST = 8
"""Columns of words aren't cut below this."""

LEFT = ("line", "layer", "type", "input", "output", "name", "shape", "dtype", "tied to", "initialised by")
CUT = ("layer", "type", "input", "output", "name", "tied to", "initialised by")


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

    `step_bytes` is what a training step holds, by the formula of `network.footprint`, None where the file
    has no data or no optimizer, and `step_parts` what it is made of. `failed` is the name of the node where
    a mistake ends the table. `tree` has a row for each line of the table.
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
    step_parts: Mapping[str, int] = field(default_factory=dict)
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
        return text(self)

    def __repr__(self) -> str:
        return text(self, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)

    def _repr_html_(self) -> str:
        return page(self)


def text(summary: Summary, width: int | None = None) -> str:
    """The table and the totals; for a terminal of `width` columns, shortened where it is wider."""
    head, rows = cells(summary, "{:,}".format)
    if width is not None and sum(_widths([head, *rows])) + 2 * (len(head) - 1) > width:
        head, rows = cells(summary, short)
    return "\n".join([*_columns(head, rows, width), "", *totals(summary)])


def markdown(summary: Summary) -> str:
    """The table and the totals as GitHub's Markdown."""
    head, rows = cells(summary, "{:,}".format)
    lines = [f"- {line.strip()}" for line in totals(summary)]
    return "\n".join([*_piped(head, rows), "", *lines])


def page(summary: Summary) -> str:
    """The table and the totals as HTML."""
    head, rows = cells(summary, "{:,}".format)
    titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell).replace('  ', '&emsp;')}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    words = "<br>".join(html.escape(line) for line in totals(summary))
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table><p>{words}</p>"


def cells(summary: Summary, number: Callable[[int], str]) -> tuple[Cells, list[Cells]]:
    """The table's head and rows. There is a column for what is trainable where not all is."""
    some = summary.trainable_parameters != summary.total_parameters
    trainable = ("trainable",) if some else ()
    head = ("line", "layer", "type", "input", "output", "parameters", *trainable, "FLOPs", "memory")
    found = [
        ("", name, "input", "", shape, *("" for _ in head[5:])) for name, shape in summary.inputs.items()
    ]
    least = min((row.depth for row in summary.tree), default=0)
    for row in summary.tree:
        count = [row.parameters, *([row.trainable_parameters] if some else [])]
        found.append(
            (
                _place(row, summary.file),
                "  " * (row.depth - least) + row.label,
                row.type + (f" ({row.note})" if row.note and row.note != "error" else ""),
                _shapes(row.input_shapes),
                "error" if row.note == "error" else row.output_shape,
                *(f"{each:,}" if row.parameters else "" for each in count),
                number(row.flops) if row.flops else "",
                size(row.activation_bytes) if row.activation_bytes else "",
            )
        )
    return head, found


def _place(row: SummaryRow, file: str) -> str:
    """The line of what the file says; of a base file with its name."""
    if row.line is None or row.inner:
        return ""
    if row.file == file:
        return str(row.line)
    return str(row.file) if str(row.file).startswith("--") else f"{row.file}:{row.line}"


def _shapes(shapes: Sequence[Sizes]) -> str:
    """Shapes as they are printed; several alike in a row are said once."""
    runs = [(sizes, len([*alike])) for sizes, alike in groupby(shapes)]
    return ", ".join(
        f"{count} x " * (count > 1) + "[" + ", ".join(map(str, sizes)) + "]" for sizes, count in runs
    )


def totals(summary: Summary) -> list[str]:
    """The lines below the table."""
    frozen = summary.total_parameters - summary.trainable_parameters
    counted = f"{summary.trainable_parameters:,} trainable, {frozen:,} frozen" if frozen else "all trainable"
    if not summary.total_parameters:
        counted = "nothing to train"
    lines = [
        f"parameters  {summary.total_parameters:,} ({counted})",
        f"FLOPs       {summary.total_flops:,} for one sample forward",
        f"memory      {size(summary.weight_bytes)} of weights, "
        f"{size(summary.activation_bytes)} of activations a sample",
    ]
    if summary.step_bytes is not None and summary.batch_size is not None:
        words = " + ".join(f"{name} {size(count)}" for name, count in summary.step_parts.items())
        lines.append(f"step of {summary.batch_size}".ljust(12) + f"{size(summary.step_bytes)}: {words}")
    if summary.failed is not None:
        return [f"the table ends at `{summary.failed}`, where the mistake is"]
    return lines


def short(count: float) -> str:
    """A number in the unit that reads best: `3.63 G`."""
    for unit in ("", "k", "M", "G"):
        if count < 999.5:
            return f"{count:.3g} {unit}".strip()
        count /= 1000
    return f"{count:,.3g} T"


# -- parameters and rules -------------------------------------------------------------------------


def parameters(held: Sequence[Held]) -> tuple[Cells, list[Cells]]:
    """The table of parameters and buffers."""
    tied = any(one.tied_to for one in held)
    head = ("name", "shape", "dtype", "trainable", *(["tied to"] if tied else []), "initialised by")
    return head, [
        (
            one.name,
            str(list(one.shape)),
            one.dtype,
            "buffer" if one.kind == "buffer" else "yes" if one.trainable else "frozen",
            *([one.tied_to or ""] if tied else []),
            _by(one),
        )
        for one in held
    ]


def rules(held: Sequence[Held]) -> tuple[Cells, list[Cells]]:
    """Each initialiser and the parameters that it sets, in the order of the file; torch's defaults last."""
    found: dict[tuple[str, int, str], list[str]] = {}
    for one in held:
        if one.initialised_by is not None and one.kind == "parameter":
            key = (one.file or "~", one.line or 0, _by(one))
            found.setdefault(key, []).append(one.name)
    rows: list[Cells] = [
        (key[2] if position == 0 else "", name)
        for key in sorted(found)
        for position, name in enumerate(found[key])
    ]
    return ("initialised by", "name"), rows


def _by(one: Held) -> str:
    if one.initialised_by is None:
        return ""
    return one.initialised_by + (f" (line {one.line})" if one.line is not None else "")


def drawn(table: tuple[Cells, list[Cells]], form: str, width: int | None = None) -> str:
    """A table as `text` or as `markdown`."""
    return "\n".join(_piped(*table) if form == "markdown" else _columns(*table, width))


# -- drawing --------------------------------------------------------------------------------------


def _widths(rows: Iterable[Cells]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _columns(head: Cells, rows: Sequence[Cells], width: int | None) -> list[str]:
    widths = _widths([head, *rows])
    while width is not None and (over := sum(widths) + 2 * (len(head) - 1) - width) > 0:
        wide = max((w, i) for i, (w, title) in enumerate(zip(widths, head, strict=True)) if title in CUT)
        if wide[0] <= SHORTEST:
            break
        others = [w for i, w in enumerate(widths) if head[i] in CUT and i != wide[1]]
        widths[wide[1]] = max(wide[0] - over, min(wide[0] - 1, max(others, default=0)), SHORTEST)
    lines = []
    for row in [head, tuple("-" * width for width in widths), *rows]:
        cut = [
            cell if len(cell) <= room else cell[: room - 1] + "…"
            for cell, room in zip(row, widths, strict=True)
        ]
        placed = [
            cell.ljust(room) if title in LEFT and title != "line" else cell.rjust(room)
            for cell, room, title in zip(cut, widths, head, strict=True)
        ]
        lines.append("  ".join(placed).rstrip())
    return lines


def _piped(head: Cells, rows: Sequence[Cells]) -> list[str]:
    marks = [":--" if title in LEFT and title != "line" else "--:" for title in head]
    lines = [head, marks, *([_escaped(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _escaped(cell: str) -> str:
    """A cell whose indentation stays, and whose characters are no marks of Markdown."""
    words = cell.lstrip(" ")
    indent = "&nbsp;" * (len(cell) - len(words))
    for mark in "\\|*_`<":
        words = words.replace(mark, f"\\{mark}")
    return indent + words
