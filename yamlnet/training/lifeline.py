"""A connection of every process to the first in; word of one that ended before its time out.

When a process ends, be it killed, the system closes its connections: nobody waits for a process that is gone.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

GRACE_S = 2.5
"""How long the main thread may take to end of itself once a process is lost; it may wait for that one."""

WORD_S, LEAVE_S = 2.0, 60.0
"""How long one waits for what the first process says of its own end, and for all the others to end."""

CONNECT_S = 60.0
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""A machine that is gone without a word is noticed after half a minute."""


@dataclass(frozen=True)
class Loss:
    """A process that ended before its time; `said` is the error that it ended with and told, if any."""

    rank: int
    said: str | None


@dataclass(eq=False)
class Lifeline:
    """This process's end of the connections: the first process has one to each other, they have one to it.

    `forced` is called with the loss where the main thread doesn't end of itself.
    """

    rank: int
    peers: dict[int, socket.socket]
    forced: Callable[[Loss], object]
    losses: dict[int, Loss] = field(default_factory=dict)
    _left: set[int] = field(default_factory=set)
    _ends: bool = False
    _change: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Begins to listen, in a thread of its own."""
        threading.Thread(target=self._listen, name="yamlnet-lifeline", daemon=True).start()

    @property
    def loss(self) -> Loss | None:
        """The process that was lost first."""
        return next(iter(self.losses.values()), None)

    def wait_for_loss(self, seconds: float = WORD_S) -> Loss | None:
        """The first loss, once there is word of one; the caller ends because of it."""
        with self._change:
            self._change.wait_for(lambda: self.losses, seconds)
            self._ends = self._ends or bool(self.losses)
        return self.loss

    def fail(self, message: str) -> None:
        """Tells the others that this process ends with an error that it says itself."""
        self._ends = True
        if self.rank == 0:
            self._relay(Loss(0, message))
        else:
            self._send(0, {"failed": message})

    def said_by_first(self, message: str) -> bool:
        """Whether the first process ends with the same error: then it is said already."""
        with self._change:
            self._change.wait_for(lambda: 0 in self.losses, WORD_S)
        return 0 in self.losses and self.losses[0].said == message

    def leave(self, finished: bool) -> None:
        """Waits until all have come to their end; who has not `finished` leaves the others a broken line."""
        self._ends = True
        others = set(self.peers)
        if finished:
            for peer in self.peers:
                self._send(peer, {"finished": True})
        with self._change:
            self._change.wait_for(lambda: others <= self._left, LEAVE_S if finished else WORD_S)
        for connection in self.peers.values():
            connection.close()

    def _listen(self) -> None:
        heard = dict.fromkeys(self.peers, b"")
        open_ = {connection: peer for peer, connection in self.peers.items()}
        while open_:
            try:
                ready, _, _ = select.select(list(open_), [], [])
            except (OSError, ValueError):  # closed by this process itself
                return
            for connection in ready:
                peer = open_[connection]
                received = _received(connection)
                *lines, heard[peer] = (heard[peer] + received).split(b"\n")
                for line in lines:
                    self._take(peer, json.loads(line))
                if not received:
                    del open_[connection]
                    self._take(peer, {"gone": True})

    def _take(self, peer: int, word: Mapping[str, Any]) -> None:
        if "lost" in word:
            self._note(Loss(word["lost"], word["said"]))
            return
        with self._change:
            known = peer in self._left or peer in self.losses
            self._left.add(peer)
            self._change.notify_all()
        if not known and "finished" not in word:
            self._relay(Loss(peer, word.get("failed")))

    def _relay(self, loss: Loss) -> None:
        """Notes a loss, and tells all the others where this is the first process."""
        if self.rank == 0:
            for peer in self.peers:
                if peer != loss.rank:
                    self._send(peer, {"lost": loss.rank, "said": loss.said})
        if loss.rank != self.rank:
            self._note(loss)

    def _note(self, loss: Loss) -> None:
        with self._change:
            self.losses.setdefault(loss.rank, loss)
            self._change.notify_all()
        timer = threading.Timer(GRACE_S, self._force)
        timer.daemon = True
        timer.start()

    def _force(self) -> None:
        with self._change:  # held to the end of the process: the main thread has nothing more to say
            if not self._ends and self.loss is not None:
                self.forced(self.loss)

    def _send(self, peer: int, word: Mapping[str, Any]) -> None:
        with suppress(OSError):  # who is gone isn't told
            self.peers[peer].sendall(json.dumps(word).encode() + b"\n")


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(2**16)
    except OSError:
        return b""


def listen() -> socket.socket:
    """Where the others can reach the first process."""
    return socket.create_server(("", 0), backlog=128)


def addresses(master: str) -> list[str]:
    """What this machine may be reached at, by those that reach `master` too."""
    found = []
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((master, 9))  # sends nothing: the system only chooses a way
        found.append(probe.getsockname()[0])
    return [*found, master, socket.gethostname()]


def accept(listener: socket.socket, token: str, count: int) -> dict[int, socket.socket]:
    """The connections of all the other processes; OSError where one doesn't come."""
    listener.settimeout(CONNECT_S)
    peers: dict[int, socket.socket] = {}
    while len(peers) < count - 1:
        connection, _ = listener.accept()
        connection.settimeout(CONNECT_S)
        said, _, rank = _line(connection).partition(" ")
        if said == token and rank.isdecimal():
            peers[int(rank)] = _kept(connection)
            connection.sendall(b"welcome\n")
        else:
            connection.close()
    listener.close()
    return peers


def connect(found: list[str], port: int, token: str, rank: int) -> socket.socket:
    """The connection to the first process, at the first of its addresses that answers; else OSError."""
    for address in found:
        with suppress(OSError):
            connection = socket.create_connection((address, port), timeout=CONNECT_S / len(found))
            connection.sendall(f"{token} {rank}\n".encode())
            if _line(connection) == "welcome":
                return _kept(connection)
    raise OSError(f"the first process can't be reached at {', '.join(found)}, port {port}")


def _line(connection: socket.socket) -> str:
    text = b""
    while not text.endswith(b"\n") and len(text) < 200:
        received = connection.recv(1)
        if not received:
            break
        text += received
    return text.decode(errors="replace").strip()


def _kept(connection: socket.socket) -> socket.socket:
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    os.set_inheritable(connection.fileno(), False)
    return connection
