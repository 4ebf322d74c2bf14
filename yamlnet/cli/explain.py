"""`yamlnet explain NAME`: a name of the catalogue, a word or key of the language or a code, with examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from yamlnet.catalog.entry import KINDS
from yamlnet.cli import output
from yamlnet.cli.options import Format, FormatOption
from yamlnet.diagnostics import CODES, RUN_CODES, YamlnetError, did_you_mean

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A layer, loss, ..., a word or key of the language, or a code.")
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", help="Where a name is of several kinds, the one meant."),
]


def explain(name: Name, kind: KindOption = None, format: FormatOption = Format.text) -> int:
    """Explain a name of the catalogue, a word or key of the language, or a diagnostic code."""
    found = list(_meanings(name, kind))
    if not found:
        raise _unknown(name, kind)
    if format is Format.json:
        output.write(json.dumps([meaning for meaning, _ in found], indent=2, ensure_ascii=False))
    else:
        output.write("\n\n\n".join("\n".join(lines) for _, lines in found))
    return 0


def _meanings(name: str, kind: str | None) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Each meaning of the name as an object and as lines."""
    from yamlnet.catalog import lookup
    from yamlnet.cli import entries
    from yamlnet.language.words import WORDS

    width = output.width(sys.stdout)
    for one in lookup.kinds_of(name):
        entry = lookup.find(name, one)
        if entry is not None and kind in (one, None):
            yield entries.explained(entry), entries.lines(entry, width)
    if name in WORDS and kind in ("word", None):
        yield _word(name, width)
    for path, meaning in _keys(name).items():
        if kind in ("key", None):
            yield _key(path, meaning, width)
    if name in CODES and kind in ("code", None):
        yield _code(name, width)
    if name in RUN_CODES and kind in ("code", None):
        yield _run_code(name, width)


def _keys(name: str) -> dict[str, str]:
    """What a key of a section or node means, by the way to it, where `words.py` has no page for it."""
    from yamlnet.language.keys import NODE_KEYS, SECTION_KEYS
    from yamlnet.language.words import WORDS

    named = {
        path: meaning for path, meaning in SECTION_KEYS.items() if name in (path, path.rpartition(".")[2])
    }
    found = {path: meaning for path, meaning in named.items() if "." in path or path not in WORDS}
    return found or ({name: NODE_KEYS[name]} if name in NODE_KEYS else {})


def _key(path: str, meaning: str, width: int | None) -> tuple[dict[str, Any], list[str]]:
    from yamlnet.cli.entries import prose, table
    from yamlnet.language.keys import SECTION_KEYS

    section, _, name = path.rpartition(".")
    owner = f"`{section}`" if section else "the file" if name in SECTION_KEYS else "a node"
    lines = [f"{name}: a key of {owner}", *prose(meaning, width)]
    known = [(*key.rpartition("."), said) for key, said in SECTION_KEYS.items()]
    keys = [(key, said) for owner, _, key, said in known if owner == path]
    if keys:
        lines += ["", "Keys:", *table(keys, width)]
    if path in KINDS:
        lines += ["", f"`yamlnet list {path}` shows what it may name"]
    return {"name": name, "kind": "key", "summary": meaning, "path": path}, lines


def _word(name: str, width: int | None) -> tuple[dict[str, Any], list[str]]:
    from yamlnet.cli.entries import prose
    from yamlnet.language.words import WORDS

    word = WORDS[name]
    meaning = {"name": name, "kind": "word", "summary": word.meaning, "snippet": word.snippet}
    lines = [f"{name}: a word of the language", *prose(word.meaning, width), "", "Example:"]
    return meaning, [*lines, *_indented(word.snippet)]


def _code(name: str, width: int | None) -> tuple[dict[str, Any], list[str]]:
    from yamlnet.cli.entries import prose
    from yamlnet.language.codes import EXPLANATIONS

    explanation = EXPLANATIONS[name]
    meaning = {"name": name, "kind": "code", "summary": CODES[name], **vars(explanation)}
    lines = [f"{name}: a diagnostic code", *prose(CODES[name], width), "", *prose(explanation.why, width)]
    lines += ["", "Wrong:", *_indented(explanation.wrong), "", "Right:", *_indented(explanation.right)]
    return meaning, lines


def _run_code(name: str, width: int | None) -> tuple[dict[str, Any], list[str]]:
    from yamlnet.cli.entries import prose
    from yamlnet.language.codes import RUN_EXPLANATIONS

    meaning = {"name": name, "kind": "code", "summary": RUN_CODES[name], "why": RUN_EXPLANATIONS[name]}
    lines = [f"{name}: a code of what fails in a run", *prose(RUN_CODES[name], width)]
    return meaning, [*lines, "", *prose(RUN_EXPLANATIONS[name], width)]


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]


def _unknown(name: str, kind: str | None) -> YamlnetError:
    """The error for a name that means nothing, or not what `--kind` asks for."""
    from yamlnet.catalog import lookup
    from yamlnet.language.calls import ARTICLES
    from yamlnet.language.keys import NODE_KEYS, SECTION_KEYS
    from yamlnet.language.words import WORDS

    known: dict[str, list[str]] = {one: list(lookup.names(one)) for one in KINDS}
    keys = {path.rpartition(".")[2] for path in SECTION_KEYS} | set(NODE_KEYS)
    known |= {"word": list(WORDS), "key": sorted(keys), "code": [*CODES, *RUN_CODES]}
    articles: dict[str, str] = {one: ARTICLES[one] for one in KINDS}
    articles |= {"word": "a word of the language", "key": "a key", "code": "a diagnostic code"}
    meanings = [articles[one] for one, names in known.items() if name in names]
    if kind is not None and kind not in known:
        message, help = f"there is no kind `{kind}`", did_you_mean(kind, known)[0]
    elif meanings:
        message, help = f"`{name}` is no {kind}", f"it is {' and '.join(meanings)}"
    elif name in KINDS:
        message, help = f"`{name}` is a kind of names", f"`yamlnet list {name}` shows them"
    else:
        names = known[kind] if kind is not None else [one for names in known.values() for one in names]
        message, help = f"there is no {kind or 'name'} `{name}`", did_you_mean(name, names)[0]
        help = help or "`yamlnet list` shows the names of the catalogue"
    return YamlnetError(message, help, exit_code=2)
