"""SIGINT and SIGTERM in; a request to stop at the next step out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from yamlnet.diagnostics import YamlnetError

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interrupted(YamlnetError):
    """A training was asked to stop; 130 or 143 to exit with, as shells count signals."""


class Interruption:
    """Whether someone asked the training to stop; asking a second time ends the process at once."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def agree(self, numbers: Sequence[int | None]) -> None:
        """Takes over what the first was asked of several processes, by their signals' numbers."""
        found = next((number for number in numbers if number is not None), None)
        self.signal = None if found is None else signal.Signals(found)

    def check(self, step: int, help: str | None = None) -> None:
        """Raises `Interrupted` where someone asked; `step` is the last that was taken."""
        if self.signal is not None:
            raise Interrupted(f"{WORDS[self.signal]} after step {step}", help, exit_code=128 + self.signal)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Within it signals are kept for the next step; in a thread of its own a training isn't asked."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in WORDS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        interruption.signal = signal.Signals(number)
        restore()

    for number in before:
        signal.signal(number, handle)
    try:
        yield interruption
    finally:
        restore()
