"""A path, a text or a dict -> the text of a file, and the folder that its paths are relative to."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from yamlnet.diagnostics import ConfigError, Diagnostic, Span, YamlnetError
from yamlnet.language import render
from yamlnet.language.dump import dump
from yamlnet.language.source import MAX_BYTES

File = str | Path | Mapping[str, Any]
"""A path, the YAML text itself, or the document as a dict."""


@dataclass(frozen=True)
class Text:
    """A file's text, the name that diagnostics show, and the folder that its paths are relative to.

    `name` is the run's where the file says none, `content` the bytes as they were given.
    """

    text: str
    file: str
    folder: Path
    name: str
    content: bytes


def read(file: File) -> Text:
    """The text of a file, `-` for standard input, a text itself, or a dict.

    Raises YamlnetError (exit 2) for a path that can't be read, ConfigError for bytes that are no text.
    """
    if isinstance(file, Mapping):
        return _text(_dumped(file), "<dict>")
    if isinstance(file, str) and file == "-":
        return _text(_standard_input(), "<stdin>")
    if isinstance(file, str) and ("\n" in file or ": " in file or not file):
        return _text(file.encode("utf-8", "surrogatepass"), "<text>")
    return read_path(Path(file), str(file))


def read_path(path: Path, shown: str) -> Text:
    """The text of a file, which diagnostics call `shown`."""
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        reason = "it is a folder" if path.is_dir() else (error.strerror or str(error)).lower()
        raise YamlnetError(f"can't read `{render.printable(shown)}`: {reason}", exit_code=2) from None
    except ValueError as error:
        raise YamlnetError(f"can't read `{render.printable(shown)}`: {error}", exit_code=2) from None
    return Text(_decoded(content, shown), shown, _here(path).parent, _name(path), content)


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
