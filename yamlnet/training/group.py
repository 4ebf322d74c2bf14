"""The variables that torchrun sets in; this process among the others, and what they do together, out."""

from __future__ import annotations

import json
import os
import secrets
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from math import prod
from typing import Any, cast

import torch
import torch.distributed as dist
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yamlnet import launch
from yamlnet.diagnostics import YamlnetError
from yamlnet.training import lifeline
from yamlnet.training.lifeline import Lifeline, Loss
from yamlnet.training.processes import LostError, Processes

TIMEOUT = timedelta(days=30)
"""Nobody waits for one that is gone: a process may take as long as it takes."""

RESUME = "`train --resume RUN` goes on from the run's newest checkpoint"


class Group(Processes):
    """This process among those that torchrun started."""

    def __init__(self, rank: int, count: int) -> None:
        """Meets the others.

        Raises:
            YamlnetError: they can't be reached.
        """
        self.rank, self.count = rank, count
        self._line: Lifeline | None = None
        self._finished = False
        self._note: Callable[[str], object] = lambda message: None
        self._wrapped: Any = None
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dist.init_process_group(backend, timeout=TIMEOUT)
            self._line = self._connected()
        except (RuntimeError, OSError, ValueError) as error:
            words = str(error).strip().split("\n")[0]
            raise YamlnetError(f"the processes of the training don't find each other: {words}") from error

    def _connected(self) -> Lifeline:
        listener = lifeline.listen() if self.first else None
        found: dict[str, Any] = {"names": self.each(f"pid {os.getpid()} on {os.uname().nodename}")}
        self._names: list[str] = found["names"]
        if listener is not None:
            found = {"port": listener.getsockname()[1], "token": secrets.token_hex(16)}
            found["addresses"] = lifeline.addresses(os.environ["MASTER_ADDR"])
        found = self.agreed(found)
        if listener is not None:
            peers = lifeline.accept(listener, found["token"], self.count)
        else:
            peers = {0: lifeline.connect(found["addresses"], found["port"], found["token"], self.rank)}
        line = Lifeline(self.rank, peers, self._forced)
        line.start()
        return line

    # -- what they tell each other ---------------------------------------------------------------

    def each(self, value: Any) -> list[Any]:
        return [json.loads(content) for content in self._exchanged(json.dumps(value).encode())]

    def agreed(self, value: Any) -> Any:
        (content,) = self.shared(lambda: [json.dumps(value).encode()])
        return json.loads(content)

    def added(self, values: Sequence[float]) -> list[float]:
        return [sum(column) for column in zip(*self.each(list(values)), strict=True)]

    def gathered(self, tensors: Mapping[str, Tensor]) -> list[Mapping[str, Tensor]]:
        plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        found: list[Mapping[str, Tensor]] = [load_tensors(c) for c in self._exchanged(save_tensors(plain))]
        found[self.rank] = tensors
        return found

    def shared(self, give: Callable[[], Sequence[bytes]]) -> Sequence[bytes]:
        parts = list(give()) if self.first else []
        with self.together():
            lengths = torch.zeros(9, dtype=torch.int64)
            lengths[: len(parts) + 1] = torch.tensor([len(parts), *map(len, parts)])
            dist.broadcast(lengths, 0)
            number, *sizes = lengths.tolist()
            joined = _tensor(b"".join(parts)) if parts else torch.empty(sum(sizes), dtype=torch.uint8)
            dist.broadcast(joined, 0)
        return [bytes(part.numpy()) for part in torch.split(joined, sizes[:number])]

    def _exchanged(self, content: bytes) -> list[bytes]:
        with self.together():
            sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.count)]
            dist.all_gather(sizes, torch.tensor([len(content)]))
            longest = max(int(size) for size in sizes)
            found = [torch.zeros(longest, dtype=torch.uint8) for _ in range(self.count)]
            dist.all_gather(found, _tensor(content.ljust(longest, b" ")))
        return [bytes(f[: int(size)].numpy()) for f, size in zip(found, sizes, strict=True)]

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        with self.together(), torch.no_grad():
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def total(self, value: Tensor) -> Tensor:
        found = value.detach().clone()
        with self.together():
            dist.all_reduce(found)
        return found

    def rows(self, tensor: Tensor, sizes: Sequence[int]) -> Tensor:
        own = tensor.detach().contiguous()
        width = prod(own.shape[1:]) * own.element_size()
        flat = own.reshape(-1).view(torch.uint8)
        padded = flat.new_zeros(max(sizes) * width)
        padded[: flat.numel()] = flat
        found = [torch.empty_like(padded) for _ in sizes]
        with self.together():
            dist.all_gather(found, padded)
        cut = [f[: size * width] for f, size in zip(found, sizes, strict=True)]
        return torch.cat(cut).view(own.dtype).reshape(sum(sizes), *own.shape[1:])

    # -- training --------------------------------------------------------------------------------

    def wrapped(self, module: nn.Module, find_unused: bool) -> nn.Module:
        """The module, whose parameters get the gradients of all processes, averaged."""
        with warnings.catch_warnings(), self.together():
            warnings.simplefilter("ignore")
            self._wrapped = DistributedDataParallel(module, find_unused_parameters=find_unused)
        return self._wrapped  # type: ignore[no-any-return]

    def between(self, last: bool) -> AbstractContextManager[Any]:
        return nullcontext() if last or self._wrapped is None else self._wrapped.no_sync()

    def weighed(self, loss: Tensor, counts: bool) -> Tensor:
        return loss * (self.count if counts else 0)

    def part(self, count: int) -> tuple[int, int]:
        return count * self.rank // self.count, count * (self.rank + 1) // self.count

    # -- the end ---------------------------------------------------------------------------------

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within it a failure is another process's end."""
        try:
            yield
        except RuntimeError as error:
            raise self._lost(str(error).strip().split("\n")[0]) from error

    @contextmanager
    def watched(self, note: Callable[[str], object]) -> Iterator[None]:
        self._note, self._finished = note, False
        try:
            yield
        except RuntimeError as error:
            loss = None if self._line is None else self._line.wait_for_loss()
            if loss is None:
                raise
            raise self._lost(str(error)) from error
        finally:
            self._note = lambda message: None

    def finished(self) -> None:
        self._finished = True

    @property
    def loss(self) -> LostError | None:
        """The other process that ended before its time, if one has."""
        return None if self._line is None or self._line.loss is None else self._lost("")

    def is_said(self, error: YamlnetError) -> bool:
        """Whether another process says what this one ends with; the others learn that it ends."""
        if self._line is None:
            return False
        if isinstance(error, LostError):
            return error.said or not self._tells(error.by)
        self._line.fail(error.message)
        return not self.first and self._line.said_by_first(error.message)

    def leave(self) -> None:
        """Waits for the others' end: torchrun ends all others when one has ended with an exit code."""
        if self._line is not None:
            self._line.leave(self._finished)
        if self._finished:
            with suppress(RuntimeError):
                dist.destroy_process_group()
        elif cast(
            Any, torch.cuda
        ).is_initialized():  # what waits on the device for one that is gone would wait on
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(3)

    def _lost(self, words: str) -> LostError:
        loss = None if self._line is None else self._line.wait_for_loss()
        if loss is None:
            return LostError(f"the connection to the other processes is lost: {words}", RESUME)
        return LostError(self._words(loss), RESUME, loss.said is not None, loss.rank)

    def _words(self, loss: Loss) -> str:
        name = f"process {loss.rank} of {self.count} ({self._names[loss.rank]})"
        if loss.said is None:
            return f"{name} ended before its time, as one that is killed does"
        return f"{name} ended with an error: {loss.said}"

    def _tells(self, lost: int) -> bool:
        """Whether this process is the one that tells of a loss: the first, or one on each machine."""
        return self.first or (lost == 0 and (self.rank == 1 or launch.local_rank() == 0))

    def _forced(self, loss: Loss) -> None:
        """Ends a process whose main thread waits for one that is gone."""
        words = self._words(loss)
        with suppress(YamlnetError):
            self._note(words)
        if loss.said is None and self._tells(loss.rank):
            os.write(2, f"error: {words}\n  = help: {RESUME}\n".encode())
        os._exit(3)


def _tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0).byte()
