"""Bytes and a path in; a file that is whole and on disk, or not there at all, out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from yamlnet.diagnostics import YamlnetError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one line that names the path."""
    try:
        yield
    except OSError as error:
        raise YamlnetError(f"can't write `{path}`: {error.strerror or error}") from error


def write(path: Path, content: bytes) -> None:
    """Puts the content at the path in one go: a reader sees the file before, or this one, never a part."""
    with writing(path):
        temporary = path.with_name(f".{path.name}.partial")
        write_synced(temporary, content)
        os.replace(temporary, path)
        sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """`write` of a JSON text that people can read."""
    write(path, as_json(value))


def as_json(value: Any) -> bytes:
    """The JSON text of a value, indented; what is no text in it, as paths may be, as escapes."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def write_synced(path: Path, content: bytes) -> None:
    """Writes a file and waits until it is on disk; an `OSError` where that fails."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
