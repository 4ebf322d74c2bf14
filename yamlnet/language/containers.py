"""Containers as the file writes them -> chains and graphs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Path, did_you_mean
from yamlnet.language import chains, graphs, repeats
from yamlnet.language.calls import Written
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import (
    Expression,
    Function,
    Graph,
    Member,
    Module,
    Node,
    Output,
    Residual,
    Source,
    Step,
    Tensors,
)
from yamlnet.language.places import Entry, Place, Read
from yamlnet.language.plain import kind_of, whole
from yamlnet.language.reading import Reading
from yamlnet.language.vocabulary import MERGES

OTHER_MERGES = {"concat": "cat", "concatenate": "cat", "sum": "add", "plus": "add", "multiply": "mul"}
"""What other names for a merge most likely mean."""


def residual(reader: Reading, written: Written, place: Place) -> Read:
    """`Residual: node`."""
    read = reader.read(written.argument, written.path, place.inside(), what="`Residual`")
    for key in ("from", "if"):
        if key in read.sides:
            message = f"`{key}` stands beside `Residual`, not under it"
            help = f"{{Residual: ..., {key}: ...}}"
            reader.add("unknown-key", (*written.path, key), message, help, at="key")
    if read.node is None or isinstance(read.node, str | Tensors):
        if isinstance(read.node, Tensors):
            reader.add("wrong-value", written.path, "`Residual` holds a module or function, not a value")
        return Read(None, written.sides)
    node = Residual(path=written.beside, body=read.node)
    return Read(node, written.sides, {"Residual": read.plain})


def _beside_inside(reader: Reading, written: Written, key: str, known: Collection[str]) -> bool:
    """Whether what belongs beside a container stands in it: among the branches, or last in their list."""
    found: tuple[Any, Path] = (written.argument, written.path)
    if isinstance(written.argument, list) and written.argument:
        last = len(written.argument) - 1
        found = (written.argument[last], (*written.path, last))
    inside, path = found
    if key in written.sides or not isinstance(inside, dict) or inside.get(key) not in known:
        return False
    message = f"`{key}` stands beside `{written.name}`, not in it"
    said = {key: OTHER_MERGES.get(inside[key], inside[key])} | (
        {"dim": inside["dim"]} if "dim" in inside else {}
    )
    help = f"`{{{written.name}: ..., {whole(said)[1:-1]}}}`"
    reader.add("unknown-key", (*path, key), message, help, at="key")
    return True


def parallel(reader: Reading, written: Written, place: Place) -> Read:
    """`Parallel: [...]` or a mapping, with `merge`."""
    if _beside_inside(reader, written, "merge", (*MERGES, *OTHER_MERGES)):
        return Read(None, written.sides)
    branches = _branches(reader, written, place)
    merge = written.sides.get("merge")
    path = (*written.beside, "merge")
    if merge is None:
        help: str | None = "`merge` is one of " + ", ".join(f"`{choice}`" for choice in MERGES)
        reader.add("missing-key", written.path, "`Parallel` needs `merge`", help, at="key")
    elif merge is not UNKNOWN and merge not in MERGES:
        help, suggestion = did_you_mean(OTHER_MERGES.get(str(merge), str(merge)), MERGES)
        reader.add("wrong-value", path, f"`merge` can't be `{merge}`", help, suggestion=suggestion)
        merge = None
    dim = _dim(reader, written, merge)
    if branches is None or merge is None or merge is UNKNOWN or dim is None:
        return Read(None, written.sides)
    nodes, plain = branches
    steps = [_branch(key, node) for key, node in nodes.items()]
    output: Output
    if merge == "none":
        sources = {key: Source(key, (), path) for key in nodes}
        output = sources if isinstance(plain, dict) else tuple(sources.values())
    else:
        steps += _merged(merge, dim, list(nodes), path, (*written.beside, "dim"))
        output = Source(steps[-1].name, (), path)
    said = {"Parallel": plain, "merge": merge} | ({"dim": dim} if merge in ("cat", "stack") else {})
    graph = Graph(
        path=written.path,
        inputs=("input",),
        children=_modules(nodes),
        steps=tuple(steps),
        output=output,
        word="Parallel",
    )
    return Read(graph, written.sides, said)


def _dim(reader: Reading, written: Written, merge: Any) -> int | None:
    dim = written.sides.get("dim", 1)
    path = (*written.beside, "dim")
    if "dim" in written.sides and merge is not None and merge not in ("cat", "stack"):
        reader.add("unknown-key", path, f"`merge: {merge}` has no `dim`", at="key")
        return None
    if isinstance(dim, bool) or not isinstance(dim, int):
        if dim is not UNKNOWN:
            reader.add("wrong-type", path, f"`dim` is a whole number, not {kind_of(dim)}")
        return None
    return dim


def _branches(
    reader: Reading, written: Written, place: Place
) -> tuple[dict[str, Node], dict[str, Any] | list[Any]] | None:
    """The branches by key, and their texts; None where one is wrong."""
    value = place.scope.value(written.argument, written.path) if isinstance(written.argument, str) else None
    value = written.argument if value is None else value
    word = written.name
    if value is UNKNOWN:
        reader.unknown = True
        return None
    if not value or not isinstance(value, dict | list) or (word == "Select" and isinstance(value, list)):
        what = "a mapping of names to nodes" if word == "Select" else "a list or a mapping of nodes"
        code = "wrong-type" if value else "missing-key"
        message = f"`{word}` is {what}, not {kind_of(value)}" if value else f"`{word}` holds no nodes"
        reader.add(code, written.path, message, at="value" if value else "key")
        return None
    named = isinstance(value, dict)
    nodes: dict[str, Node] = {}
    plain: dict[str, Any] = {}
    complete, wrong = True, len(place.scope.mistakes)
    for entry in repeats.entries(reader, value, written.path, place.inside()):
        if named:
            reader.name(entry.key, entry.path)
        found = repeats.one(reader, entry)
        complete = _add_branch(reader, entry, found, nodes, plain, named, word) and complete
    if not complete or len(place.scope.mistakes) > wrong:
        return None
    if not nodes:
        reader.add("missing-key", written.path, f"`{word}` holds no nodes: `if` leaves none", at="key")
        return None
    return nodes, reader.origin(plain if named else list(plain.values()), written.path)


def _add_branch(
    reader: Reading,
    entry: Entry,
    found: Read,
    nodes: dict[str, Node],
    plain: dict[str, Any],
    named: bool,
    word: str,
) -> bool:
    if "from" in found.sides:
        help = f"every branch of a `{word}` takes what arrives at it"
        reader.add("unknown-key", (*entry.path, "from"), "a branch has no `from`", help, at="key")
    if isinstance(found.node, Tensors):
        help = "it stands in a `ModuleDict`"
        reader.add("wrong-value", entry.path, "a value isn't a branch", help)
        return False
    if found.absent:
        return True
    if found.node is None or isinstance(found.node, str):
        return False
    if not reader.takes_input_only(found.node):
        return False
    key = entry.key if named else str(len(nodes))
    nodes[key] = found.node
    plain[key] = found.plain
    return True


def _modules(nodes: Mapping[str, Node]) -> dict[str, Member]:
    return {key: node for key, node in nodes.items() if isinstance(node, Module)}


def _branch(key: str, node: Node, runs: bool = True) -> Step:
    called = (key,) if isinstance(node, Module) else node
    arrives = Source("input", (), node.path)
    positional = (arrives,) * len(node.formula.names) if isinstance(node, Expression) else ()
    return Step(key, called, arrives, positional, {}, node.path, runs)


def _merged(merge: str, dim: int, keys: list[str], path: Path, dim_path: Path) -> Iterator[Step]:
    """The steps that bring the branches together."""
    sources = [Source(key, (), path) for key in keys]
    name = _free("merged", keys)
    if len(keys) == 1:
        if merge == "stack":
            yield _function(name, "unsqueeze", {"dim": dim}, sources, path, dim_path)
    elif merge in ("cat", "stack"):
        yield _function(name, merge, {"dim": dim}, sources, path, dim_path)
    elif merge == "mean":
        stacked = _free("stacked", keys)
        yield _function(stacked, "stack", {"dim": 0}, sources, path)
        yield _function(name, "mean", {"dim": 0}, [Source(stacked, (), path)], path)
    else:
        total = sources[0]
        for number, source in enumerate(sources[1:], 1):
            each = name if number == len(sources) - 1 else _free(f"{name}_{number}", keys)
            yield _function(each, merge, {}, [total, source], path)
            total = Source(each, (), path)


def _function(
    name: str,
    function: str,
    said: Mapping[str, Any],
    sources: list[Source],
    path: Path,
    dim_path: Path | None = None,
) -> Step:
    entry = lookup.find(function, "function")
    assert entry is not None
    places = {"dim": dim_path} if dim_path is not None else {}
    node = Function(path=path, call=Call(entry, said, path, places=places))
    return Step(name, node, sources[0], tuple(sources), {}, path)


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name


def select(reader: Reading, written: Written, place: Place) -> Read:
    """`Select: {name: node, ...}` with `choose`."""
    names = (
        [name for name in written.argument if name != "choose"] if isinstance(written.argument, dict) else []
    )
    if _beside_inside(reader, written, "choose", names):
        return Read(None, written.sides)
    branches = _branches(reader, written, place)
    choose = written.sides.get("choose")
    path = (*written.beside, "choose")
    known = list(written.argument) if isinstance(written.argument, dict) else []
    if choose is None:
        help: str | None = "choose: " + (str(known[0]) if known else "NAME")
        reader.add("missing-key", written.path, "`Select` needs `choose`", help, at="key")
    if branches is None or choose is None or choose is UNKNOWN:
        reader.unknown = reader.unknown or choose is UNKNOWN
        return Read(None, written.sides)
    nodes, plain = branches
    if not isinstance(choose, str):
        message = f"`choose` is the name of a branch, not {kind_of(choose)}"
        reader.add("wrong-type", path, message, did_you_mean("", nodes)[0])
        return Read(None, written.sides)
    if choose not in nodes:
        help, suggestion = did_you_mean(choose, nodes)
        message = f"there is no branch `{choose}` to choose"
        reader.add("unknown-reference", path, message, help, suggestion=suggestion)
        return Read(None, written.sides)
    steps = [_branch(key, node, runs=key == choose) for key, node in nodes.items()]
    graph = Graph(
        path=written.path,
        inputs=("input",),
        children=_modules(nodes),
        steps=tuple(steps),
        output=Source(choose, (), path),
        word="Select",
    )
    return Read(graph, written.sides, {"Select": plain, "choose": choose})


def module_list(reader: Reading, written: Written, place: Place) -> Read:
    """`ModuleList: [...]` where a graph runs its nodes: only a `forward` can call what is in a list."""
    help = "declare it in a `ModuleDict` with a `forward`, and call `NAME.0` there"
    reader.add("wrong-value", written.path, "`ModuleList` only declares modules", help, at="key")
    return Read(None, written.sides)


READERS: Mapping[str, Callable[[Reading, Written, Place], Read]] = {
    "Sequential": chains.sequential,
    "ModuleDict": graphs.graph,
    "ModuleList": module_list,
    "Parallel": parallel,
    "Residual": residual,
    "Select": select,
}
