"""A network in; the same, compiled for batches of one shape, and what compiling it needs, out.

The network stays as it is beside it: its names, its checkpoints, and what `yamlnet.load` gives.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from yamlnet import disk
from yamlnet.diagnostics import YamlnetError
from yamlnet.training.shortage import is_out_of_memory

COMPILER = "`sudo apt install g++` (or another C++ compiler, named by the variable CXX) makes it possible"
PLAINLY = "`train.compile: false` trains without"


class Compiled:
    """A network that is called as it would be, and runs compiled where that is sound.

    That is for full batches of the shape seen first, while nothing looks into the network: each other shape
    would be compiled anew, which takes longer than the few smaller batches do. `batch_size` is that of full
    batches; None where all are as large.
    """

    def __init__(self, network: nn.Module, batch_size: int | None) -> None:
        """Compiles nothing yet.

        Raises:
            YamlnetError: the network has a layer that torch can't compile.
        """
        if any(isinstance(m, nn.LSTM) and not m.weight_hh_l0.is_cuda for m in network.modules()):
            raise YamlnetError("`train.compile`: torch can't compile an `LSTM` for the CPU", PLAINLY)
        self._network, self._batch_size = network, batch_size
        self._compiled = torch.compile(network, fullgraph=True, dynamic=False)
        modules = list(network.modules())
        self._hooks = [hooks for m in modules for hooks in (m._forward_hooks, m._forward_pre_hooks)]
        self._graphs = [vars(module) for module in modules if isinstance(module, fx.GraphModule)]
        self._shapes: list[torch.Size] = []

    def __call__(self, *inputs: Tensor) -> Any:
        if not self._fits(inputs):
            return self._network(*inputs)
        try:
            return self._compiled(*inputs)
        except Exception as error:
            self._network(*inputs)  # where a layer fails, this tells which, and what it took
            if is_out_of_memory(error):
                raise
            raise failure(error) from error

    def _fits(self, inputs: Sequence[Tensor]) -> bool:
        if any(self._hooks) or any("forward" in graph for graph in self._graphs):
            return False
        shapes = [given.shape for given in inputs]
        if not self._shapes and self._batch_size in (None, shapes[0][0]):
            self._shapes = shapes
        return shapes == self._shapes


@contextmanager
def compiling(wanted: bool, runs: Path, deterministic: bool) -> Iterator[None]:
    """Within it what is `Compiled` can be called; the code made of it is kept below the folder `runs`.

    Raises:
        YamlnetError: it can't be compiled; the message tells why, and what helps.
    """
    if not wanted:
        yield
        return
    import torch._dynamo
    import torch._inductor.config

    with ExitStack() as stack:
        folder = stack.enter_context(cache(runs))
        stack.enter_context(_variable("TORCHINDUCTOR_CACHE_DIR", str(folder)))
        stack.enter_context(torch._dynamo.config.patch(allow_rnn=True))
        stack.enter_context(torch._inductor.config.patch(deterministic=deterministic))
        stack.callback(torch._dynamo.reset)
        try:
            yield
        except Exception as error:
            if is_compiling(error):
                raise failure(error) from error
            raise


def is_compiling(error: BaseException) -> bool:
    """Whether compiling a network is what failed."""
    return any(cls.__module__ in ("torch._dynamo.exc", "torch._inductor.exc") for cls in type(error).__mro__)


def failure(error: BaseException) -> YamlnetError:
    """Why compiling failed, in one line, and what helps."""
    cause: BaseException = getattr(error, "inner_exception", None) or error
    kind, lines = type(cause).__name__, [line.strip() for line in str(cause).split("\n") if line.strip()]
    if kind == "InvalidCxxCompiler":
        return YamlnetError(
            "`train.compile`: there is no C++ compiler that works here", f"{COMPILER}; {PLAINLY}"
        )
    if kind in ("TritonMissing", "GPUTooOldForTriton"):
        return YamlnetError(f"`train.compile`: {_sentence(lines)}", f"`pip install triton`; {PLAINLY}")
    if kind == "Unsupported":
        return YamlnetError(
            f"`train.compile`: the network can't be compiled as one graph: {_sentence(lines)}", PLAINLY
        )
    return YamlnetError(f"`train.compile`: compiling the network failed: {_sentence(lines)}", PLAINLY)


def _sentence(lines: Sequence[str]) -> str:
    return lines[0].rstrip(".") if lines else "torch doesn't say why"


@contextmanager
def cache(runs: Path) -> Iterator[Path]:
    """Where compiled code is kept for the next run: a folder whose name nobody else can know.

    What lies there is executed, and folders of runs are handed around. Where no key can be kept, the folder
    is there only within this.
    """
    key = _key()
    if key is None:
        with disk.temporary_folder() as folder:
            yield folder
        return
    name = hashlib.sha256(key + os.fsencode(runs.resolve())).hexdigest()[:16]
    folder = runs / ".compiled" / name
    disk.make_folder(folder)
    yield folder.resolve()


def _key() -> bytes | None:
    """This user's secret number, made where there is none yet; None where it can't be kept."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(root) / "yamlnet" / "key"
    try:
        if not path.exists():
            disk.make_folder(path.parent)
            disk.write(path, secrets.token_bytes(32), mode=0o600)
        return path.read_bytes()
    except (OSError, YamlnetError):
        return None


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
