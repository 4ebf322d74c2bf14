"""A Model and the calls of its functions, sizes inferred, in; the Model with these calls out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from yamlnet.catalog.entry import Call
from yamlnet.language.nodes import Chain, Function, Graph, Holder, Model, Residual, Step

Kind = TypeVar("Kind")


def filled(model: Model, calls: Mapping[int, Call]) -> Model:
    """The model whose functions have these calls, given by the ids of their nodes."""
    return replace(model, root=_node(model.root, calls)) if calls else model


def _node(node: Kind, calls: Mapping[int, Call]) -> Kind:
    if isinstance(node, Function):
        return replace(node, call=calls.get(id(node), node.call))
    if isinstance(node, Residual):
        return replace(node, body=_node(node.body, calls))
    if isinstance(node, Chain | Holder | Graph):
        children: Any = {key: _node(inner, calls) for key, inner in node.children.items()}
        node = replace(node, children=children)
    if isinstance(node, Graph):
        node = replace(node, steps=tuple(_step(step, calls) for step in node.steps))
    return node


def _step(step: Step, calls: Mapping[int, Call]) -> Step:
    called = step.called
    return step if isinstance(called, tuple) else replace(step, called=_node(called, calls))
