"""A built network and the nodes that the file draws it of -> which node a module or a line of its code is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import fx, nn

from yamlnet.diagnostics import Path
from yamlnet.language.calls import name_place
from yamlnet.language.nodes import (
    Chain,
    Expression,
    Function,
    Graph,
    Layer,
    Member,
    Node,
    Residual,
)
from yamlnet.network.build import origins


@dataclass(frozen=True)
class Drawing:
    """The nodes of a network by qualified name, and the names of what the network takes."""

    nodes: Mapping[str, Node | Member] = field(default_factory=dict)
    inputs: tuple[str, ...] = ("input",)

    def layer(self, name: str) -> tuple[str, Layer] | None:
        """The layer that a module is, or is a part of, and that layer's name."""
        while True:
            node = self.nodes.get(name)
            if isinstance(node, Layer):
                return name, node
            if not name or node is not None:
                return None
            name = name.rpartition(".")[0]

    def origins(self, name: str) -> Mapping[str, tuple[str, Node]]:
        """The steps and nodes behind the lines of the graph that a module runs, by the lines' names."""
        node = self.nodes.get(name)
        if name and isinstance(node, Chain | Graph | Residual):
            return origins(node, ("input",))
        root = isinstance(node, Chain | Graph | Function | Expression | Residual)
        return origins(node, self.inputs) if root and not name else {}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Called:
    """A layer, function or expression as it was called; `part` is the module within a layer that failed."""

    name: str
    node: Layer | Function | Expression
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any = None
    part: str = ""

    @property
    def title(self) -> str:
        """What the file calls it."""
        return "`expr`" if isinstance(self.node, Expression) else f"`{self.node.call.name}`"

    @property
    def place(self) -> dict[str, Any]:
        """Where the file says it, as a `Mistake` takes it."""
        caller = self.node.caller
        related = ((caller, "called here"),) if caller is not None else ()
        if isinstance(self.node, Expression):
            return {"path": self.node.path, "related": related}
        path: Path = self.node.call.path
        return {"path": path, "at": name_place(path, self.node.call.name), "related": related}


@contextmanager
def plain_calls(network: nn.Module) -> Iterator[None]:
    """Within it graphs are called as any module is.

    The wrapper around the call of a `GraphModule` prints what fails, and takes the traceback's end away.
    """
    classes = {type(module) for module in network.modules() if isinstance(module, fx.GraphModule)}
    wrapped = {cls: vars(cls)["__call__"] for cls in classes if "__call__" in vars(cls)}
    for cls in wrapped:
        type.__setattr__(cls, "__call__", nn.Module.__call__)
    try:
        yield
    finally:
        for cls, call in wrapped.items():
            type.__setattr__(cls, "__call__", call)


def raised_in(error: BaseException, network: nn.Module, drawing: Drawing) -> Called | None:
    """The node whose call raised an exception, with what it took; None where it came from elsewhere."""
    names = {id(module): name for name, module in network.named_modules()}
    found: Called | None = None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = frame.f_locals.get("self")
        name = names.get(id(module)) if isinstance(module, nn.Module) else None
        if name is not None and frame.f_code.co_name == "_call_impl":
            given = frame.f_locals.get("args", ()), frame.f_locals.get("kwargs", {})
            found = _in_module(drawing, name, found, *given) or found
        elif name is not None and isinstance(module, fx.GraphModule) and "eval_with_key" in _file(frame):
            found = _in_line(drawing, name, module, trace.tb_lineno, frame.f_locals) or found
        trace = trace.tb_next
    return found


def _file(frame: Any) -> str:
    return str(frame.f_code.co_filename)


def _in_module(
    drawing: Drawing, name: str, found: Called | None, inputs: tuple[Any, ...], keywords: Mapping[str, Any]
) -> Called | None:
    layer = drawing.layer(name)
    if layer is None:
        return None
    if found is not None and found.node is layer[1]:
        return Called(found.name, found.node, found.inputs, found.keywords, part=name)
    return Called(*layer, inputs, keywords)


def _in_line(
    drawing: Drawing, name: str, module: fx.GraphModule, number: int, values: Mapping[str, Any]
) -> Called | None:
    """The function or expression that a line of generated code computes."""
    position = module._lineno_map.get(number - module._prologue_start)
    if position is None:
        return None
    line = list(module.graph.nodes)[position]
    step, node = drawing.origins(name).get(line.name, ("", None))
    if line.op not in ("call_function", "call_method") or not isinstance(node, Function | Expression):
        return None
    inputs = tuple(fx.map_arg(line.args, lambda each: values.get(str(each))))
    return Called(_joined(name, step), node, inputs, fx.map_arg(line.kwargs, lambda x: values.get(str(x))))


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
