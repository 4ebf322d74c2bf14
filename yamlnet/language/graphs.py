"""The `model` section -> a Model: every name looked up, every wire led to the value it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.calls import Written, check_arguments, kind_of, resolve, split
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.inputs import read_inputs
from yamlnet.language.names import refused, refused_input
from yamlnet.language.nodes import (
    Chain,
    Function,
    Graph,
    Input,
    Layer,
    Model,
    Module,
    Node,
    Source,
    Step,
)
from yamlnet.language.unused import unused
from yamlnet.language.wires import Values, Wiring

CONTAINERS = ("Sequential", "ModuleDict")
NODE_SIDES = ("from", "inputs", "output", "forward")
STEP_SIDES = ("from", "name")
MODEL_SIDES = ("input", "inputs", "output", "forward")


def read_model(value: Any, path: Path, data: tuple[Input, ...] | None) -> tuple[Model | None, list[Mistake]]:
    """Reads the network; `data` are the inputs that the data gives, None where there is no data."""
    if not isinstance(value, dict | list):
        return None, [
            Mistake("wrong-type", path, f"`model` is a mapping with one call, not {kind_of(value)}")
        ]
    sides = value if isinstance(value, dict) else {}
    inputs, mistakes = read_inputs(sides, path, data)
    reader = _Reader()
    root = reader.root(value, path, tuple(given.name for given in inputs or ()) or ("input",))
    mistakes += reader.mistakes
    if root is None or inputs is None:
        return None, mistakes
    said = "input" in sides or "inputs" in sides
    return Model(inputs, root, path, from_data=not said), mistakes


@dataclass
class _Scope:
    """What stands before a node: the modules that may be called again, by name."""

    modules: Mapping[str, Module]
    later: frozenset[str] = frozenset()


def _is_call(name: str) -> bool:
    return name in CONTAINERS or any(lookup.find(name, kind) for kind in ("module", "function"))


class _Reader:
    """Collects mistakes while it reads; a node that can't be read is None, and what follows stays silent."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.wiring = Wiring(self.mistakes)

    @property
    def num_errors(self) -> int:
        """How many of the mistakes are more than warnings."""
        return sum(mistake.severity == "error" for mistake in self.mistakes)

    def add(self, code: str, path: Path, message: str, help: str | None = None, at: str = "value") -> None:
        self.mistakes.append(Mistake(code, path, message, help, at="key" if at == "key" else "value"))

    def split(self, value: Any, path: Path, sides: Iterable[str], what: str) -> Written | None:
        written, mistakes = split(value, path, tuple(sides), _is_call, what)
        self.mistakes += mistakes
        return written

    def root(self, value: Any, path: Path, inputs: tuple[str, ...]) -> Node | None:
        """The model's own node; a list is a `Sequential`."""
        if isinstance(value, list):
            return self.chain(value, path)
        written = self.split(value, path, MODEL_SIDES, "`model`")
        return None if written is None else self.node(written, _Scope({}), inputs)

    def read_node(self, value: Any, path: Path, scope: _Scope) -> tuple[Node | str | None, Written | None]:
        """A node of a container: what it is, or the name of the module that it calls again."""
        if isinstance(value, list):
            return self.chain(value, path), None
        written = self.split(value, path, NODE_SIDES, "a node")
        if written is None:
            return None, None
        if written.name in scope.modules:
            if written.argument is not None:
                self.add(
                    "wrong-value",
                    written.path,
                    f"`{written.name}` is the module above, called again without arguments",
                )
            return written.name, written
        return self.node(written, scope, self.graph_inputs(written)), written

    def node(self, written: Written, scope: _Scope, inputs: tuple[str, ...]) -> Node | None:
        if written.name != "ModuleDict":
            self.only_beside_graph(written)
        if written.name == "Sequential":
            return self.chain(written.argument, written.path)
        if written.name == "ModuleDict":
            return self.graph(written, inputs)
        if lookup.find(written.name, "module") is None and written.name in scope.later:
            self.add(
                "unknown-reference", written.path, f"`{written.name}` stands after this node", at=written.at
            )
            return None
        call, mistakes = resolve(written, ("module", "function"), (*scope.modules, *CONTAINERS))
        self.mistakes += mistakes
        if call is None:
            return None
        if call.entry.kind == "function":
            return Function(call, written.beside)
        call = self.with_modules(call)
        return None if call is None else Layer(call, written.beside)

    def with_modules(self, call: Call) -> Call | None:
        """The call with a Layer for each argument that is a module."""
        found: dict[str, Layer] = {}
        for name, value in call.arguments.items():
            if value is None or "module" not in call.entry.parameters[name].type:
                continue
            path = call.argument_path(name)
            if isinstance(value, list) or (isinstance(value, dict) and value.keys() & set(CONTAINERS)):
                self.add("wrong-value", path, f"`{name}` of `{call.name}` is one layer, not a container")
                return None
            written = self.split(value, path, (), f"`{name}`")
            if written is None:
                return None
            inner, mistakes = resolve(written, ("module",))
            self.mistakes += mistakes
            inner = None if inner is None else self.with_modules(inner)
            if inner is None:
                return None
            found[name] = Layer(inner, written.beside)
        return replace(call, arguments={**call.arguments, **found})

    def only_beside_graph(self, written: Written) -> None:
        allowed = ("from", "input", "inputs") if written.beside == ("model",) else ("from",)
        for key in written.sides:
            if key not in allowed:
                self.add(
                    "unknown-key",
                    (*written.beside, key),
                    f"`{key}` stands beside `ModuleDict` only",
                    at="key",
                )

    def graph_inputs(self, written: Written) -> tuple[str, ...]:
        """The names of a nested graph's inputs."""
        given = written.sides.get("inputs")
        if given is None or given is UNKNOWN:
            return ("input",)
        path = (*written.beside, "inputs")
        if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
            self.add("wrong-type", path, f"`inputs` is a list of names, not {kind_of(given)}")
            return ("input",)
        for position, name in enumerate(given):
            why = None if name == "input" else refused_input(name)
            if why or name in given[:position]:
                self.add(
                    "wrong-value",
                    (*path, position),
                    f"an input can't be named `{name}`",
                    why or "it is taken",
                )
        return tuple(given)

    # -- chains ---------------------------------------------------------------------------------

    def chain(self, value: Any, path: Path) -> Chain | None:
        if value is None or value in ([], {}):
            self.add("missing-key", path, "`Sequential` holds no nodes", at="key")
            return None
        if not isinstance(value, list | dict):
            if value is not UNKNOWN:
                self.add(
                    "wrong-type", path, f"`Sequential` is a list or a mapping of nodes, not {kind_of(value)}"
                )
            return None
        named = isinstance(value, dict)
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        children: dict[str, Node] = {}
        complete = True
        for key, item in items:
            below = (*path, key)
            if named:
                self.name(str(key), below)
            node, written = self.read_node(item, below, _Scope({}))
            if written is not None and "from" in written.sides:
                help = "name the nodes in a `ModuleDict`"
                self.add("unknown-key", (*below, "from"), "a chain has no `from`", help, at="key")
            if node is None or isinstance(node, str):
                complete = False
            else:
                children[str(key)] = node
        return Chain(children, path) if complete else None

    def name(self, name: str, path: Path) -> None:
        why = refused(name)
        if why is not None:
            self.add("wrong-value", path, f"a node can't be named `{name}`", why, at="key")

    # -- graphs ---------------------------------------------------------------------------------

    def graph(self, written: Written, inputs: tuple[str, ...]) -> Graph | None:
        entries = written.argument
        if entries is None or entries == {}:
            self.add("missing-key", written.path, "`ModuleDict` holds no nodes", at="key")
            return None
        if not isinstance(entries, dict):
            if entries is not UNKNOWN:
                help = "`Sequential` takes a list"
                self.add(
                    "wrong-type",
                    written.path,
                    f"`ModuleDict` is a mapping of names to nodes, not {kind_of(entries)}",
                    help,
                )
            return None
        if "forward" in written.sides:
            return self.declared(written, entries, inputs)
        return self.flow(written, entries, inputs)

    def flow(self, written: Written, entries: Mapping[str, Any], inputs: tuple[str, ...]) -> Graph | None:
        """A graph whose entries run in the order written."""
        values = Values(inputs, list(entries))
        children: dict[str, Module] = {}
        before = self.num_errors
        complete = True
        for name, item in entries.items():
            path = (*written.path, name)
            values.later.remove(name)
            self.name(name, path)
            if name in inputs and refused(name) is None:
                self.add("wrong-value", path, f"`{name}` is the graph's input", at="key")
            self.wiring.outer.append(values)
            node, node_written = self.read_node(item, path, _Scope(children, frozenset(values.later)))
            self.wiring.outer.pop()
            sides = node_written.sides if node_written else {}
            called: tuple[str, ...] | Function
            if node is None:
                complete = False
                self.wiring.wires(sides, path, values)
                values.broken.add(name)
                continue
            if isinstance(node, str):
                called = (node,)
            elif isinstance(node, Function):
                called = node
            else:
                children[name] = node
                called = (name,)
            self.step(values, name, called, sides, path)
        output = self.wiring.output(written.sides, written.beside, values)
        if not complete or output is None or self.num_errors > before:
            return None
        graph = Graph(inputs, children, tuple(values.steps), output, written.path)
        self.mistakes += unused(graph)
        return graph

    def declared(self, written: Written, entries: Mapping[str, Any], inputs: tuple[str, ...]) -> Graph | None:
        """A graph whose entries are declared, and whose `forward` says what runs."""
        before = self.num_errors
        children: dict[str, Module] = {}
        broken: set[str] = set()
        for name, item in entries.items():
            path = (*written.path, name)
            self.name(name, path)
            node, node_written = self.read_node(item, path, _Scope({}))
            if node_written is not None and "from" in node_written.sides:
                help = "write `from` in the step of `forward` that calls it"
                self.add("unknown-key", (*path, "from"), "a declared module has no `from`", help, at="key")
            if isinstance(node, Function):
                self.add(
                    "wrong-value", path, f"`{node.call.name}` is a function: it stands in `forward`", at="key"
                )
            if isinstance(node, Layer | Chain | Graph):
                children[name] = node
            else:
                broken.add(name)
        forward, path = written.sides["forward"], (*written.beside, "forward")
        if not isinstance(forward, list) or not forward:
            if forward is not UNKNOWN:
                self.add("wrong-type", path, f"`forward` is a list of steps, not {kind_of(forward)}")
            return None
        values = Values(inputs, [])
        for position, item in enumerate(forward):
            self.forward_step(item, (*path, position), children, broken, values)
        output = self.wiring.output(written.sides, written.beside, values)
        if output is None or self.num_errors > before:
            return None
        graph = Graph(inputs, _held(children, values.steps), tuple(values.steps), output, written.path)
        self.mistakes += unused(graph)
        return graph

    def forward_step(
        self, item: Any, path: Path, children: Mapping[str, Module], broken: set[str], values: Values
    ) -> None:
        declared = _below(children)
        written, mistakes = split(
            item, path, STEP_SIDES, lambda name: name in declared or _is_call(name), "a step of `forward`"
        )
        self.mistakes += mistakes
        if written is None:
            return
        name = written.sides.get("name", written.name)
        if not isinstance(name, str) or ("name" in written.sides and refused(name)):
            why = refused(name) if isinstance(name, str) else None
            self.add("wrong-value", (*path, "name"), f"a value can't be named `{name}`", why)
            return
        called = self.called(written, declared, broken)
        if called is None:
            values.broken.add(name)
            return
        self.step(values, name, called, written.sides, path)

    def called(
        self, written: Written, declared: Mapping[str, Module], broken: set[str]
    ) -> tuple[str, ...] | Function | None:
        """What a step of `forward` calls: a declared module by its path, or a function."""
        if written.name in declared:
            if written.argument is not None:
                self.add(
                    "wrong-value",
                    written.path,
                    f"`{written.name}` is declared above and called without arguments",
                )
            return tuple(written.name.split("."))
        if written.name.split(".")[0] in broken:
            return None
        entry = lookup.find(written.name, "function")
        if entry is not None:
            call, mistakes = check_arguments(written, entry)
            self.mistakes += mistakes
            return Function(call, written.beside) if call is not None else None
        if lookup.find(written.name, "module") is not None or written.name in CONTAINERS:
            help = "declare it under a name in `ModuleDict`, and name that here"
            self.add(
                "unknown-reference",
                written.path,
                f"`forward` can't create a `{written.name}`",
                help,
                at=written.at,
            )
            return None
        advice, suggestion = did_you_mean(written.name, {*declared, *lookup.names("function")})
        if suggestion is None:
            advice = "declared are " + ", ".join(f"`{name}`" for name in sorted(declared))
        message = f"`{written.name}` is neither a declared module nor a function"
        self.mistakes.append(
            Mistake("unknown-reference", written.path, message, advice, suggestion, at=written.at)
        )
        return None

    # -- wires ----------------------------------------------------------------------------------

    def step(
        self,
        values: Values,
        name: str,
        called: tuple[str, ...] | Function,
        sides: Mapping[str, Any],
        path: Path,
    ) -> None:
        wires = self.wiring.wires(sides, path, values)
        if wires is None:
            values.broken.add(name)
            return
        positional, keywords = wires
        previous = values.steps[-1].name if values.steps else values.inputs[0]
        before = Source(previous, (), path)
        values.steps.append(Step(name, called, before, positional, keywords, path))


def _below(children: Mapping[str, Module], prefix: str = "") -> dict[str, Module]:
    """Every declared module by its dotted path."""
    found: dict[str, Module] = {}
    for key, module in children.items():
        found[prefix + key] = module
        if isinstance(module, Chain | Graph):
            modules = {k: m for k, m in module.children.items() if not isinstance(m, Function)}
            found |= _below(modules, f"{prefix}{key}.")
    return found


def _held(
    children: Mapping[str, Module], steps: Iterable[Step], prefix: tuple[str, ...] = ()
) -> dict[str, Module]:
    """The children, where a graph that no step calls as a whole is marked as a mere holder."""
    called = {step.called for step in steps if isinstance(step.called, tuple)}
    held: dict[str, Module] = {}
    for key, module in children.items():
        path = (*prefix, key)
        if isinstance(module, Graph) and path not in called:
            below = _held(module.children, steps, path)
            module = Graph(module.inputs, below, module.steps, module.output, module.path, runs=False)
        held[key] = module
    return held
