"""The number of a file operation and a kind of fault in; `disk.system` with that fault in it out."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EROFS": errno.EROFS}
ONCE = ("ENOSPC", "EIO", "short", "torn", "kill before", "kill after")
FOR_GOOD = ("full", "read-only")
"""`full`: nothing more can be written from then on. `read-only`: nothing can be changed from then on."""

KINDS = (*ONCE, *FOR_GOOD)
TAKES_SPACE = ("write", "mkdir", "symlink", "fsync")


class Faulty:
    """`os`, whose `at`-th operation, counted from 1, goes wrong; 0: none does."""

    def __init__(
        self, kind: str = "", at: int = 0, seen: Callable[[int], object] = lambda count: None
    ) -> None:
        self.kind, self.at, self.count = kind, at, 0
        self._lock, self._seen = threading.Lock(), seen

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any) -> Any:
            with self._lock:
                self.count += 1
                number = self.count
            self._seen(number)
            hit = number == self.at or (self.at and number > self.at and self.kind in FOR_GOOD)
            return self._fail(name, real, arguments) if hit else real(*arguments)

        return call

    def _fail(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        kind = self.kind
        if kind == "kill before":
            die()
        if kind in ("short", "torn") and name == "write" and len(arguments[1]) > 1:
            handle, content = arguments
            written = real(handle, content[: len(content) // 2])
            if kind == "short":
                return written
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if kind in ("ENOSPC", "EIO", "torn"):
            if name == "close":  # a handle is closed even where closing tells of an error
                real(*arguments)
            raise OSError(ERRORS.get(kind, errno.EIO), os.strerror(ERRORS.get(kind, errno.EIO)))
        if kind == "full" and name in TAKES_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        writes = name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR)
        if kind == "read-only" and name not in ("close", "fsync", "write") and writes:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        try:
            return real(*arguments)
        finally:  # also after one that fails by itself, as making a folder that is there does
            if kind == "kill after":
                die()


def die() -> None:
    """Ends this process at once, as a loss of power does."""
    os.kill(os.getpid(), signal.SIGKILL)
