"""YAML text -> plain data with the span of every key and value; limits, and YAML's traps explained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

import yaml

from yamlnet.diagnostics import Diagnostic, Mistake, Path, Related, Span
from yamlnet.language import traps
from yamlnet.language.traps import Mark

MAX_BYTES = 2**20
MAX_DEPTH = 64
MAX_VALUES = 100_000
TEXT = 64
"""How many characters count as another value: an alias says a long text again."""

MAX_DIGITS = 400

Scalar = str | int | float | bool | None
Event = Any  # PyYAML's stubs let marks be None, which a parser's events never have

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?\d+(_\d+)*")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.\d+(_\d+)*|\d+(_\d+)*(\.(\d+(_\d+)*)?)?)([eE][-+]?\d+)?")
_INFINITY = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = re.compile(r"\.(?:nan|NaN|NAN)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


@dataclass
class Node:
    """A value of the text and where it stands; mappings also know where each key stands."""

    value: Scalar | dict[str, Node] | list[Node]
    span: Span
    keys: dict[str, Span] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value as nested dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class Document:
    """What was read: the tree of values with their spans, and the texts that the spans point into.

    `folders` are those of the files that the document is made of.
    """

    root: Node
    file: str
    texts: Mapping[str, str]
    folders: Mapping[str, FilePath] = field(default_factory=dict)

    def span(self, path: Path, at: str = "value") -> Span:
        """Where `path` stands; where it isn't written, the deepest part of it that is."""
        node, span = self.root, self.root.span
        if not path and at == "key" and node.keys:
            return next(iter(node.keys.values()))
        for depth, step in enumerate(path):
            below = child(node, step)
            if below is None:
                break
            key = node.keys.get(str(step))
            node = below
            last = depth == len(path) - 1
            span = key if key and (at == "key" or not _visible(below.span)) and last else below.span
        return span

    def has(self, path: Path) -> bool:
        """Whether `path` is written."""
        node: Node | None = self.root
        for step in path:
            node = None if node is None else child(node, step)
        return node is not None

    def locate(self, mistake: Mistake) -> Diagnostic:
        """The diagnostic for a mistake: its paths turned into spans."""
        span = self.span(mistake.path, mistake.at)
        if mistake.part is not None:
            span = self._within(span, *mistake.part, mistake.worked_out)
        related = tuple(Related(self.span(path, "key"), message) for path, message in mistake.related)
        return Diagnostic(
            span,
            mistake.code,
            mistake.message,
            mistake.severity,
            mistake.help,
            mistake.suggestion if mistake.at == "key" or self.has(mistake.path) else None,
            mistake.path,
            related,
        )

    def _within(self, span: Span, start: int, end: int, worked_out: bool) -> Span:
        """Characters `start` to `end` of a scalar; the whole of it where it isn't written as it reads."""
        if span.line != span.end_line:
            return span
        written = self.texts[span.file].split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]
        if "\\" in written or (written[:1] == "'" and "''" in written[1:-1]):
            return span
        if worked_out and "$" in written:
            return span
        offset = span.column + (1 if written[:1] in "'\"" else 0)
        return replace(span, column=offset + start, end_column=offset + end)


def child(node: Node, step: str | int) -> Node | None:
    """What stands under a key or at a position, None where nothing does."""
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def _visible(span: Span) -> bool:
    return (span.line, span.column) != (span.end_line, span.end_column)


def read(text: str, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Reads one YAML text; `file` is the name that diagnostics show.

    A text with a syntax error, or past a limit, gives no document; a key written twice does.
    """
    text = normal(text)
    reader = _Reader(text, file)
    early = reader.unreadable()
    if early is not None:
        return None, [early]
    try:
        root = reader.build()
    except _Stop as stop:
        return None, [*reader.diagnostics, stop.diagnostic]
    except yaml.YAMLError as error:
        return None, [*reader.diagnostics, traps.syntax_error(error, text, file)]
    if root is None:
        root = Node({}, Span(file, 1, 1, 1, 1))
    return Document(root, file, {file: text}), reader.diagnostics


def normal(text: str) -> str:
    """The text without a byte order mark, its lines ended by a newline alone, as spans count them."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


class _Stop(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


@dataclass
class _Open:
    """A collection whose end hasn't come yet; `key` waits for its value."""

    node: Node
    anchor: str | None
    size_before: int
    key: str | None = None
    key_span: Span | None = None


class _Reader:
    """Builds nodes from YAML's events, without recursion, so that no depth can end the process."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.diagnostics: list[Diagnostic] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.size = 0
        self.root: Node | None = None
        self.documents = 0

    def unreadable(self) -> Diagnostic | None:
        """The limit on size, and characters that YAML can't hold."""
        if len(self.text) > MAX_BYTES or len(self.text.encode("utf-8", "replace")) > MAX_BYTES:
            start = Span(self.file, 1, 1, 1, 1)
            return Diagnostic(start, "too-large", "the file is larger than 1 MiB")
        bad = _CONTROL.search(self.text)
        if bad is None:
            return None
        line = self.text.count("\n", 0, bad.start()) + 1
        column = bad.start() - self.text.rfind("\n", 0, bad.start())
        span = Span(self.file, line, column, line, column + 1)
        message = f"the character U+{ord(bad[0]):04X} can't stand in a YAML file"
        help = f'in double quotes it is written "\\u{ord(bad[0]):04X}"'
        return Diagnostic(span, "yaml-syntax", message, help=help)

    def build(self) -> Node | None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(self.text, Loader=loader):
            self.take(event)
        return self.root

    def take(self, event: Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.stop(
                    event, "yaml-syntax", "a file holds one experiment, and here a second document begins"
                )
        elif isinstance(event, yaml.AliasEvent):
            self.alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.close(event)

    def scalar(self, event: Event) -> None:
        self.refuse_tag(event)
        size = 1 + len(event.value) // TEXT
        self.count(event, size)
        span = self.span(event)
        if (
            not self.stack
            or not isinstance(self.stack[-1].node.value, dict)
            or self.stack[-1].key is not None
        ):
            node = Node(self.resolve(event, span), span)
            if event.anchor:
                self.anchors[event.anchor] = (node, size)
            self.add(node)
            return
        if not event.style and event.value == "<<":
            help = "name the shared part in `vars`, or repeat it"
            self.stop(event, "yaml-syntax", "merge keys `<<` aren't part of the language", help)
        self.key(event.value, span)

    def alias(self, event: Event) -> None:
        name = event.anchor
        if name not in self.anchors:
            help = traps.quote_help(self.text, event.start_mark)
            self.stop(event, "yaml-syntax", f"the alias `*{name}` has no anchor `&{name}` before it", help)
        found = self.anchors[name]
        if found is None:
            self.stop(event, "recursion", f"`*{name}` stands inside `&{name}` itself")
            return
        node, size = found
        self.count(event, size)
        if self.stack and isinstance(self.stack[-1].node.value, dict) and self.stack[-1].key is None:
            if isinstance(node.value, dict | list):
                self.stop(event, "yaml-syntax", "a key must be a name, not a mapping or a list")
            self.key(str(node.value), self.span(event))
        else:
            self.add(node)

    def open(self, event: Event) -> None:
        self.refuse_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            self.stop(event, "too-large", f"more than {MAX_DEPTH} levels of mappings and lists")
        self.count(event, 1)
        if self.stack and isinstance(self.stack[-1].node.value, dict) and self.stack[-1].key is None:
            help = traps.key_help(self.text, event.start_mark)
            self.stop(event, "yaml-syntax", "a key must be a name, not a mapping or a list", help)
        value: dict[str, Node] | list[Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(Node(value, self.span(event)), event.anchor, self.size))

    def close(self, event: Event) -> None:
        opened = self.stack.pop()
        node = opened.node
        node.span = self.extent(node, event)
        if opened.anchor:
            self.anchors[opened.anchor] = (node, self.size - opened.size_before + 1)
        self.add(node)

    def key(self, name: str, span: Span) -> None:
        opened = self.stack[-1]
        first = opened.node.keys.get(name)
        if first is not None:
            self.diagnostics.append(
                Diagnostic(
                    span,
                    "duplicate-key",
                    f"the key `{name}` is written twice",
                    related=(Related(first, "first written here"),),
                )
            )
        opened.key, opened.key_span = name, span

    def add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        opened = self.stack[-1]
        if isinstance(opened.node.value, list):
            opened.node.value.append(node)
            return
        assert isinstance(opened.node.value, dict)
        assert opened.key is not None
        assert opened.key_span is not None
        before = opened.node.value.get(opened.key)
        if before is None or before.value is None:
            opened.node.value[opened.key] = node
            opened.node.keys[opened.key] = opened.key_span
        opened.key = opened.key_span = None

    def resolve(self, event: Event, span: Span) -> Scalar:
        text = event.value
        if event.style:
            return str(text)
        if re.fullmatch(r"\(\s*-?[\d.]+(e-?\d+)?", text) and self.in_flow(event):
            items = re.match(r"\(([^()\n]*)\)", self.text[event.start_mark.index :])
            written = items[1].strip(" ,") if items else "3, 3"
            message = "a tuple is a list here, and YAML ends this at the comma"
            self.stop(event, "yaml-syntax", message, f"write `[{written}]`")
        formula = "$(" in text or (bool(self.stack) and self.stack[-1].key == "expr")
        if formula and text.count("(") != text.count(")") and self.in_flow(event):
            help = traps.unclosed_help(self.text, event.start_mark)
            self.stop(event, "yaml-syntax", "YAML ends this expression at a comma or bracket", help)
        if len(text) > MAX_DIGITS and _is_long(text):
            self.stop(event, "too-large", f"a number of more than {MAX_DIGITS} digits")
        value = plain_scalar(text)
        if isinstance(value, float) and abs(value) == float("inf") and "inf" not in text.lower():
            self.stop(event, "wrong-value", f"`{text}` is too large for a number")
        return value

    def in_flow(self, event: Event) -> bool:
        """Whether the mark of a flow collection ended this scalar."""
        return self.text[event.end_mark.index :].lstrip(" ")[:1] in tuple(",[]{}")

    def refuse_tag(self, event: Event) -> None:
        if event.tag is not None:
            help = "leave it out: the kind of a value follows from how it is written"
            self.stop(
                event,
                "yaml-syntax",
                f"tags such as `{_short_tag(event.tag)}` aren't part of the language",
                help,
            )

    def count(self, event: Event, values: int) -> None:
        self.size += values
        if self.size > MAX_VALUES:
            self.stop(event, "too-large", f"more than {MAX_VALUES:,} values, aliases counted")

    def span(self, event: Event) -> Span:
        start, end = event.start_mark, event.end_mark
        if isinstance(event, yaml.ScalarEvent) and event.style in ("|", ">"):
            return self.trimmed(start, end)
        return Span(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def trimmed(self, start: Mark, end: Mark) -> Span:
        """A block scalar ends where the next token begins: back to the last character that is its own."""
        lines = self.text.split("\n")[start.line : end.line + (end.column > 0)]
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
        last = start.line + len(lines)
        return Span(self.file, start.line + 1, start.column + 1, last, len(lines[-1]) + 1)

    def extent(self, node: Node, event: Event) -> Span:
        """From the collection's start to its bracket, or in block style to the end of its last value."""
        begin = node.span
        if self.text[event.start_mark.index : event.start_mark.index + 1] in ("]", "}") and (
            event.end_mark.index > event.start_mark.index
        ):
            return replace(begin, end_line=event.end_mark.line + 1, end_column=event.end_mark.column + 1)
        values = node.value.values() if isinstance(node.value, dict) else node.value
        assert not isinstance(values, str | int | float | None)
        ends = [(v.span.end_line, v.span.end_column) for v in values if v.span.file == begin.file]
        ends += [(s.end_line, s.end_column) for s in node.keys.values()]
        end = max(ends, default=(begin.line, begin.column))
        return replace(begin, end_line=end[0], end_column=end[1])

    def stop(self, event: Event, code: str, message: str, help: str | None = None) -> None:
        raise _Stop(Diagnostic(self.span(event), code, message, help=help))


def _is_long(text: str) -> bool:
    """Whether a number has more digits than Python reads, or anyone means."""
    number = any(form.fullmatch(text) for form in (_FLOAT, _HEX, _OCTAL))
    return number and sum(letter != "_" for letter in text) > MAX_DIGITS


def plain_scalar(text: str) -> Scalar:
    """A plain scalar by YAML 1.2's core schema, `_` allowed between digits."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    infinity = _INFINITY.fullmatch(text)
    if infinity:
        return float(infinity[1] + "inf")
    return float("nan") if _NAN.fullmatch(text) else text


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
