"""SIGINT and SIGTERM in; a command that is over soon after, whatever it is busy with, out."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from yamlnet import launch

GRACE_S = 4.0
"""How long a command may take to end of itself: a checkpoint is written, a long operation ends."""

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Terminated(BaseException):
    """SIGTERM arrived where nothing waits for the end of a step."""


@contextmanager
def answered() -> Iterator[None]:
    """Within it SIGTERM raises `Terminated`, as SIGINT raises KeyboardInterrupt.

    Python sees a signal only between two of its own operations, and one of torch's may take long: a thread
    sees it at once, and ends the process on a second one, or `GRACE_S` seconds after the first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.signal(signal.SIGTERM, _terminate)
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watch = threading.Thread(target=_watch, args=(reader,), name="yamlnet-signals", daemon=True)
    watch.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGTERM, before)
        os.close(writer)
        watch.join()
        os.close(reader)


def ignore() -> None:
    """From here on no signal changes how the process ends."""
    for number in WORDS:
        signal.signal(number, signal.SIG_IGN)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _watch(reader: int) -> None:
    """Ends the process where it must be; returns when the other end of the pipe is closed."""
    first: signal.Signals | None = None
    while True:
        ready, _, _ = select.select([reader], [], [], None if first is None else GRACE_S)
        received = os.read(reader, 1) if ready else b""
        if ready and not received:
            return
        number = next((one for one in WORDS if received and one == received[0]), None)
        if number is None and ready:
            continue
        if first is not None:
            number = number or first
            if launch.is_first():
                os.write(2, f"{WORDS[number]} at once: a run goes on from its newest checkpoint\n".encode())
            os._exit(128 + number)
        first = number
