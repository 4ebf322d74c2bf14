"""A document with options, and the keys that a command reads -> the options that would change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yamlnet.diagnostics import Mistake, Path
from yamlnet.language.merge import OPTIONS
from yamlnet.language.source import Document, Node

WHY: Mapping[str, str] = {
    "expect": "what is expected is judged where a run is trained",
    "seed": "the samples that a run held out follow from its seed",
    "vars": "a run's file has its expressions worked out: set the values themselves",
    "blocks": "a run's file has its blocks filled in: set the values themselves",
}
"""Reasons by the section."""


def unheeded(document: Document, reads: frozenset[Path], doing: str) -> Iterator[Mistake]:
    """What options say outside of the keys that are read; `doing` names the command in the message."""
    for path in _said(document.root, (), reads):
        key = ".".join(map(str, path))
        help = WHY.get(str(path[0])) or _choices(path, reads, doing)
        yield Mistake("unused-value", path, f"`{key}` changes nothing in {doing}", help, at="key")


def _choices(path: Path, reads: frozenset[Path], doing: str) -> str:
    """What is read of the section that a path is in, else the sections that are."""
    within = [str(known[1]) for known in reads if known[0] == path[0] and len(known) > 1]
    of = f"of `{path[0]}` " if within else ""
    names = sorted(within or {str(known[0]) for known in reads})
    return f"{of}{doing} reads " + ", ".join(f"`{name}`" for name in names)


def _said(node: Node, path: Path, reads: frozenset[Path]) -> Iterator[Path]:
    """The places where an option stands, but for those that are read."""
    for step, child in _children(node):
        below = (*path, step)
        if below in reads:
            continue
        span = node.keys.get(str(step), child.span)
        leads_on = any(known[: len(below)] == below for known in reads) and bool(child.value)
        if OPTIONS in (span.file, child.span.file) and not (leads_on and isinstance(child.value, dict)):
            yield below
        else:
            yield from _said(child, below, reads)


def _children(node: Node) -> Iterator[tuple[str | int, Node]]:
    if isinstance(node.value, dict):
        yield from node.value.items()
    elif isinstance(node.value, list):
        yield from enumerate(node.value)
