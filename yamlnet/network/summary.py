"""What the judge found of a network -> the table of its layers: shapes, parameters, FLOPs, memory."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from yamlnet.language.nodes import Model
from yamlnet.network import words
from yamlnet.network.probe import Probe
from yamlnet.network.shapes import Row, Shapes


@dataclass(frozen=True)
class SummaryRow:
    """One call: shapes without the batch, parameters counted where a module is first called.

    `flops` are floating-point operations of one sample forward, a multiplication and an addition
    counted as two (as torch.utils.flop_counter counts).
    """

    name: str
    type: str
    output_shape: str
    parameters: int
    trainable_parameters: int
    flops: int


@dataclass(frozen=True)
class Summary:
    """The table; printing it, or showing it in a notebook, draws it.

    `weight_bytes` counts parameters and buffers, `activation_bytes` the outputs of all calls for one
    sample (of a model of torchvision, those of its layers). A training step also holds the gradients and
    what the optimizer keeps.
    """

    name: str
    inputs: Mapping[str, str]
    rows: tuple[SummaryRow, ...]
    total_parameters: int
    trainable_parameters: int
    total_flops: int
    weight_bytes: int
    activation_bytes: int
    batch_size: int | None = None
    step_bytes: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The object that `summary --format json` prints."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join([*_table(self), "", *_totals(self)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEAD)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in _cells(self)
        )
        totals = "<br>".join(html.escape(line) for line in _totals(self))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><p>{totals}</p>"


def summarise(
    name: str, model: Model, shapes: Shapes, batch_size: int | None = None, optimizer_slots: int | None = None
) -> Summary:
    """The summary of a network without mistakes.

    `optimizer_slots` is how many numbers the optimizer keeps for each trainable parameter.
    """
    rows = []
    seen: set[int] = set()
    activations = 0
    for row in shapes.rows:
        flops, held = _measured(row, shapes.probe)
        rows.append(_row(row, id(row.called) not in seen, flops))
        seen.add(id(row.called))
        activations += held
    modules = shapes.modules.values()
    tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    parameters = [parameter for module in modules for parameter in module.parameters()]
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    weights = _bytes(tensors)
    step = None
    if batch_size is not None and optimizer_slots is not None:
        step = weights + 4 * trainable * (1 + optimizer_slots) + 2 * activations * batch_size
    return Summary(
        name,
        {given.name: str(list(given.shape or ())) for given in model.inputs},
        tuple(rows),
        sum(p.numel() for p in parameters),
        trainable,
        sum(row.flops for row in rows),
        weights,
        activations,
        batch_size,
        step,
    )


def _row(row: Row, first: bool, flops: int) -> SummaryRow:
    parameters = list(row.called.parameters()) if isinstance(row.called, nn.Module) and first else []
    count = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    return SummaryRow(row.name, row.type, words.shape(row.output), count, trainable, flops)


def _measured(row: Row, probe: Probe) -> tuple[int, int]:
    """The operations, counted by torch on one sample of zeros, and the bytes of what comes out of the call.

    What comes out of every layer inside counts where the call is a whole model.
    The kernels that fuse an LSTM or attention hide their operations: oneDNN and they are off, gradients on.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    held = [] if row.type.startswith("torchvision.") else [_bytes(_one_sample(row.output))]
    hooks = _hooked(row.called, held) if not held else []
    inputs, keywords = probe.batch(1, row.inputs, row.keywords)
    before = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)  # type: ignore[no-untyped-call]
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            row.called(*inputs, **keywords)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0], _fp32_precision=None)  # type: ignore[no-untyped-call]
        for hook in hooks:
            hook.remove()
    return int(counter.get_total_flops()), sum(held)


def _hooked(model: Callable[..., Any], held: list[int]) -> list[RemovableHandle]:
    """Hooks that note the bytes of what each layer inside a model gives."""
    assert isinstance(model, nn.Module)

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        held.append(_bytes([leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]))

    layers = [layer for layer in model.modules() if not any(True for _ in layer.children())]
    return [layer.register_forward_hook(note) for layer in layers]


def _one_sample(value: Any) -> list[Tensor]:
    tensors = [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
    return [torch.empty((1, *t.shape[1:]), dtype=t.dtype, device="meta") for t in tensors]


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


_HEAD = ("layer", "type", "output", "parameters", "FLOPs")


def _cells(summary: Summary) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [(name, "", shape, "", "") for name, shape in summary.inputs.items()]
    for row in summary.rows:
        parameters = f"{row.parameters:,}" if row.parameters else ""
        cells.append(
            (row.name, row.type, row.output_shape, parameters, f"{row.flops:,}" if row.flops else "")
        )
    return cells


def _table(summary: Summary) -> list[str]:
    rows = [_HEAD, *_cells(summary)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _totals(summary: Summary) -> list[str]:
    lines = [
        f"parameters  {summary.total_parameters:,} ({summary.trainable_parameters:,} trainable)",
        f"FLOPs       {summary.total_flops:,} for one sample forward",
        f"memory      {size(summary.weight_bytes)} of weights, "
        f"{size(summary.activation_bytes)} of activations a sample",
    ]
    if summary.step_bytes is not None:
        lines.append(
            f"            about {size(summary.step_bytes)} for a training step of {summary.batch_size}"
        )
    return lines


def size(count: float) -> str:
    """Bytes in the unit that reads best: `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1000
    return f"{count:,.3g} TB"
