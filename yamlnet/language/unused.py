"""A graph -> a warning for each value and input that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable

from yamlnet.diagnostics import Mistake
from yamlnet.language.nodes import Graph, Node, Source, Wire, child, outputs, takes_before


def unused(graph: Graph) -> list[Mistake]:
    """Warns of values that no later step takes and that aren't the output."""
    mistakes = []
    used = _values(outputs(graph.output))
    for step in reversed(graph.steps):
        if step.name not in used:
            message = f"nothing uses the value of `{step.name}`"
            mistakes.append(Mistake("unused-value", step.path, message, severity="warning", at="key"))
        used.discard(step.name)
        used |= _values(step.sources)
        called: Node = child(graph, step.called) if isinstance(step.called, tuple) else step.called
        if takes_before(step, called):
            used |= _values((step.before,))
    for position, name in enumerate(graph.inputs):
        if name not in used:
            message = f"nothing uses the input `{name}`"
            key = name if len(graph.path) == 2 else position
            place = (*graph.path[:-1], "inputs", key) if len(graph.inputs) > 1 else graph.path
            mistakes.append(Mistake("unused-value", place, message, severity="warning", at="key"))
    return mistakes


def _values(wires: Iterable[Wire]) -> set[str]:
    return {wire.value for wire in wires if isinstance(wire, Source)}
