"""A device in; what captures calls there as CUDA graphs, where it has them, out."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch

Call = Callable[[], object]

NUM_WARM_UPS = 2

MOST_AHEAD = 2
"""How many replays the device may have before it: who asks for the loss, or to stop, waits for them."""


class Machine(Protocol):
    """What captures a call that works on tensors which stay where they are."""

    def obstacle(self) -> str | None:
        """Why nothing should be captured now; None where nothing speaks against it."""

    def warm_up(self, call: Call) -> None:
        """Calls it for what is made once: handles, workspaces.

        Raises:
            RuntimeError: it waits for the device, which a graph can't.
        """

    def capture(self, call: Call) -> Call:
        """What does the same again; whether the call itself does it now is left open.

        Raises:
            RuntimeError: it has operations that no graph can hold.
        """


def machine(device: torch.device) -> Machine | None:
    """What captures on this device; None where there is nothing to capture with."""
    return CudaGraphs(device) if device.type == "cuda" else None


class CudaGraphs:
    """CUDA graphs that share their memory: what is computed in one isn't needed when another is replayed."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool: Any = None
        self._ends = deque[torch.cuda.Event]()

    def obstacle(self) -> str | None:
        """What a graph allocates it keeps: evaluation, and steps taken one by one, need as much beside it."""
        free, _ = torch.cuda.mem_get_info(self._device)
        unused = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        if free + unused < 2 * torch.cuda.max_memory_allocated(self._device):
            return "the GPU has too little memory left for it"
        return None

    def warm_up(self, call: Call) -> None:
        with torch.cuda.device(self._device), _waiting_refused():
            own = torch.cuda.current_stream()
            self._stream.wait_stream(own)
            try:
                with torch.cuda.stream(self._stream):
                    for _ in range(NUM_WARM_UPS):
                        call()
            finally:  # what was begun before it failed works on the same tensors
                own.wait_stream(self._stream)

    def capture(self, call: Call) -> Call:
        graph = torch.cuda.CUDAGraph()
        # a checkpoint may be copied by another thread meanwhile
        capture = torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local")
        with torch.cuda.device(self._device), self._random_kept(), self._stream_kept(), capture:
            call()
        self._pool = graph.pool()
        return partial(self._replay, graph)

    def _replay(self, graph: torch.cuda.CUDAGraph) -> None:
        if len(self._ends) == MOST_AHEAD:
            self._ends.popleft().synchronize()
        graph.replay()
        end = torch.cuda.Event()  # type: ignore[no-untyped-call]
        end.record(torch.cuda.current_stream(self._device))
        self._ends.append(end)

    @contextmanager
    def _stream_kept(self) -> Iterator[None]:
        """A capture that fails leaves its own stream the current one."""
        with torch.cuda.stream(torch.cuda.current_stream(self._device)):
            yield

    @contextmanager
    def _random_kept(self) -> Iterator[None]:
        """A capture that fails leaves its generator as if it went on: draws then raise, without this."""
        try:
            yield
        except Exception:
            index = torch.cuda.current_device() if self._device.index is None else self._device.index
            generator = torch.cuda.default_generators[index]
            generator.graphsafe_set_state(generator.clone_state())
            raise


@contextmanager
def _waiting_refused() -> Iterator[None]:
    """Within it an operation that waits for the device raises: a capture that fails leaves more behind."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)
