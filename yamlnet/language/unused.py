"""A graph -> a warning for each value and input that nothing uses."""

from __future__ import annotations

from collections.abc import Mapping

from yamlnet.diagnostics import Mistake
from yamlnet.language.nodes import Graph, Output, Source


def unused(graph: Graph) -> list[Mistake]:
    """Warns of values that no later step takes and that aren't the output."""
    mistakes = []
    used = {source.value for source in _sources(graph.output)}
    for step in reversed(graph.steps):
        if step.name not in used:
            message = f"nothing uses the value of `{step.name}`"
            mistakes.append(Mistake("unused-value", step.path, message, severity="warning", at="key"))
        used.discard(step.name)
        used |= {source.value for source in step.sources}
        if not step.positional and step.keywords:
            used.add(step.before.value)
    for position, name in enumerate(graph.inputs):
        if name not in used:
            message = f"nothing uses the input `{name}`"
            key = name if len(graph.path) == 2 else position
            place = (*graph.path[:-1], "inputs", key) if len(graph.inputs) > 1 else graph.path
            mistakes.append(Mistake("unused-value", place, message, severity="warning", at="key"))
    return mistakes


def _sources(output: Output) -> tuple[Source, ...]:
    if isinstance(output, Source):
        return (output,)
    return tuple(output.values()) if isinstance(output, Mapping) else output
