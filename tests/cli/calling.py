"""Calls `yamlnet` in this process, as the shell would."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

import pytest

from yamlnet.cli import main


@dataclass(frozen=True)
class Ended:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ended:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    captured = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return Ended(end.value.code, captured.out, captured.err)


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Gives `content` to whoever reads standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
