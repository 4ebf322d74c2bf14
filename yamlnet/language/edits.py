"""The model's `edit` list -> the changes to make, their nodes read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlnet.diagnostics import Path, did_you_mean
from yamlnet.language.calls import unknown_key
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.names import refused
from yamlnet.language.nodes import Edit, Node, Tensors
from yamlnet.language.places import Place
from yamlnet.language.plain import kind_of, show
from yamlnet.language.reading import Reading
from yamlnet.language.vocabulary import BODY_SIDES, EDIT_KEYS, EDIT_NEEDS, EDIT_VERBS, Verb

EXAMPLE = "- {replace: fc, with: {Linear: 10}}"


def read_edits(
    reader: Reading, given: Any, path: Path, place: Place
) -> tuple[tuple[Edit, ...] | None, list[Any]]:
    """The edits, None where one is wrong or unknown; and their text with everything worked out."""
    if given is None:
        return (), []
    if not isinstance(given, list):
        message = f"`edit` is a list of changes, not {kind_of(given)}"
        is_edit = isinstance(given, dict) and given.keys() & set(EDIT_VERBS)
        reader.add("wrong-type", path, message, f"- {show(given)}" if is_edit else EXAMPLE)
        return None, []
    found = [_edit(reader, item, (*path, position), place) for position, item in enumerate(given)]
    edits = tuple(edit for edits, _ in found for edit in edits or ())
    complete = all(edits is not None for edits, _ in found)
    return edits if complete else None, [plain for _, plain in found]


def _edit(reader: Reading, given: Any, path: Path, place: Place) -> tuple[tuple[Edit, ...] | None, Any]:
    """One entry of the list: an edit, or as many as it names patterns."""
    verb = _verb(reader, given, path)
    if verb is None:
        return None, given
    before = reader.num_errors
    _check_keys(reader, given, verb, path)
    if verb == "freeze":
        return _freezes(reader, given[verb], (*path, verb), place, before)
    names = {
        key: _name(reader, place.scope.value(given[key], (*path, key)), key, (*path, key))
        for key in (verb, "after")
        if key in given
    }
    node, plain = None, None
    if "with" in given and "with" in EDIT_NEEDS[verb]:
        node, plain = _node(reader, given["with"], (*path, "with"), place)
    written = {**names, **({"with": plain} if "with" in EDIT_NEEDS[verb] else {})}
    target = names.get("after" if verb == "insert" else verb)
    if verb == "insert" and target is not None and names[verb] is not None:
        _check_new(reader, str(names[verb]), (*path, verb))
    unread = node is None and "with" in EDIT_NEEDS[verb]
    if reader.num_errors > before or None in names.values() or target is None or unread:
        return None, written
    return (Edit(verb, target, path, node, str(names[verb]) if verb == "insert" else ""),), written


def _freezes(
    reader: Reading, given: Any, path: Path, place: Place, num_errors: int
) -> tuple[tuple[Edit, ...] | None, Any]:
    """An edit for each pattern of `freeze`."""
    patterns = place.scope.value(given, path)
    places: list[Path] = [path]
    if isinstance(patterns, list) and patterns:
        places = [(*path, position) for position in range(len(patterns))]
    listed = patterns if isinstance(patterns, list) and patterns else [patterns]
    names = [_name(reader, pattern, "freeze", at) for pattern, at in zip(listed, places, strict=True)]
    if reader.num_errors > num_errors or None in names:
        return None, {"freeze": patterns}
    edits = [Edit("freeze", str(name), path[:-1], at=at) for name, at in zip(names, places, strict=True)]
    return tuple(edits), {"freeze": patterns}


def _verb(reader: Reading, given: Any, path: Path) -> Verb | None:
    """What an entry does; None where it doesn't say one thing."""
    if given is UNKNOWN:
        reader.unknown = True
        return None
    if not isinstance(given, dict):
        what = "nothing" if given is None else kind_of(given)
        reader.add("wrong-type", path, f"an edit is a mapping that says what to do, not {what}", EXAMPLE)
        return None
    said = [verb for verb in EDIT_VERBS if verb in given]
    if len(said) == 1:
        return said[0]
    if said:
        second = next(key for key in given if key in said and key != next(k for k in given if k in said))
        first = next(key for key in given if key in said)
        message = f"an edit does one thing, and here are two: `{first}` and `{second}`"
        reader.add("wrong-value", (*path, second), message, "they are two entries of the list", at="key")
        return None
    unknown = next((key for key in given if key not in EDIT_KEYS), None)
    if unknown is not None:
        reader.extend([unknown_key(unknown, (*path, unknown), EDIT_VERBS, "in an edit")])
    else:
        help, _ = did_you_mean("", EDIT_VERBS)
        reader.add("missing-key", path, "an edit says what to do", help, at="key")
    return None


def _check_keys(reader: Reading, given: Mapping[str, Any], verb: str, path: Path) -> None:
    known = (verb, *EDIT_NEEDS[verb])
    unknown = [key for key in given if key not in known]
    for key in unknown:
        owners = [f"`{owner}`" for owner, needs in EDIT_NEEDS.items() if key in needs]
        if owners:
            message = f"`{key}` stands beside {' and '.join(owners)} only"
            reader.add("unknown-key", (*path, key), message, at="key")
        else:
            reader.extend([unknown_key(key, (*path, key), known, f"beside `{verb}`")])
    missing = [key for key in EDIT_NEEDS[verb] if key not in given]
    if missing and not unknown:
        words = " and ".join(f"`{key}`" for key in missing)
        reader.add("missing-key", (*path, verb), f"`{verb}` needs {words}", at="key")


def _name(reader: Reading, value: Any, key: str, path: Path) -> str | None:
    """A module's name or a pattern; a position in a chain is a number."""
    if value is UNKNOWN:
        reader.unknown = True
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value:
        return value
    what = {"after_every": "a class of module", "freeze": "a pattern, or a list of them"}.get(key, "a module")
    help = "quote it" if isinstance(value, float) else None
    reader.add("wrong-type", path, f"`{key}` names {what}, not {kind_of(value)}", help)
    return None


def _check_new(reader: Reading, name: str, path: Path) -> None:
    """The last part of a new module's name is a position or an identifier."""
    last = name.rpartition(".")[2]
    why = None if last.isdecimal() else refused(last)
    if why is not None:
        reader.add("wrong-value", path, f"a node can't be named `{last}`", why)


def _node(reader: Reading, given: Any, path: Path, place: Place) -> tuple[Node | None, Any]:
    read = reader.read(given, path, place, BODY_SIDES, "`with`")
    if isinstance(read.node, Tensors):
        reader.add("wrong-value", path, "`with` is a module or function, not a value")
    if read.node is None or isinstance(read.node, str | Tensors) or not reader.takes_input_only(read.node):
        return None, read.plain
    return read.node, read.plain
