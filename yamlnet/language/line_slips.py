"""The lines around a failure -> what each may lack or have too much: colon, dash, space, indentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from yamlnet.language.flow_slips import call_slips
from yamlnet.language.keys import NODE_KEYS, SECTION_KEYS
from yamlnet.language.slips import Line, Slip, is_call, takes
from yamlnet.language.vocabulary import CONTAINERS

_KEY = r"(?P<key>[A-Za-z_$][\w.$]*|\"[^\"]+\"|'[^']+')"
_EQUALS = re.compile(rf"{_KEY}(?P<mark>\s*=\s*)(?P<value>[^\s=].*)")
_SEMICOLON = re.compile(rf"{_KEY}(?P<mark>\s*;\s*)(?P<value>\S.*)")
_NO_SPACE = re.compile(rf"{_KEY}(?P<mark>\s*[:\uff1a]\s*)(?P<value>[^\s:;,].*)")
_NO_COLON = re.compile(rf"{_KEY}(?P<mark>\s+|(?=[\[{{]))(?P<value>[^\s:=].*)")
_WORD = re.compile(_KEY)
_OTHER_MARK = re.compile(rf"{_KEY}(?P<mark>\s*[=;])")
_BULLET = re.compile(r"(?P<bullet>[*+\u2013\u2014\u2022\u00b7])\s+\S|(?P<glued>-)[^\s-]")
_COMMENT = re.compile(r"\s*(//|(?<=\S)#).*")

_KEYS = frozenset(part for name in (*SECTION_KEYS, *NODE_KEYS) for part in name.split("."))
_SECTIONS = frozenset(name.partition(".")[0] for name in SECTION_KEYS)


def line_slips(lines: Sequence[Line], failed: int, begun: int) -> Iterator[Slip]:
    """Every slip that one of the lines may hold, the likelier ones first.

    `failed` and `begun` are positions of `lines`: of the failure, and of the block that it is in.
    """
    suspects = dict.fromkeys((*_up_from(lines, failed), *_up_from(lines, max(0, failed - 1)), begun, 0))
    for kind in _KINDS:
        for suspect in suspects:
            yield from kind(lines, suspect)


def _up_from(lines: Sequence[Line], start: int) -> list[int]:
    """A line, and those that it stands under."""
    found, indent = [start], lines[start].indent
    for position in range(start - 1, -1, -1):
        if lines[position].indent < indent:
            found.append(position)
            indent = lines[position].indent
    return found


def _marks(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A key and a value with something else than `: ` between them."""
    line = lines[position]
    offset, words = line.first + len(line.lead), line.words[len(line.lead) :]
    for form, message in (
        (_EQUALS, "a key and its value have a `:` between them, not a `=`"),
        (_SEMICOLON, "a key and its value have a `:` between them, not a `;`"),
        (_NO_SPACE, "a space is missing after this `:`"),
        (_NO_COLON, "a `:` is missing after this key"),
    ):
        found = form.match(words)
        if found is None:
            continue
        mark = found["mark"].strip()
        start = found.start("mark") + len(found["mark"]) - len(found["mark"].lstrip())
        place = (start, start + len(mark)) if mark else found.span("key")
        if mark == "\uff1a":
            message = "this isn't the `:` of YAML"
        edit = (offset + found.start("mark"), offset + found.end("mark"))
        help = f"write `{found['key']}: {found['value']}`"
        yield Slip((offset + place[0], offset + place[1]), message, help, edit, ": ")


def _ends(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """What other languages end a line with, or begin a comment with."""
    line = lines[position]
    end = line.first + len(line.words)
    if line.words[-1] in ",;":
        yield Slip((end - 1, end), f"lines end without a `{line.words[-1]}`", None, (end - 1, end), "")
    found = _COMMENT.search(line.words)
    if found is not None:
        place = (line.first + found.start(1), line.first + found.end(1))
        message = "a comment begins with a space and a `#`"
        edit = (line.first + found.start(), end)
        yield Slip(place, message, None, edit, "")


def _colon(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A key alone on its line, and what it holds below."""
    line = lines[position]
    word = line.words[len(line.lead) :]
    below = lines[position + 1] if position + 1 < len(lines) else None
    if below is None or not _is_under(below, line):
        return
    marked = _OTHER_MARK.fullmatch(word)
    if marked is not None and _opens(marked["key"], below, line.indent, bool(line.lead)):
        end = line.first + len(line.words)
        message = f"a key ends with a `:`, not with a `{word[-1]}`"
        edit = (end - len(marked["mark"]), end)
        yield Slip((end - 1, end), message, f"write `{marked['key']}:`", edit, ":")
    if not _WORD.fullmatch(word):
        return
    if _opens(word, below, line.indent, bool(line.lead)):
        end = line.first + len(line.words)
        place = (end - len(word), end)
        yield Slip(place, "a `:` is missing after this key", f"write `{word}:`", (end, end), ":")


def _is_under(below: Line, line: Line) -> bool:
    return below.indent > line.indent or (below.indent == line.indent and below.is_item and not line.is_item)


def _opens(word: str, below: Line, indent: int, is_item: bool) -> bool:
    """Whether a word is the key of what stands below it, rather than an item beside one without a dash."""
    container = word in CONTAINERS
    if below.is_item:
        return container or word in _KEYS or not (is_call(word) or below.indent == indent)
    if below.key is None or takes(word, below.key) or not _names_call(below.key):
        return True
    return container or not (is_item or is_call(word))


def _names_call(name: str) -> bool:
    return name in CONTAINERS or is_call(name)


def _value(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A value below its key, where it isn't indented further."""
    line = lines[position]
    if not position or line.key is not None or line.is_item or _names_call(line.words):
        return
    above = lines[position - 1]
    if not above.words.endswith(":") or line.indent > above.indent + len(above.lead):
        return
    key = above.words[len(above.lead) :]
    help = f"write `{above.words} {line.words}`, or indent it further"
    edit = (above.first + len(above.words), line.first + len(line.words))
    message = f"`{line.words}` stands beside `{key[:-1]}`, not under it"
    yield Slip(line.place, message, help, edit, f" {line.words}")


def _dash(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A line of a list that lacks its dash, or has another mark for it."""
    line = lines[position]
    found = _BULLET.match(line.words)
    if found is not None:
        place = (line.first, line.first + 1)
        if found["glued"]:
            help = f"write `- {line.words[1:]}`"
            yield Slip(place, "a space is missing after this `-`", help, place, "- ")
        else:
            message = f"an item of a list begins with a `-`, not with `{found['bullet']}`"
            yield Slip(place, message, f"write `- {line.words[1:].strip()}`", place, "-")
        return
    if line.key is None or _names_call(line.key):
        yield from _with_dash(lines, position)


def _dash_of_key(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A line of a list of mappings, such as rules, that lacks its dash."""
    yield from _with_dash(lines, position)


def _with_dash(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    line = lines[position]
    if line.is_item:
        return
    indent = _list_beside(lines, position)
    if indent is not None:
        aligned = "" if indent == line.indent else ", indented like the items around it"
        help = f"write `- {line.words}`{aligned}"
        edit = (line.start, line.first)
        yield Slip(
            line.place, "a `-` is missing before this item of the list", help, edit, " " * indent + "- "
        )


def _list_beside(lines: Sequence[Line], position: int) -> int | None:
    """The indentation of the list that a line may be an item of."""
    line = lines[position]
    before = next((other for other in reversed(lines[:position]) if other.indent <= line.indent), None)
    if before is not None and before.is_item and 0 <= line.indent - before.indent <= 2:
        return before.indent
    after = lines[position + 1] if position + 1 < len(lines) else None
    if after is not None and after.is_item and 0 <= line.indent - after.indent <= 2:
        return after.indent
    return None


def _no_dash(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A dash before a key of a mapping."""
    line = lines[position]
    if line.is_item and line.key is not None and not _names_call(line.key):
        yield _without_dash(line)


def _no_dash_of_call(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A dash before a call: more likely it is an item, and something else is wrong."""
    line = lines[position]
    if line.is_item and line.key is not None:
        yield _without_dash(line)


def _without_dash(line: Line) -> Slip:
    message = "a `-` begins an item of a list, and here stands a key of a mapping"
    place = (line.first, line.first + 1)
    help = f"write `{line.words[len(line.lead) :]}`"
    return Slip(place, message, help, (line.first, line.first + len(line.lead)), "")


def _arguments(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """Arguments below a call that stands beside its key."""
    if not position or lines[position].key is None:
        return
    above, line = lines[position - 1], lines[position]
    outer, colon, name = above.words.rpartition(": ")
    if not colon or not takes(name, str(line.key)) or line.indent <= above.indent:
        return
    below = list(takewhile(lambda other: other.indent == line.indent, lines[position:]))
    call = f"{name}: {{{', '.join(other.words for other in below)}}}"
    message = f"`{line.key}` stands below `{name}`, which is a value"
    edit = (above.first, below[-1].first + len(below[-1].words))
    place = (line.first, line.first + len(str(line.key)))
    yield Slip(place, message, f"write `{outer}: {{{call}}}`", edit, f"{outer}: {{{call}}}")


def _calls(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    yield from call_slips(lines[position])


def _odd_one_out(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A line between two that are indented alike."""
    around = [*lines[max(0, position - 1) : position], *lines[position + 1 : position + 2]]
    if len(around) == 2 and around[0].indent == around[1].indent != lines[position].indent:
        yield from _indented(lines, position, [around[0].indent])


def _odd_indent(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A line that is indented by an odd number of spaces, brought to an even one."""
    if lines[position].indent % 2:
        even = [indent for indent in _near(lines, position) if not indent % 2]
        yield from _indented(lines, position, even)


def _indent(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A line that is indented unlike the others."""
    yield from _indented(lines, position, _near(lines, position))


def _near(lines: Sequence[Line], position: int) -> list[int]:
    """The indentations of other lines that are nearest to a line's.

    Of two a section takes 0, another line that of a line beside it.
    """
    own, is_section = lines[position].indent, lines[position].key in _SECTIONS
    beside = {line.indent for line in lines[max(0, position - 1) : position + 2]}
    others = {line.indent for line in lines} - {own}

    def distance(indent: int) -> tuple[int, bool, bool, int]:
        return abs(indent - own), bool(indent) or not is_section, indent not in beside, -indent

    return sorted(others, key=distance)[:3]


def _indented(lines: Sequence[Line], position: int, indents: Sequence[int]) -> Iterator[Slip]:
    """A line brought to other indentations: sections aren't indented, and nothing else stands beside them."""
    line = lines[position]
    is_section = line.key in _SECTIONS
    if (is_section and not line.indent) or (line.key is None and not line.is_item):
        return
    whole = "items of its list" if line.is_item else "lines of its block"
    for indent in indents:
        if indent or is_section or line.is_item:
            message = f"this line is indented by {line.indent}, and the other {whole} by {indent}"
            yield Slip((line.first, line.first + 1), message, None, (line.start, line.first), " " * indent)


def _alone(lines: Sequence[Line], position: int) -> Iterator[Slip]:
    """A word where a key and its value were expected."""
    line = lines[position]
    if _WORD.fullmatch(line.words):
        end = line.first + len(line.words)
        kind = (
            "a key is missing before this value"
            if _names_call(line.words)
            else "this key has no `:` and no value"
        )
        yield Slip(line.place, kind, None, (end, end), ":")


_KINDS: tuple[Callable[[Sequence[Line], int], Iterator[Slip]], ...] = (
    *(_marks, _ends, _colon, _value, _dash, _no_dash, _dash_of_key, _arguments, _calls),
    *(_odd_one_out, _odd_indent, _indent, _no_dash_of_call, _alone),
)
