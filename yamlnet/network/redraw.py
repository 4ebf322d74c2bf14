"""A network as the file draws it, and a change -> the network as the file would draw it then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from yamlnet.language.nodes import Chain, Expression, Function, Graph, Holder, Member, Node, Residual
from yamlnet.network.build import adds_outside
from yamlnet.network.changes import Change


def redrawn(root: Node, change: Change) -> Node | None:
    """The tree with the change made; None where the change is inside one of its layers."""
    above = change.name.rpartition(".")[0] if change.op == "add" else change.target
    return _at(root, tuple(above.split(".")) if above else (), lambda node: _changed(node, change))


def _at(node: Member | Node, keys: tuple[str, ...], change: Callable[[Node], Node | None]) -> Node | None:
    """The tree below a node, changed where the keys lead; None where they lead into a layer."""
    if isinstance(node, Residual) and (keys or adds_outside(node)):
        body = _at(node.body, keys, change)
        return None if body is None else replace(node, body=body)
    if not keys:
        return change(node)  # type: ignore[arg-type]  # tensors have no module's name
    if not isinstance(node, Chain | Graph | Holder) or keys[0] not in node.children:
        return None
    inner = _at(node.children[keys[0]], keys[1:], change)
    if inner is None:
        return None
    if not isinstance(node, Chain) and isinstance(inner, Function | Expression):
        inner = Chain(path=inner.path, children={"0": inner})
    return replace(node, children={**node.children, keys[0]: inner})  # type: ignore[arg-type]


def _changed(node: Node, change: Change) -> Node | None:
    last = change.name.rpartition(".")[2]
    if change.op == "replace":
        return change.node
    if change.op == "wrap":
        return Chain(path=change.node.path, children={"0": node, last: change.node})
    if not isinstance(node, Chain):
        return None
    members = list(node.children.items())
    neighbour = change.target.rpartition(".")[2]
    position = next((i + 1 for i, (key, _) in enumerate(members) if key == neighbour), 0)
    members.insert(position, (last, change.node))
    return replace(node, children=dict(members))
