"""A network that runs once more -> each call of a layer, function or expression of the file, as it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import fx, nn

from yamlnet.language.nodes import Expression, Function, Node
from yamlnet.network.drawing import Called, Drawing

Note = Callable[[Called], object]


@contextmanager
def noted(network: nn.Module, drawing: Drawing, note: Note) -> Iterator[None]:
    """Within it `note` is told of each call; graphs are interpreted line by line."""
    with ExitStack() as stack:
        hooked: set[str] = set()
        for name, module in network.named_modules():
            layer = drawing.layer(name)
            if layer is not None and layer[0] not in hooked:
                hooked.add(layer[0])
                hook = partial(_ended, note, Called(*layer, (), {}))
                stack.callback(module.register_forward_hook(hook, with_kwargs=True).remove)
            elif layer is None and isinstance(module, fx.GraphModule):
                stack.enter_context(_interpreted(module, _Interpreter(module, drawing, name, note)))
        yield


def _ended(
    note: Note, called: Called, module: nn.Module, inputs: Any, keywords: Mapping[str, Any], output: Any
) -> None:
    note(Called(called.name, called.node, inputs, keywords, output))


@contextmanager
def _interpreted(module: fx.GraphModule, interpreter: fx.Interpreter) -> Iterator[None]:
    module.__dict__["forward"] = interpreter.run
    try:
        yield
    finally:
        del module.__dict__["forward"]


class _Interpreter(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, drawing: Drawing, name: str, note: Note) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.origins: Mapping[str, tuple[str, Node]] = drawing.origins(name)
        self.prefix = f"{name}." if name else ""
        self.note = note

    def run_node(self, n: fx.Node) -> Any:
        """The value of a line, which is noted where a function of the file computes it."""
        value = super().run_node(n)
        name, node = self.origins.get(n.name, ("", None))
        if n.op in ("call_function", "call_method") and isinstance(node, Function | Expression):
            inputs, keywords = self.fetch_args_kwargs_from_env(n)
            self.note(Called(self.prefix + name, node, tuple(inputs), keywords, value))
        return value
