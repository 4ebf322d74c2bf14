"""A name and a kind in, its entry out.

Torch and torchvision are imported only where they aren't the releases of `torch.json` and `torchvision.json`;
torchmetrics never, because that takes seconds.
"""

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
from yamlnet.diagnostics import YamlnetError

PACKAGES = ("torch", "torchvision", "torchmetrics")
"""Where names come from: the first that has one, has it."""

LIVE = ("torch", "torchvision")
"""Packages that are looked at where another release is installed."""


COMMON = frozenset(
    """
    Linear Conv2d BatchNorm2d ReLU relu Dropout Flatten MaxPool2d AdaptiveAvgPool2d LayerNorm Embedding LSTM
    Sigmoid Softmax GELU mean sum add cat stack reshape CrossEntropyLoss MSELoss Adam AdamW SGD Accuracy
    """.split()
)
"""The names that files say most: of several that a misspelt one is equally near to, the likely ones."""


def find(name: str, kind: Kind) -> Entry | None:
    """The entry of this name and kind, None where there is none."""
    for package in PACKAGES:
        make = _catalogue(package)[kind].get(name)
        if make is not None:
            return make()
    return None


def names(kind: Kind) -> tuple[str, ...]:
    """The names of a kind, sorted."""
    return tuple(sorted({name for package in PACKAGES for name in _catalogue(package)[kind]}))


def kinds_of(name: str) -> tuple[Kind, ...]:
    """The kinds that have this name, in the order of `KINDS`."""
    return tuple(kind for kind in KINDS if any(name in _catalogue(package)[kind] for package in PACKAGES))


@cache
def _catalogue(package: str) -> Mapping[Kind, Mapping[str, Callable[[], Entry]]]:
    """For each kind and name what makes the entry: most files need a few of many hundred."""
    found: dict[Kind, dict[str, Callable[[], Entry]]] = {kind: {} for kind in KINDS}
    content = json.loads(records.file(package).read_text(encoding="utf-8"))
    known = package not in LIVE or _installed_release(package) in (content[package], None)
    live = None if known else _live(package)
    if live is None:
        for record in content["entries"]:
            found[record["kind"]][record["name"]] = cache(partial(records.entry_of, record))
    else:
        for entry in live:
            found[entry.kind][entry.name] = partial(_same, entry)
    if package == "torch":
        for kind, entries in OWN.items():
            found[kind].update({name: partial(_same, entry) for name, entry in entries.items()})
    return found


def _live(package: str) -> list[Entry] | None:
    """The entries of the installed release; None for a torchvision that can't be imported."""
    if package == "torch":
        from yamlnet.catalog import signatures

        return signatures.entries()
    from yamlnet.catalog import vision_signatures

    try:
        return vision_signatures.entries()
    except YamlnetError:
        return None


def _same(entry: Entry) -> Entry:
    return entry


def _installed_release(package: str) -> str | None:
    """The release of the installed package, read from its `version.py`; None where it isn't installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    source = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__version__")], value=ast.Constant(value=str(version))):
                return records.release(version)
    return None
