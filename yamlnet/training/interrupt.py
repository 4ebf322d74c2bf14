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

    def check(self, step: int, asked: Sequence[int | None], help: str | None = None) -> None:
        """Raises `Interrupted` where one of the processes was asked: `asked` has each one's signal, by rank.

        `step` is the last that was taken. Who is asked after the processes told each other is so next time.
        """
        number = next((number for number in asked if number is not None), None)
        if number is not None:
            found = signal.Signals(number)
            raise Interrupted(f"{WORDS[found]} after step {step}", help, exit_code=128 + found)


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
