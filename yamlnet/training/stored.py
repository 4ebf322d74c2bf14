"""A file of a run in; its bytes, its digest or its JSON, bounded and checked, out.

Nothing is believed of such a file: it may be a link, a pipe, endless, or somebody's else.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from yamlnet.diagnostics import YamlnetError

MAX_JSON_BYTES = 2**26


class DamagedError(YamlnetError):
    """A file of a run isn't what was written."""


def damaged(path: Path, reason: str = "it isn't what was written") -> DamagedError:
    """The error for a file that isn't whole."""
    return DamagedError(f"`{path}` is damaged: {reason}")


@contextmanager
def opened(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """A file to read and its size.

    Raises:
        DamagedError: it can't be read, or is no plain file.
    """
    try:
        # a pipe would be waited for without NONBLOCK
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise DamagedError(f"can't read `{path}`: {reason}") from error
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise damaged(path, "it is no plain file")
    with os.fdopen(handle, "rb") as file:
        try:
            yield file, about.st_size
        except OSError as error:
            raise DamagedError(f"can't read `{path}`: {error.strerror}") from error


def content(path: Path, most: int = MAX_JSON_BYTES) -> bytes:
    """The bytes of a file that has at most so many."""
    with opened(path) as (file, size):
        if size > most:
            raise damaged(path, f"it has {size:,} bytes, and {most:,} are too many")
        return file.read(most)


def digest(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece."""
    with opened(path) as (file, _):
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_object(path: Path) -> dict[str, Any]:
    """The mapping that a file of JSON holds."""
    value = parsed(content(path), path)
    if not isinstance(value, dict):
        raise damaged(path, "it is no JSON object")
    return value


def parsed(text: bytes, path: Path) -> Any:
    """The value of a JSON text that was found at the path."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else f"it is no JSON ({error})"
        raise damaged(path, reason) from error


def records(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; a last line that was cut off by a crash is left out."""
    if not path.exists():
        return []
    *lines, _ = content(path, 2**32).split(b"\n")
    found = [parsed(line, path) for line in lines]
    if not all(isinstance(record, dict) for record in found):
        raise damaged(path, "a line is no JSON object")
    return found
