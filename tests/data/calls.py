"""A name of the catalogue and arguments in; the call that a file would give out."""

from __future__ import annotations

from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.lookup import find


def dataset(name: str, **arguments: Any) -> Call:
    """The call of a data set."""
    entry = find(name, "dataset")
    assert entry is not None
    return Call(entry, arguments, ("data", "dataset"))


def field(name: str, kind: str, **arguments: Any) -> Call:
    """The call of a field `name` of a table."""
    entry = find(kind, "field")
    assert entry is not None
    return Call(entry, arguments, ("data", "fields", name, kind))


def transform(name: str, **arguments: Any) -> Call:
    """The call of a transform or an augmentation."""
    entry = find(name, "transform")
    assert entry is not None
    return Call(entry, arguments, ("data", "transforms", 0))
