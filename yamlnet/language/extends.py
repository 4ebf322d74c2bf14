"""A document and the files that its `extends` names -> one document, whose spans know each file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Literal

from yamlnet.catalog import lookup
from yamlnet.diagnostics import ConfigError, Diagnostic, YamlnetError, did_you_mean
from yamlnet.language import render
from yamlnet.language.files import Text, read_path
from yamlnet.language.paths import is_special, joined, leads_out, outside_of, root_for
from yamlnet.language.source import Document, Node, read
from yamlnet.language.vocabulary import CONTAINERS, MODEL_SIDES, NODE_SIDES, STEP_SIDES

MAX_FILES = 64

Place = Literal["document", "data", "metrics", "call", "node", "children", "init", "calls", "plain"]
"""What stands at a place of the document, which decides how two of it merge."""

SECTIONS: Mapping[str, Place] = {
    "blocks": "children",
    "data": "data",
    "loss": "call",
    "metrics": "metrics",
    "model": "node",
    "optimizer": "call",
    "scheduler": "call",
}
OF_MODEL = ("input", "inputs")
"""Keys beside the model's call that another call doesn't replace."""

BESIDE = frozenset(
    (*NODE_SIDES, *MODEL_SIDES, *STEP_SIDES, "repeat", "params", "every", "groups", "metric", "weight")
)
"""Keys that stand beside a call."""


@dataclass
class _Reading:
    """The files read so far, outermost first, and what was wrong in them."""

    texts: dict[str, str] = field(default_factory=dict)
    folders: dict[str, FilePath] = field(default_factory=dict)
    bases: list[Text] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def extended(source: Text, document: Document) -> tuple[Document, tuple[Text, ...], list[Diagnostic]]:
    """The document with its bases below it, and the bases' texts, in the order in which they were read.

    Of several bases the later wins, and the document over all. A file that can't be read, or that leads
    back to itself, is a mistake at the name.
    """
    reading = _Reading(dict(document.texts), {document.file: source.folder})
    root = _with_bases(document.root, source, (source.folder / FilePath(source.file).name,), reading)
    merged = Document(root, document.file, reading.texts, reading.folders)
    return merged, tuple(reading.bases), reading.diagnostics


def _with_bases(root: Node, source: Text, chain: tuple[FilePath, ...], reading: _Reading) -> Node:
    if not isinstance(root.value, dict) or "extends" not in root.value:
        return root
    named = root.value["extends"]
    names = named.value if isinstance(named.value, list) else [named]
    own = _without(root, "extends")
    below: Node | None = None
    for name in names if isinstance(names, list) else []:
        if len(reading.diagnostics) > MAX_FILES or (reading.diagnostics and len(reading.bases) >= MAX_FILES):
            break
        base = _base(name, source, chain, reading)
        if base is not None:
            below = base if below is None else merged(below, base, "document")
    return own if below is None else merged(below, own, "document")


def _base(name: Node, source: Text, chain: tuple[FilePath, ...], reading: _Reading) -> Node | None:
    """One base, with its own bases below it; None where it can't be had."""
    path = None if name.value is None else _way(name, source, chain, reading)
    if isinstance(path, Diagnostic):
        reading.diagnostics.append(path)
    if not isinstance(path, FilePath):
        return None
    assert isinstance(name.value, str)
    shown = str(FilePath(source.file).parent / name.value) if source.file[:1] != "<" else name.value
    try:
        text = replace(read_path(path, shown), roots=(source.folder, *source.roots))
    except ConfigError as error:
        reading.diagnostics += error.diagnostics
        return None
    except YamlnetError as error:
        help, suggestion = did_you_mean(FilePath(name.value).name, _beside(path))
        reading.diagnostics.append(
            Diagnostic(
                name.span, "wrong-value", error.message, help=help if suggestion else None, path=("extends",)
            )
        )
        return None
    reading.bases.append(text)
    document, found = read(text.text, text.file)
    reading.diagnostics += found
    if document is None:
        reading.texts[text.file] = text.text
        return None
    reading.texts.update(document.texts)
    reading.folders[text.file] = text.folder
    return _with_bases(document.root, text, (*chain, path), reading)


def _way(name: Node, source: Text, chain: tuple[FilePath, ...], reading: _Reading) -> FilePath | Diagnostic:
    """Where a base is, or why it may not be read."""

    def wrong(code: str, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic(name.span, code, message, help=help, path=("extends",))

    written = name.value
    if not isinstance(written, str):
        return wrong("wrong-type", "`extends` is a file or a list of files")
    try:
        path = joined(source.folder, written).resolve()
        path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, links in a circle
        reason = getattr(error, "strerror", None) or str(error)
        return wrong("wrong-value", f"`{render.printable(written[:60])}` can't name a file: {reason.lower()}")
    circle = _refused(path, chain, reading)
    if circle is not None:
        return wrong("recursion", circle)
    if not source.free and leads_out(path, source):
        help = f"`--data-root {root_for(path)}` on the command line lets it lead there"
        return wrong("outside-path", outside_of(path, written, source.folder), help)
    if is_special(path):
        return wrong("wrong-value", f"`{render.printable(written)}` is no file but a device or a pipe")
    return path


def _refused(path: FilePath, chain: tuple[FilePath, ...], reading: _Reading) -> str | None:
    seen = [known.resolve() for known in chain]
    if path in seen:
        names = [known.name for known in (*seen[seen.index(path) :], path)]
        return "a file can't extend itself: " + " extends ".join(f"`{name}`" for name in names)
    return f"more than {MAX_FILES} files extend each other" if len(reading.bases) >= MAX_FILES else None


def _beside(path: FilePath) -> list[str]:
    try:
        return [found.name for found in path.parent.iterdir() if found.suffix in (".yaml", ".yml")]
    except OSError:
        return []


def _without(node: Node, key: str) -> Node:
    assert isinstance(node.value, dict)
    value = {name: child for name, child in node.value.items() if name != key}
    return Node(value, node.span, {name: span for name, span in node.keys.items() if name != key})


def merged(base: Node, over: Node, place: Place) -> Node:
    """Mappings merge, all else replaces; where a call stands, another call replaces it whole."""
    if place == "init":
        return _initialised(base, over)
    if place in ("call", "node"):
        base, over = _as_mapping(base), _as_mapping(over)
        name, other = _call(base), _call(over)
        if name is not None and other is not None and name != other:
            return _joined(_only(base, OF_MODEL), over, "plain")
        if name is None or other is None:
            return _joined(base, over, place) if isinstance(over.value, dict) else over
        base, over = _by_name(base, name), _by_name(over, name)
    return _joined(base, over, place)


def _only(node: Node, keys: Collection[str]) -> Node:
    """A mapping with these keys alone."""
    assert isinstance(node.value, dict)
    value = {key: child for key, child in node.value.items() if key in keys}
    return Node(value, node.span, {key: span for key, span in node.keys.items() if key in keys})


def _initialised(base: Node, over: Node) -> Node:
    """What a node's own `init` says: a call for its weight, or calls for its parameters by name."""
    kinds = {_is_initialiser(base), _is_initialiser(over)}
    if len(kinds) > 1:
        return over
    return merged(base, over, "call" if kinds == {True} else "calls")


def _is_initialiser(node: Node) -> bool:
    name = _call(_as_mapping(node))
    return name is not None and lookup.find(name, "init") is not None


def _joined(base: Node, over: Node, place: Place) -> Node:
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    value = dict(base.value)
    for key, child in over.value.items():
        named_again = place in ("call", "node") and key not in BESIDE and child.value is None
        if key not in value:
            value[key] = child
        elif not named_again:
            value[key] = merged(value[key], child, _below(place, key))
    return Node(value, over.span, {**base.keys, **over.keys})


def _below(place: Place, key: str) -> Place:
    below: Mapping[Place, Callable[[str], Place]] = {
        "document": lambda key: SECTIONS.get(key, "plain"),
        "data": lambda key: "call" if key in ("dataset", "validation", "test") else "plain",
        "metrics": lambda key: "call",
        "calls": lambda key: "call",
        "node": _beside_or_below,
        "children": lambda key: "node",
    }
    return below[place](key) if place in below else "plain"


def _beside_or_below(key: str) -> Place:
    """What stands under a key of a node."""
    if key in ("Residual", "init"):
        return "node" if key == "Residual" else "init"
    return "children" if key in CONTAINERS else "plain"


def _as_mapping(node: Node) -> Node:
    """A bare name as the call without arguments that it is."""
    if not isinstance(node.value, str):
        return node
    return Node({node.value: Node(None, node.span)}, node.span, {node.value: node.span})


def _call(node: Node) -> str | None:
    if not isinstance(node.value, dict):
        return None
    calls = [key for key in node.value if key not in BESIDE]
    return calls[0] if len(calls) == 1 else None


def _by_name(node: Node, call: str) -> Node:
    """The call with its positional argument under the parameter's name, so that arguments merge."""
    assert isinstance(node.value, dict)
    argument = node.value[call]
    kinds = lookup.kinds_of(call)
    if isinstance(argument.value, dict) or argument.value is None or not kinds:
        return node
    entry = lookup.find(call, kinds[0])
    if entry is None or entry.positional is None:
        return node
    name = entry.positional.name
    named = Node({name: argument}, argument.span, {name: argument.span})
    return Node({**node.value, call: named}, node.span, node.keys)
