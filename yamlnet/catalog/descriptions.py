"""A parameter of the catalogue in; what the documentation of torch or torchvision says of it out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from importlib import import_module
from pathlib import Path

from yamlnet.catalog.docstrings import arguments
from yamlnet.catalog.entry import Entry

Descriptions = Mapping[str, Mapping[str, str]]
"""For each dotted path of a class or function, its parameters and their descriptions."""

FILE = Path(__file__).with_name("descriptions.json")


def description(entry: Entry, parameter: str) -> str:
    """What is said of a parameter; empty where nothing is."""
    return _read().get(entry.target, {}).get(parameter, "")


@cache
def _read() -> Descriptions:
    found: Descriptions = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def collect(entries: Iterable[Entry]) -> Descriptions:
    """The descriptions of all options of these entries, from the installed packages' docstrings."""
    found = {}
    for entry in entries:
        said = arguments(_documented(entry.target).__doc__) if entry.target else {}
        known = {name: said[name] for name in entry.options if said.get(name)}
        if known:
            found[entry.target] = known
    return found


def _documented(target: str) -> object:
    package, *names = target.split(".")
    return reduce(getattr, names, import_module(package))


def dump(descriptions: Descriptions) -> str:
    """The file's text: a line for each class or function."""
    lines = (
        f"{json.dumps(target)}: {json.dumps(said, ensure_ascii=False)}"
        for target, said in sorted(descriptions.items())
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"
