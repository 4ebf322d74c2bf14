"""What the commands print: results to standard output, progress and complaints to standard error."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TextIO

from yamlnet import disk
from yamlnet.diagnostics import ConfigError, Diagnostic, YamlnetError
from yamlnet.language import render


def coloured(stream: TextIO) -> bool:
    """Whether a stream is a terminal that wants colour."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int | None:
    """How many characters a line of a terminal holds; None for what is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def write(text: str) -> None:
    """A result, to standard output, its last line ended."""
    _say(sys.stdout, text if text.endswith("\n") or not text else text + "\n")


def _say(stream: TextIO, text: str) -> None:
    """Writes at once; where the reader went away (`yamlnet list | head`), that is fine."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        disk.silence(stream)


def warn(message: str) -> None:
    """A line to standard error."""
    sys.stderr.write(f"warning: {render.printable(message)}\n")
    sys.stderr.flush()


def note(message: str) -> None:
    """A line to standard error that is no warning."""
    sys.stderr.write(f"note: {render.printable(message)}\n")
    sys.stderr.flush()


def complain(error: YamlnetError) -> None:
    """An error, to standard error: diagnostics as they are, anything else as one line and its help."""
    if isinstance(error, ConfigError):
        sys.stderr.write(str(error).rstrip() + "\n")
        return
    sys.stderr.write(f"error: {render.printable(error.message)}\n")
    if error.help is not None:
        sys.stderr.write(f"  = help: {render.printable(error.help)}\n")


def note_bug() -> None:
    """The traceback of the exception under way, with the words that say whose fault it is."""
    traceback.print_exc()
    sys.stderr.write("this is a bug in yamlnet: please report it with the traceback above and the file\n")


def diagnostics(found: Sequence[Diagnostic], texts: Mapping[str, str], stream: TextIO) -> None:
    """Diagnostics as text."""
    if found:
        _say(stream, render.as_text(found, texts, coloured(stream)) + "\n")
