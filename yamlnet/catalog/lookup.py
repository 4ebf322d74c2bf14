"""A name and a kind in, its entry out; torch is imported only where it isn't the release of `torch.json`."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from yamlnet.catalog import records
from yamlnet.catalog.entry import KINDS, Entry, Kind
from yamlnet.catalog.own import OWN


def find(name: str, kind: Kind) -> Entry | None:
    """The entry of this name and kind, None where there is none."""
    make = _catalogue()[kind].get(name)
    return None if make is None else make()


def names(kind: Kind) -> tuple[str, ...]:
    """The names of a kind, sorted."""
    return tuple(sorted(_catalogue()[kind]))


def kinds_of(name: str) -> tuple[Kind, ...]:
    """The kinds that have this name, in the order of `KINDS`."""
    return tuple(kind for kind in KINDS if name in _catalogue()[kind])


@cache
def _catalogue() -> Mapping[Kind, Mapping[str, Callable[[], Entry]]]:
    """For each kind and name what makes the entry: most files need a few of many hundred."""
    found: dict[Kind, dict[str, Callable[[], Entry]]] = {kind: {} for kind in KINDS}
    content = json.loads(records.FILE.read_text(encoding="utf-8"))
    if _installed_release() in (content["torch"], None):
        for record in content["entries"]:
            found[record["kind"]][record["name"]] = cache(partial(records.entry_of, record))
    else:
        from yamlnet.catalog import signatures

        for entry in signatures.entries():
            found[entry.kind][entry.name] = partial(_same, entry)
    for kind, entries in OWN.items():
        found[kind].update({name: partial(_same, entry) for name, entry in entries.items()})
    return found


def _same(entry: Entry) -> Entry:
    return entry


def _installed_release() -> str | None:
    """The release of the installed torch, read from its `version.py`; None where there is no torch."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    source = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))):
                return records.release(version)
    return None
