"""A text that isn't YAML -> what brackets may lack or have too much, also those left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from yamlnet.catalog import lookup
from yamlnet.language.slips import Line, Slip, is_call, takes
from yamlnet.language.vocabulary import NODE_SIDES

_CLOSING = {"did not find expected ',' or ']'": "]", "did not find expected ',' or '}'": "}"}
_NESTED = re.compile(r"([\w.]+): +([\w.]+): *([^{}\[\]\n]*)")
_GLUED = "found unexpected ':'"
_NO_SPACE = re.compile(r"[\w\"']:(?=[\"'\[{])")
_BRACED = re.compile(r"\$\{([\w.]+)\}")
_NEXT = re.compile(r"[\w.$-]+|\"[^\"\n]*\"|'[^'\n]*'")
_EQUALS = re.compile(r"\s*=\s*$")
_OTHER = {"]": "}", "}": "]"}
_WORD = re.compile(r"([\w.$-]+|\"[^\"\n]*\"|'[^'\n]*')\s*$")
_TWO_KEYS = re.compile(r"([\w.]+): +([\w.]+): *(.*)$")
_CALL = re.compile(r"([\w.]+): +([\w.]+) *(\{.*\})$")
_VALUE_AND_KEY = re.compile(r"([\w.]+): +([^:{}\[\]]+?),? +([\w.]+): +(.*)$")

_MISPLACED = "a `key: value` can't stand here"


def flow_slips(error: yaml.MarkedYAMLError, text: str) -> Iterator[Slip]:
    """What stands between brackets where a comma or their end was expected."""
    if error.problem_mark is None:
        return
    at = error.problem_mark.index
    found = text[at : at + 1]
    if error.problem == "did not find expected node content" and found == ",":
        yield Slip((at, at + 1), "this `,` is one too many", None, (at, at + 1), "")
    if error.problem in (*_CLOSING, _GLUED):
        for found_colon in _NO_SPACE.finditer(text, text.rfind("\n", 0, at) + 1, at + 2):
            end = found_colon.end()
            yield Slip((end - 1, end), "a space is missing after this `:`", None, (end, end), " ")
    closing = _CLOSING.get(error.problem or "")
    if closing is None:
        return
    if found in _OTHER:
        opening = "[" if closing == "]" else "{"
        message = f"this `{found}` can't close a `{opening}`"
        yield Slip((at, at + 1), message, f"write `{closing}`", (at, at + 1), closing)
        yield Slip((at, at + 1), f"a `{closing}` is missing before this `{found}`", None, (at, at), closing)
        return
    braced = _BRACED.match(text, at - 1)
    if braced is not None:
        new = f"${braced[1]}"
        yield Slip(braced.span(), "a `$` is followed by a name or `(`", f"write `{new}`", braced.span(), new)
    equals = _EQUALS.search(text, max(0, at - 200), at)
    if equals is not None:
        sign = text.rindex("=", 0, at)
        message = "a key and its value have a `:` between them, not a `=`"
        yield Slip((sign, sign + 1), message, None, equals.span(), ": ")
        return
    word = _WORD.search(text, max(0, at - 200), at)
    if found in "{[" and word is not None and closing == "}":
        message, help = "a `:` is missing after this key", f"write `{word[1]}: {found}`"
        yield Slip(word.span(1), message, help, word.span(), f"{word[1]}: ")
    if found == ":":
        yield from _nested(text, at)
    after = _NEXT.match(text, at)
    place = word.span(1) if found == ":" and word is not None else after.span() if after else (at, at + 1)
    before = text[: place[0]].rstrip()
    if before[-1:] and before[-1] not in "[{:,":
        shown = text[slice(*place)]
        yield Slip(place, f"a `,` is missing before `{shown}`", None, (len(before), len(before)), ",")


def _nested(text: str, at: int) -> Iterator[Slip]:
    """An argument that stands beside its call in one pair of brackets."""
    for found in _NESTED.finditer(text, text.rfind("\n", 0, at) + 1):
        if found.end(2) == at and takes(found[1], found[2]):
            new = f"{found[1]}: {{{found[2]}: {found[3]}}}"
            yield Slip((at, at + 1), _MISPLACED, f"write `{new}`", found.span(), new)
        elif found.end(2) == at:
            inner = found.start(2)
            message = f"a `{{` is missing before `{found[2]}`"
            yield Slip(found.span(2), message, None, (inner, inner), "{")


def call_slips(line: Line) -> Iterator[Slip]:
    """A line that holds two keys: a call's argument, or a call that is a key's value."""
    offset = line.first + len(line.lead)
    words = line.words[len(line.lead) :]
    found = _TWO_KEYS.match(words)
    if found is not None:
        yield from _two_keys(line, found, offset)
    found = _CALL.match(words)
    if found is not None and is_call(found[2]):
        new = f"{found[1]}: {{{found[2]}: {found[3]}}}"
        place = (offset + found.start(2), offset + found.end(2))
        edit = (offset, offset + len(words))
        yield Slip(place, "a `:` is missing after this key", f"write `{new}`", edit, new)
    found = _VALUE_AND_KEY.match(words)
    if found is not None and is_call(found[2]):
        yield from _value_and_key(found, offset)
    first = None if found is None else _positional(found[1])
    if found is not None and first is not None and takes(found[1], found[3]):
        new = f"{found[1]}: {{{first}: {found[2]}, {found[3]}: {found[4]}}}"
        place = (offset + found.start(3), offset + found.end(3))
        edit = (offset, offset + len(words))
        yield Slip(place, _MISPLACED, f"write `{new}`", edit, new)


def _value_and_key(found: re.Match[str], offset: int) -> Iterator[Slip]:
    """A call that is a key's value, and what stands beside it or is its argument."""
    outer, name, key, rest = found.groups()
    if takes(name, key):
        new = f"{outer}: {{{name}: {{{key}: {rest}}}}}"
    elif key in NODE_SIDES:
        new = f"{outer}: {{{name}, {key}: {rest}}}"
    else:
        return
    place = (offset + found.start(3), offset + found.end(3))
    yield Slip(place, _MISPLACED, f"write `{new}`", (offset, offset + found.end()), new)


def _two_keys(line: Line, found: re.Match[str], offset: int) -> Iterator[Slip]:
    outer, inner, rest = found.groups()
    colon = (offset + found.end(2), offset + found.end(2) + 1)
    edit = (offset, offset + found.end())
    if not rest:
        new = f"{outer}: {inner}"
        yield Slip(colon, "this `:` is one too many", f"write `{new}`", edit, new)
        new = f"{outer}:\n{' ' * (line.indent + len(line.lead) + 2)}{inner}:"
        help = f"write `{inner}:` on a line of its own, below `{outer}:`"
        yield Slip(colon, _MISPLACED, help, edit, new)
        return
    if rest.count("}") > rest.count("{"):
        new = f"{outer}: {{{inner}: {rest}"
        key = (offset + found.start(2), offset + found.end(2))
        yield Slip(key, f"a `{{` is missing before `{inner}`", f"write `{new}`", edit, new)
    elif takes(outer, inner) or is_call(inner):
        new = f"{outer}: {{{inner}: {rest}}}"
        yield Slip(colon, _MISPLACED, f"write `{new}`", edit, new)


def _positional(name: str) -> str | None:
    """The name of the argument that a call takes without a name, if it takes one."""
    entries = [lookup.find(name, kind) for kind in lookup.kinds_of(name)]
    return next((entry.positional.name for entry in entries if entry and entry.positional), None)
