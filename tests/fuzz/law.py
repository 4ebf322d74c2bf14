"""Bytes in; an assertion error out where checking them as a file does anything but give diagnostics."""

from __future__ import annotations

import signal
from pathlib import Path

import yamlnet
from yamlnet.diagnostics import CODES
from yamlnet.language import render

HANG_S = 20
"""Processor time after which a check is taken to hang; the machine may be slow, and the process end."""


def ends_in_diagnostics(content: bytes, file: Path) -> None:
    """Checks bytes; every diagnostic has a known code, one line, and a place in order."""
    file.write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    found = yamlnet.check(file)
    signal.setitimer(signal.ITIMER_PROF, 0)
    for diagnostic in found:
        span = diagnostic.span
        assert diagnostic.code in CODES
        assert "\n" not in diagnostic.message
        assert (1, 1) <= (span.line, span.column) <= (span.end_line, span.end_column)
    render.as_text(found, {str(file): content.decode("utf-8", "replace")})
    render.as_json(found)
