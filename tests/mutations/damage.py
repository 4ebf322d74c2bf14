"""A file without mistakes and a seed -> the file with one mistake, and what a diagnostic should say of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_lowercase

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import KINDS
from yamlnet.diagnostics import Path, Span
from yamlnet.language.source import Node, read

WORDS = frozenset(name for kind in KINDS for name in lookup.names(kind))
FREE = ("name", "vars", "params", "expect", "metrics", "ParameterDict", "fields", "draw")
"""Keys whose own keys a file may choose."""


OPEN = ("params", "fields", "target", "draw", "insert", "append", "rename")
"""Where a value may be any name, or one that only the data has."""

CHOSEN = ("ModuleDict", "Sequential", "Parallel", "Select", "blocks", "inputs", "output", "from", "init")
"""Keys of the network whose own keys are names that the file gives."""


@dataclass(frozen=True)
class Damage:
    """A damaged text: the line of the mistake, and the word that mends it where there is one."""

    kind: str
    text: str
    line: int
    mend: str | None
    what: str


@dataclass(frozen=True)
class Place:
    """A key or a value of the text."""

    path: Path
    span: Span
    text: str


def damages(text: str, seed: int, count: int) -> Iterator[Damage]:
    """That many mistakes, one in each text, chosen by the seed."""
    document, _ = read(text, "file")
    assert document is not None
    chance = random.Random(seed)
    keys = [place for place in _keys(document.root, ()) if _written(text, place)]
    values = [place for place in _values(document.root, ()) if _written(text, place)]
    makers = (
        *(_typo_in_key, _typo_in_value, _typo_in_value, _typo_in_variable),
        *(_wrong_type, _twice, _deleted, _wrong_size),
    )
    made = 0
    for _ in range(50 * count):
        maker = chance.choice(makers)
        damage = maker(text, keys, values, chance)
        if damage is not None and made < count:
            made += 1
            yield damage


def _keys(node: Node, path: Path) -> Iterator[Place]:
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield Place((*path, key), node.keys[key], key)
            yield from _keys(item, (*path, key))
    elif isinstance(node.value, list):
        for position, item in enumerate(node.value):
            yield from _keys(item, (*path, position))


def _values(node: Node, path: Path) -> Iterator[Place]:
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from _values(item, (*path, key))
    elif isinstance(node.value, list):
        for position, item in enumerate(node.value):
            yield from _values(item, (*path, position))
    else:
        yield Place(path, node.span, str(node.value))


def _written(text: str, place: Place) -> bool:
    """Whether the place reads as it is written: in one line, without quotes."""
    span = place.span
    if span.line != span.end_line:
        return False
    return text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1] == place.text != ""


def _replaced(text: str, span: Span, new: str) -> str:
    lines = text.split("\n")
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.column - 1] + new + line[span.end_column - 1 :]
    return "\n".join(lines)


def _misspelt(word: str, chance: random.Random) -> str:
    """A word with one slip of the finger: a letter too much, too few, wrong, or two of them swapped."""
    at = chance.randrange(len(word))
    match chance.randrange(4):
        case 0:
            return word[:at] + chance.choice(ascii_lowercase) + word[at:]
        case 1:
            return word[:at] + word[at + 1 :]
        case 2:
            return word[:at] + chance.choice(ascii_lowercase) + word[at + 1 :]
    return word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]


def _typo(place: Place, chance: random.Random) -> str | None:
    """Another word that is near to this one alone."""
    if (
        len(place.text) < 4
        or place.text[0].isdigit()
        or not place.text.replace("_", "").replace(".", "").isalnum()
    ):
        return None
    word = _misspelt(place.text, chance)
    return None if word == place.text or word in WORDS or not word[:1].isalpha() else word


def _typo_in_key(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    place = chance.choice(keys)
    if _is_chosen(place.path):
        return None
    word = _typo(place, chance)
    if word is None:
        return None
    return Damage("typo in a key", _replaced(text, place.span, word), place.span.line, place.text, word)


def _is_chosen(path: Path) -> bool:
    """Whether a key is a name that the file gives, which may be any."""
    above = path[-2] if len(path) > 1 else None
    if above in FREE or path[-1] == "name" or "ParameterDict" in path:
        return True
    if above in CHOSEN:
        return True
    return len(path) > 1 and path[0] in ("vars", "expect")


def _typo_in_value(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    place = chance.choice(values)
    if place.path[:1] in (("name",), ("vars",)) or place.path[-1] in ("name", "match", "weights"):
        return None
    if "inputs" in place.path or place.text in ("true", "false", "null", "True", "False", "None"):
        return None
    if (place.path[0] == "init" and "name" in place.path) or set(place.path) & set(OPEN):
        return None
    word = _typo(place, chance)
    if word is None:
        return None
    return Damage("typo in a value", _replaced(text, place.span, word), place.span.line, place.text, word)


def _wrong_type(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    place = chance.choice(values)
    if place.path[:1] in (("name",), ("vars",)) or "params" in place.path or "ParameterDict" in place.path:
        return None
    if not place.text.isdigit():
        return None
    word = chance.choice(["[a, b, c]", "{x: 1}", "many", f'"{place.text}"'])
    return Damage("wrong type", _replaced(text, place.span, word), place.span.line, None, word)


def _twice(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    """A line of a block mapping written twice."""
    place = chance.choice(keys)
    lines = text.split("\n")
    line = lines[place.span.line - 1]
    if not line.strip().startswith(f"{place.text}:") or line.rstrip().endswith(":"):
        return None
    lines.insert(place.span.line, line)
    return Damage("a key twice", "\n".join(lines), place.span.line + 1, None, line.strip())


def _deleted(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    """A required parameter left out of a flow mapping."""
    place = chance.choice(keys)
    if len(place.path) < 2 or not isinstance(place.path[-2], str):
        return None
    entry = next((e for kind in KINDS if (e := lookup.find(place.path[-2], kind))), None)
    if entry is None or place.text not in entry.options or not entry.options[place.text].required:
        return None
    line = text.split("\n")[place.span.line - 1]
    rest = line[place.span.column - 1 :]
    end = next((i for i, letter in enumerate(rest) if letter in ",}"), None)
    if end is None or "[" in rest[:end] or "(" in rest[:end]:
        return None
    cut = end + 2 if rest[end] == "," else end
    lines = text.split("\n")
    lines[place.span.line - 1] = line[: place.span.column - 1] + rest[cut:]
    return Damage("a parameter left out", "\n".join(lines), place.span.line, None, place.text)


def _typo_in_variable(
    text: str, keys: list[Place], values: list[Place], chance: random.Random
) -> Damage | None:
    """A name that `$` works out, misspelt."""
    place = chance.choice(values)
    names = [
        m for m in re.finditer(r"[a-z_]{4,}", place.text) if m[0] not in ("sqrt", "true", "false", "null")
    ]
    if "$" not in place.text or not names:
        return None
    name = chance.choice(names)
    word = _misspelt(name[0], chance)
    if word == name[0] or not word.isidentifier() or word in names:
        return None
    new = place.text[: name.start()] + word + place.text[name.end() :]
    return Damage("typo in a variable", _replaced(text, place.span, new), place.span.line, name[0], word)


SIZES = {"Linear": ("out_features", "in_features"), "Conv2d": ("out_channels", "in_channels")}
WRONG_SIZE = 7919
"""No network has it."""


def _wrong_size(text: str, keys: list[Place], values: list[Place], chance: random.Random) -> Damage | None:
    """A size that is inferred, said, and not the one that arrives."""
    place = chance.choice(keys + values)
    name = next((name for name in SIZES if name in place.path[-2:]), None)
    if name is None or "params" in place.path:
        return None
    first, inferred = SIZES[name]
    if place.path[-1] == name and place.text.isdigit():
        new = f"{{{first}: {place.text}, {inferred}: {WRONG_SIZE}}}"
    elif place.path[-2:] == (name, first) and place.text == first:
        new = f"{inferred}: {WRONG_SIZE}, {first}"
    else:
        return None
    if text.split("\n")[place.span.line - 1].lstrip().startswith(first):
        return None  # a line of a block mapping
    return Damage("a wrong size", _replaced(text, place.span, new), place.span.line, None, new)
