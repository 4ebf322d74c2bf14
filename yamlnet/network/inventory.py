"""A network and what initialises it -> its parameters and buffers, one by one, and each rule's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from yamlnet.catalog.entry import Call
from yamlnet.language.nodes import Layer, Member, Node, Tensors
from yamlnet.language.source import Document

DEFAULT = "torch's default"


@dataclass(frozen=True)
class Held:
    """A parameter or buffer: `tied_to` is the first name of the same one, `line` that of the initialiser."""

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    tied_to: str | None
    initialised_by: str | None
    file: str | None
    line: int | None


def inventory(
    network: nn.Module,
    nodes: Iterable[tuple[str, Node | Member]],
    chosen: Mapping[str, Sequence[Call]],
    document: Document,
) -> tuple[Held, ...]:
    """Every parameter, then every buffer, in the order of the state dict; `nodes` are the file's by name."""
    named = [*network.named_parameters(remove_duplicate=False)]
    first: dict[int, str] = {}
    for name, parameter in named:
        first.setdefault(id(parameter), name)
    fills = dict(_fills(nodes))
    found = []
    for name, parameter in named:
        owner = first[id(parameter)]
        tied = owner if owner != name else None
        calls = chosen.get(owner) or chosen.get(name) or ()
        words = ", ".join(call.name for call in calls) or fills.get(name, DEFAULT)
        span = document.span(calls[0].path) if calls else None
        place = (span.file, span.line) if span is not None else (None, None)
        by = None if tied else words
        found.append(Held(name, "parameter", *_form(parameter), parameter.requires_grad, tied, by, *place))
    buffers = network.named_buffers(remove_duplicate=False)
    for name, buffer in buffers:
        found.append(Held(name, "buffer", *_form(buffer), False, None, fills.get(name), None, None))
    return tuple(found)


def _form(tensor: Tensor) -> tuple[tuple[int, ...], str]:
    return tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")


def _fills(nodes: Iterable[tuple[str, Node | Member]]) -> Iterator[tuple[str, str]]:
    """What is known of first values beside the initialisers: fills, and the weights of torchvision."""
    for name, node in nodes:
        if isinstance(node, Tensors):
            for key, tensor in node.tensors.items():
                text = str(tensor.fill)
                yield f"{name}.{key}" if key else name, f"fill {text}" if len(text) < 20 else "fill"
        elif isinstance(node, Layer) and isinstance(node.call.arguments.get("weights"), str):
            yield name, f"weights {node.call.arguments['weights']}"
