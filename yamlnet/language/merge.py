"""A document and the command line's `KEY=VALUE` options -> one document, whose spans know both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from yamlnet.diagnostics import Diagnostic, Span, YamlnetError
from yamlnet.language.names import is_position
from yamlnet.language.source import Document, Node, child, read
from yamlnet.language.traps import needs_quotes
from yamlnet.language.vocabulary import EXCLUSIVE

OPTIONS = "--set"
"""The name of the text that the options make up, one to a line, in diagnostics."""


def with_options(document: Document, options: Sequence[str]) -> tuple[Document, list[Diagnostic]]:
    """Replaces one value for each option, in order; a mistake in an option points at the option.

    Raises YamlnetError (exit 2) for an option that isn't `KEY=VALUE`.
    """
    if not options:
        return document, []
    diagnostics: list[Diagnostic] = []
    root = document.root
    for line, option in enumerate(options, 1):
        key, equals, text = option.partition("=")
        if not equals or not key.strip() or "\n" in key:
            raise YamlnetError(
                f"`--set {option}` isn't KEY=VALUE", "for example --set train.epochs=3", exit_code=2
            )
        value, found = _value(key, text, line)
        diagnostics += found
        if value is None:
            continue
        key_span = Span(OPTIONS, line, 1, line, len(key) + 1)
        root, wrong = _placed(root, _names(key), value, key_span)
        diagnostics += wrong
    root = _preferred(root)
    texts = {**document.texts, OPTIONS: "\n".join(option.replace("\n", " ") for option in options)}
    return Document(root, document.file, texts, document.folders), diagnostics


def _value(key: str, text: str, line: int) -> tuple[Node | None, list[Diagnostic]]:
    document, found = read(text, OPTIONS)
    column = len(key) + 1
    moved = [replace(d, span=_moved(d.span, line, column)) for d in found]
    if document is None:
        return None, [replace(d, help=_quoted(key, text) or d.help) for d in moved]
    if document.root.value == {} and not text.strip().startswith("{"):
        span = Span(OPTIONS, line, column, line, column + 1 + len(text))
        help = f"where nothing is meant, write `{key.strip()}=null`"
        return None, [Diagnostic(span, "wrong-value", f"`{key.strip()}` is given no value", help=help)]
    return _moved_node(document.root, line, column), moved


def _quoted(key: str, text: str) -> str | None:
    """How an option says a value that begins with a character of YAML's own: in quotes within the shell's."""
    if needs_quotes(text) and not set("'\"\\") & set(key + text):
        return f"quote it inside the option too: {OPTIONS} '{key}=\"{text.strip()}\"'"
    return None


def _moved(span: Span, line: int, column: int) -> Span:
    return Span(OPTIONS, line, span.column + column, line, max(span.end_column, span.column) + column)


def _moved_node(node: Node, line: int, column: int) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _moved_node(child, line, column) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_moved_node(child, line, column) for child in value]
    keys = {key: _moved(span, line, column) for key, span in node.keys.items()}
    return Node(value, _moved(node.span, line, column), keys)


def _placed(node: Node, names: list[str], value: Node, key_span: Span) -> tuple[Node, list[Diagnostic]]:
    """A copy of `node` with `value` at the place that `names` lead to.

    At each level the longest existing key wins; numbers index lists; where no key exists, a new
    mapping grows.
    """
    if not names:
        return value, []
    if isinstance(node.value, list):
        return _placed_in_list(node, node.value, names, value, key_span)
    if isinstance(node.value, str) and node.value == names[0]:
        # `optimizer: AdamW` is the call without arguments, so `optimizer.AdamW.lr` may follow
        node = Node({node.value: Node(None, node.span)}, node.span, {node.value: node.span})
    if node.value is None:
        node = Node({}, node.span)
    if not isinstance(node.value, dict):
        message = f"`{names[0]}` can't be set: there is no mapping here, but `{node.value}`"
        return node, [Diagnostic(key_span, "unknown-key", message)]
    taken = _longest(node.value, names)
    key = ".".join(names[:taken])
    child = node.value.get(key, Node(None, key_span))
    new, found = _placed(child, names[taken:], value, key_span)
    keys = {**node.keys, key: key_span if taken == len(names) or key not in node.keys else node.keys[key]}
    return Node({**node.value, key: new}, node.span, keys), found


def _longest(mapping: dict[str, Node], names: list[str]) -> int:
    for taken in range(len(names), 0, -1):
        if ".".join(names[:taken]) in mapping:
            return taken
    return 1


def _placed_in_list(
    node: Node, items: list[Node], names: list[str], value: Node, key_span: Span
) -> tuple[Node, list[Diagnostic]]:
    if not is_position(names[0]) or not 0 <= int(names[0]) < len(items):
        if not items:
            message = f"`{names[0]}` can't be set: the list is empty"
        else:
            message = f"`{names[0]}` isn't a position of this list: 0 to {len(items) - 1}"
        return node, [Diagnostic(key_span, "unknown-key", message)]
    position = int(names[0])
    new, found = _placed(items[position], names[1:], value, key_span)
    return Node([*items[:position], new, *items[position + 1 :]], node.span, node.keys), found


def _preferred(root: Node) -> Node:
    """Of two keys that stand for one another, the option's: `train.steps=20` puts the `epochs` away."""
    for path, *pair in EXCLUSIVE:
        section: Node | None = root
        for step in path:
            section = None if section is None else child(section, step)
        if section is None or not isinstance(section.value, dict):
            continue
        said = [key for key in pair if key in section.keys]
        chosen = [key for key in said if section.keys[key].file == OPTIONS]
        if len(said) == 2 and len(chosen) == 1 and section.value[chosen[0]].value is not None:
            other = next(key for key in said if key not in chosen)
            section.value = {key: below for key, below in section.value.items() if key != other}
            section.keys = {key: span for key, span in section.keys.items() if key != other}
    return root


def _names(key: str) -> list[str]:
    """The keys that an option names; a key of `expect` has dots of its own."""
    section, dot, rest = key.partition(".")
    return [section, rest] if section == "expect" and dot else key.split(".")
