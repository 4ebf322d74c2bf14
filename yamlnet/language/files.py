"""A path, a text or a dict -> the text of a file, and the folder that its paths are relative to."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from yamlnet.diagnostics import ConfigError, Diagnostic, Span, YamlnetError
from yamlnet.language import render
from yamlnet.language.dump import dump
from yamlnet.language.source import MAX_BYTES

File = str | Path | Mapping[str, Any]
"""A path, the YAML text itself, or the document as a dict."""

DataRoot = str | Path | Sequence[str | Path] | None
"""Folders that the paths of a file may lead into."""

DATA_ROOT = "YAMLNET_DATA_ROOT"
"""The variable that names such folders for every file."""

SHARED = "/usr/local/share:/usr/share"
"""Where a machine keeps what all its users read, if XDG_DATA_DIRS doesn't say otherwise."""

RESOLVED, MANIFEST = "resolved.yaml", "manifest.json"
MAX_MANIFEST_BYTES = 2**24
MAX_SHOWN = 255
"""Characters of a path that can't be read that are shown: it may be a text that was taken for one."""


@dataclass(frozen=True)
class Text:
    """A file's text, the name that diagnostics show, and the folder that its paths are relative to.

    `name` is the run's where the file says none, `content` the bytes as they were given. Paths may lead into
    the folder and into `roots`, those of a `free` text anywhere. Of a run's file `recorded_data` and
    `recorded_weights` are the digests of what the run has read: the same may be read wherever it lies.
    """

    text: str
    file: str
    folder: Path
    name: str
    content: bytes
    roots: tuple[Path, ...] = ()
    free: bool = False
    recorded_data: frozenset[str] = frozenset()
    recorded_weights: frozenset[str] = frozenset()


def given(file: File, data_root: DataRoot = None) -> Text:
    """As `read`, of what a program hands over: its own text, or dict, may name any path."""
    text = read(file, data_root)
    return replace(text, free=isinstance(file, Mapping) or text.file == "<text>")


def read(file: File, data_root: DataRoot = None) -> Text:
    """The text of a file, `-` for standard input, a text itself, or a dict.

    Raises YamlnetError (exit 2) for a path that can't be read, ConfigError for bytes that are no text.
    """
    return replace(_read(file), roots=granted(data_root))


def named(file: str, data_root: DataRoot = None) -> Text:
    """As `read`, of what a command line names: a file that is there, whatever its name looks like."""
    if file != "-" and os.path.exists(file):
        return replace(read_path(Path(file), file), roots=granted(data_root))
    return read(file, data_root)


def granted(data_root: DataRoot) -> tuple[Path, ...]:
    """The folders that whoever runs yamlnet gives, those of the environment, and what the machine shares.

    Raises YamlnetError (exit 2) for one given that isn't there.
    """
    said = [] if data_root is None else [data_root] if isinstance(data_root, str | Path) else data_root
    roots = [_here(Path(os.path.expanduser(root))) for root in said]
    for root in roots:
        if not root.is_dir():
            raise YamlnetError(f"`--data-root {root}`: there is no such folder", exit_code=2)
    shared = os.environ.get("XDG_DATA_DIRS") or SHARED
    return (*roots, *_listed(os.environ.get(DATA_ROOT, "")), *_listed(shared))


def _listed(folders: str) -> Iterator[Path]:
    """The folders of a variable; a relative one would be another in every folder, and doesn't count."""
    for folder in folders.split(os.pathsep):
        path = Path(os.path.expanduser(folder))
        if path.is_absolute():
            yield path


def _read(file: File) -> Text:
    if isinstance(file, Mapping):
        return _text(_dumped(file), "<dict>")
    if isinstance(file, str) and file == "-":
        return _text(_standard_input(), "<stdin>")
    if isinstance(file, str) and ("\n" in file or ": " in file or not file):
        return _text(file.encode("utf-8", "surrogatepass"), "<text>")
    return read_path(Path(file), str(file))


def read_path(path: Path, shown: str) -> Text:
    """The text of a file, which diagnostics call `shown`; never by a name that stands for no file."""
    shown = f"./{shown}" if shown[:1] in ("-", "<") else shown
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        folder = isinstance(error, IsADirectoryError)
        reason = "it is a folder" if folder else (error.strerror or str(error)).lower()
        name = render.printable(shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}...")
        raise YamlnetError(f"can't read `{name}`: {reason}", exit_code=2) from None
    except ValueError as error:
        raise YamlnetError(f"can't read `{render.printable(shown)}`: {error}", exit_code=2) from None
    text = Text(_decoded(content, shown), shown, _here(path).parent, _name(path), content)
    return with_record(text) if path.name == RESOLVED else text


def with_record(text: Text) -> Text:
    """The text of a run's `resolved.yaml`, which lies beside the manifest that says what the run has read."""
    path = text.folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes()) if _is_small(path) else None
    except (OSError, ValueError, RecursionError):
        return text
    if not isinstance(manifest, dict):
        return text
    resumes = manifest.get("resumes")
    entries = [manifest, *(resumes if isinstance(resumes, list) else ())]
    data = [entry.get("data_parts") for entry in entries if isinstance(entry, dict)]
    weights = manifest.get("weights_files")
    return replace(
        text,
        recorded_data=frozenset(str(v) for parts in data if isinstance(parts, dict) for v in parts.values()),
        recorded_weights=frozenset(map(str, weights.values())) if isinstance(weights, dict) else frozenset(),
    )


def _is_small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= MAX_MANIFEST_BYTES


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise YamlnetError("there is no standard input to read from", exit_code=2)
    try:
        content: bytes = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise YamlnetError(f"can't read standard input: {reason}", exit_code=2) from None
    return content


def _here(path: Path) -> Path:
    """The path from the root on."""
    try:
        return path.absolute()
    except OSError:
        raise YamlnetError("the working directory isn't there any more") from None


def _name(path: Path) -> str:
    """The file's stem as a run's name: a folder's name without anything odd in it."""
    return re.sub(r"[^\w.-]+", "-", path.stem).strip("-.")[:100] or "run"


def _text(content: bytes, file: str) -> Text:
    return Text(_decoded(content, file), file, _here(Path()), "run", content)


def _dumped(document: Mapping[str, Any]) -> bytes:
    try:
        return dump(dict(document)).encode()
    except yaml.YAMLError as error:
        kind = type(error.args[-1]).__name__ if error.args else "value"
        raise YamlnetError(f"the dict holds a `{kind}`, which YAML can't write", exit_code=1) from None
    except RecursionError:
        raise YamlnetError("the dict is nested too deep, or holds itself", exit_code=1) from None


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, error.start - content.rfind(b"\n", 0, error.start)
        span = Span(file, line, column, line, column + 1)
        message = f"the byte 0x{content[error.start]:02X} isn't UTF-8 text"
        found = [Diagnostic(span, "yaml-syntax", message)]
        raise ConfigError(found, render.as_text(found, {}).rstrip()) from None
