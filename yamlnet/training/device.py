"""The device, precision and determinism that the file asks for in; torch set up for them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, cast

import torch

from yamlnet import launch
from yamlnet.diagnostics import YamlnetError
from yamlnet.network import memory as machine_memory

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def device(name: str) -> torch.device:
    """The torch device; `auto` takes the first of CUDA, MPS and the CPU that is there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    found = torch.device(name)
    if found.type == "cuda" and launch.count() > 1:
        found = _own(found)
    if found.type == "cuda" and (found.index or 0) >= _num_cuda_devices():
        raise YamlnetError(
            f"there is no device `{name}` here", help="`train.device: auto` takes what there is"
        )
    if found.type == "cuda":
        _settle_cublas()
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise YamlnetError("there is no device `mps` here", help="`train.device: auto` takes what there is")
    return found


def _settle_cublas() -> None:
    """Has cuBLAS give equal bits; torch looks at it once, with the first product of matrices on a GPU.

    docs.nvidia.com/cuda/cublas/#results-reproducibility
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def _own(named: torch.device) -> torch.device:
    """The CUDA device of this process, where each has its own."""
    if named.index is not None:
        raise YamlnetError(
            f"`train.device: {named}` is one device, and there are {launch.count()} processes",
            help="`cuda` gives each process a device of its own",
        )
    own = launch.local_rank()
    if own >= _num_cuda_devices():
        raise YamlnetError(
            f"there is no device for process {launch.rank()}: "
            f"it is number {own} on its machine, which has {_num_cuda_devices()}",
            help="`torchrun --nproc-per-node=gpu` starts a process for each; numbers begin at 0",
        )
    torch.cuda.set_device(own)
    return torch.device("cuda", own)


def memory(name: str) -> tuple[int, str] | None:
    """The bytes of a device's memory, and whose it is in words; None where there is no such device here."""
    try:
        found = device(name)
    except YamlnetError:
        return None
    if found.type == "cuda":
        return torch.cuda.get_device_properties(found).total_memory, "the GPU"
    return machine_memory.machine(), "this machine"


def data_memory(said: int | Literal["auto"], device: torch.device) -> int:
    """The bytes of data that may be held in memory: `auto` is a quarter of the machine's, or of a GPU's."""
    if said != "auto":
        return said
    found = [machine_memory.machine()]
    if device.type == "cuda":
        found.append(torch.cuda.get_device_properties(device).total_memory)
    return min(found) // 4


def precision(name: str, device: torch.device) -> str:
    """The precision; `auto` takes bf16 on a CUDA device that computes in it, else fp32."""
    if name != "auto":
        return name
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_bf16 else "fp32"


def num_threads(wanted: int | Literal["auto"]) -> int:
    """How many threads compute one operation on the CPU; `auto` takes as many as torch would."""
    return torch.get_num_threads() if wanted == "auto" else wanted


@contextmanager
def threads(wanted: int | Literal["auto"]) -> Iterator[None]:
    """Within it so many threads compute: bits depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads(wanted))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def tensor_float(wanted: bool) -> Iterator[None]:
    """Within it CUDA multiplies fp32 matrices in TF32: ten bits of fraction. Other devices have no TF32."""
    if not wanted:
        yield
        return
    backends = cast(Any, torch.backends)
    parts = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
    before = [part.fp32_precision for part in parts]
    try:
        for part in parts:
            part.fp32_precision = "tf32"
        yield
    finally:
        for part, old in zip(parts, before, strict=True):
            part.fp32_precision = old


def laid_out(call: Callable[..., Any], memory_format: str) -> Callable[..., Any]:
    """The function, its images pixel by pixel in memory where the format is `channels_last`.

    What a convolution gives lies as what it took, so that no weight need lie otherwise.
    """
    if memory_format != "channels_last":
        return call

    def by_pixel(*args: torch.Tensor) -> Any:
        form = torch.channels_last
        return call(*[given.contiguous(memory_format=form) if given.dim() == 4 else given for given in args])

    return by_pixel


def autocast(call: Callable[..., Any], precision: str, device: torch.device) -> Callable[..., Any]:
    """The function, run in bf16 or fp16 where the precision is one of them; its results are float32 again."""
    if precision not in DTYPES:
        return call
    dtype = DTYPES[precision]

    def in_dtype(*args: Any) -> Any:
        with torch.autocast(device.type, dtype):
            result = call(*args)
        return _widened(result, dtype)

    return in_dtype


def _widened(value: Any, dtype: torch.dtype) -> Any:
    """The value, its tensors of this dtype made float32."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == dtype else value
    if isinstance(value, dict):
        return {key: _widened(part, dtype) for key, part in value.items()}
    if isinstance(value, tuple | list):
        parts = [_widened(part, dtype) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def scaler(precision: str, device: torch.device) -> torch.amp.GradScaler | None:
    """Loss scaling, which fp16 needs for its narrow range of exponents."""
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Within it only algorithms that give the same bits again are used; after it, what was set before."""
    if not wanted:
        yield
        return
    _settle_cublas()
    cudnn, memory = torch.backends.cudnn, cast(Any, torch.utils.deterministic)
    before = (torch.get_deterministic_debug_mode(), cudnn.deterministic, cudnn.benchmark)
    filled = memory.fill_uninitialized_memory
    # `use_deterministic_algorithms` would set the same flag, and import the compiler on the way
    torch.set_deterministic_debug_mode("error")
    cudnn.deterministic, cudnn.benchmark, memory.fill_uninitialized_memory = True, False, False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        cudnn.deterministic, cudnn.benchmark = before[1:]
        memory.fill_uninitialized_memory = filled


@contextmanager
def failures() -> Iterator[None]:
    """Turns what a device can't do but for want of memory into one line that says what to change."""
    try:
        yield
    except RuntimeError as error:
        message = _first_line(error)
        if is_indeterminate(error):
            operation = message.partition(" does not")[0]
            raise YamlnetError(
                f"`{operation}` has no deterministic algorithm on this device",
                help="`train.deterministic: false` allows the one there is",
            ) from error
        if is_asynchronous(error):
            raise YamlnetError(
                f"the device stopped: {message}",
                help="an index or a class out of range does that; `--device cpu` shows in which layer",
            ) from error
        raise


def is_indeterminate(error: BaseException) -> bool:
    """Whether torch refuses an operation that doesn't give the same bits each time."""
    return "does not have a deterministic implementation" in _first_line(error)


def is_asynchronous(error: BaseException) -> bool:
    """Whether a device reports what it met some operations ago: the traceback leads elsewhere."""
    return isinstance(error, RuntimeError) and _first_line(error).startswith("CUDA error:")


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def _num_cuda_devices() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
