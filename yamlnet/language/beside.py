"""The keys beside a node's call -> what they say of its parameters; those of other calls are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Path
from yamlnet.language.calls import Written, unknown_key
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import NOTHING, Beside, Weights
from yamlnet.language.places import Place
from yamlnet.language.plain import kind_of, show
from yamlnet.language.reading import Reading
from yamlnet.language.sections import initialisers
from yamlnet.language.vocabulary import CONTAINER_SIDES, OWN_SIDES, WEIGHTS_SUFFIXES

WEIGHTS_KEYS = ("file", "strict", "rename")
"""The files that weights are read from."""


def refuse(reader: Reading, written: Written, keys: Iterable[str], why: str) -> None:
    """Keys that can't stand beside this call."""
    for key in keys:
        if key in written.sides:
            reader.add("unknown-key", (*written.beside, key), f"`{key}` {why}", at="key")


def refuse_others(reader: Reading, written: Written) -> None:
    """The keys of other containers than this one."""
    if not written.sides.keys() & CONTAINER_SIDES.keys():
        return
    for key, owners in CONTAINER_SIDES.items():
        of_model = key == "inputs" and written.beside == reader.root_path
        entry = lookup.find(written.name, "function")
        if key in written.sides and entry is not None and key in entry.options:
            whole = f"{written.name}: {{{key}: {show(written.sides[key])}}}"
            help = f"write `{whole}`" if written.argument is None else None
            message = f"`{key}` is an argument of `{written.name}`, and stands beside it"
            reader.add("unknown-key", (*written.beside, key), message, help, at="key")
            continue
        if written.name not in owners and not of_model:
            refuse(reader, written, (key,), f"stands beside `{owners[0]}` only")


def joined(body: Beside, call: Beside) -> Beside:
    """What a block's body says of itself, and what its call says of it."""
    return Beside(
        body.freeze or call.freeze,
        {**body.init, **call.init},
        {**body.tie, **call.tie},
        weights=call.weights or body.weights,
        path=call.path,
    )


def beside(reader: Reading, written: Written, place: Place) -> Beside | None:
    """What stands beside a module; None where it is wrong."""
    sides, path = written.sides, written.beside
    if not sides.keys() & set(OWN_SIDES):
        return NOTHING
    before = reader.num_errors
    freeze = sides.get("freeze", False)
    if freeze is not UNKNOWN and not isinstance(freeze, bool):
        reader.add("wrong-type", (*path, "freeze"), f"`freeze` is true or false, not {kind_of(freeze)}")
    init = _init(reader, sides["init"], (*path, "init")) if "init" in sides else {}
    tie = _tie(reader, sides.get("tie"), (*path, "tie"))
    weights = _weights(reader, sides.get("weights"), (*path, "weights"))
    if reader.num_errors > before:
        return None
    return Beside(freeze is True, init, tie, weights=weights, path=path)


def _init(reader: Reading, value: Any, path: Path) -> Mapping[str, tuple[Call, ...]]:
    """Initialisers by parameter; those without a name are for the weight, or for what has no other."""
    if value is UNKNOWN:
        return {}
    if isinstance(value, dict) and not (len(value) == 1 and lookup.find(next(iter(value)), "init")):
        found, mistakes = initialisers(value, path)
    else:
        found, mistakes = initialisers({"": value}, path, named=False)
    reader.extend(mistakes)
    return {name: tuple(calls) for name, calls in found.items()}


def _tie(reader: Reading, given: Any, path: Path) -> Mapping[str, str]:
    if given is None or given is UNKNOWN:
        return {}
    if not isinstance(given, dict) or not all(isinstance(target, str) for target in given.values()):
        message = f"`tie` is a mapping of parameters to others, not {kind_of(given)}"
        reader.add("wrong-type", path, message, "tie: {weight: embed.weight}")
        return {}
    return dict(given)


def _weights(reader: Reading, given: Any, path: Path) -> Weights | None:
    """`weights: FILE`, or a mapping with `file`."""
    if given is None or given is UNKNOWN:
        return None
    written = given if isinstance(given, dict) else {"file": given}
    place = (*path, "file") if isinstance(given, dict) else path
    reader.extend(
        unknown_key(key, (*path, key), WEIGHTS_KEYS, "in `weights`")
        for key in written
        if key not in WEIGHTS_KEYS
    )
    file, strict = written.get("file"), written.get("strict", True)
    if "file" not in written:
        if not written.keys() - set(WEIGHTS_KEYS):
            reader.add("missing-key", path, "`weights` needs `file`", at="key")
    elif not isinstance(file, str):
        if file is not UNKNOWN:
            reader.add("wrong-type", place, f"`weights` is the name of a file, not {kind_of(file)}")
    elif not file.endswith(WEIGHTS_SUFFIXES):
        message = f"weights can't be read from `{file}`"
        reader.add(
            "wrong-value", place, message, "files end in " + ", ".join(f"`{s}`" for s in WEIGHTS_SUFFIXES)
        )
    if not isinstance(strict, bool) and strict is not UNKNOWN:
        reader.add("wrong-type", (*path, "strict"), f"`strict` is true or false, not {kind_of(strict)}")
    rename = _rename(reader, written.get("rename"), (*path, "rename"))
    if not isinstance(file, str) or not isinstance(strict, bool):
        return None
    return Weights(file, path, strict, rename, place)


def _rename(reader: Reading, given: Any, path: Path) -> Mapping[str, str]:
    """Patterns of names, and what stands for them: one `*` in both, or in neither."""
    if given is None or given is UNKNOWN:
        return {}
    if not isinstance(given, dict) or not all(isinstance(new, str) for new in given.values()):
        message = f"`rename` is a mapping of names to others, not {kind_of(given)}"
        reader.add("wrong-type", path, message, 'rename: {"backbone.*": "*"}')
        return {}
    for old, new in given.items():
        if old.count("*") > 1:
            reader.add("wrong-value", (*path, old), "a name has one `*` at most", at="key")
        elif new.count("*") != old.count("*"):
            message = f"`{new}` can't stand for `{old}`: both have a `*`, or neither"
            reader.add("wrong-value", (*path, old), message)
    return dict(given)
