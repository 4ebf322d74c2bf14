"""What the commands print: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from yamlnet import disk
from yamlnet.diagnostics import ConfigError, Diagnostic, RunError, YamlnetError
from yamlnet.doubts import Doubt
from yamlnet.language import render

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for the ends of lines and tabs, and those that turn the direction of a text."""


def coloured(stream: TextIO) -> bool:
    """Whether a stream is a terminal that wants colour."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int | None:
    """How many characters a line of a terminal holds; None for what is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def prepare() -> None:
    """Makes standard output and error fit to be written to: any text, whatever there is of them."""
    if sys.stdout is None or sys.stderr is None or sys.stdin is None:
        _fill_handles()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - till the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fill_handles() -> None:
    """Takes the numbers of standard streams that were closed, which else the next file would get."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)


def write(text: str) -> None:
    """A result, to standard output, its last line ended."""
    _say(sys.stdout, harmless(text if text.endswith("\n") or not text else text + "\n"))


def harmless(text: str) -> str:
    """The text with what steers a terminal written as JSON writes it: escapes, and turns of direction."""
    return text if text.isascii() and text.isprintable() else STEERING.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1].replace("\x7f", "\\u007f")


def _say(stream: TextIO, text: str) -> None:
    """Writes at once; where the reader went away (`yamlnet list | head`), that is fine.

    Raises:
        YamlnetError: it can't be written, as on a full disk.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        disk.silence(stream)
        if not isinstance(error, BrokenPipeError):
            raise YamlnetError(f"can't write the output: {error.strerror}") from None


def tell(line: str) -> None:
    """A line to standard error."""
    _say(sys.stderr, render.printable(line) + "\n")


def warn(message: str) -> None:
    """A warning, to standard error."""
    tell(f"warning: {message}")


def doubts(found: Iterable[Doubt]) -> None:
    """What speaks against figures, each a warning and its help."""
    for doubt in found:
        warn(doubt.message)
        if doubt.help is not None:
            tell(f"  = help: {doubt.help}")


def note(message: str) -> None:
    """A line to standard error that is no warning."""
    tell(f"note: {message}")


def complain(error: YamlnetError) -> None:
    """An error, to standard error: diagnostics as they are, anything else as one line and its help."""
    if isinstance(error, ConfigError | RunError):
        _say(sys.stderr, harmless(str(error).rstrip()) + "\n")
        return
    tell(f"error: {error.message}")
    if error.help is not None:
        tell(f"  = help: {error.help}")


def note_bug() -> None:
    """The traceback of the exception under way, with the words that say whose fault it is."""
    words = "this is a bug in yamlnet: please report it with the traceback above and the file"
    _say(sys.stderr, harmless(f"{traceback.format_exc()}{words}\n"))


def diagnostics(found: Sequence[Diagnostic], texts: Mapping[str, str], stream: TextIO) -> None:
    """Diagnostics as text."""
    if found:
        _say(stream, render.as_text(found, texts, coloured(stream)) + "\n")


def finite(value: Any) -> Any:
    """Numbers as JSON has them: what it has none for is written as text, `nan`."""
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    is_number = not isinstance(value, complex) and math.isfinite(value)
    return value if is_number else str(value)
