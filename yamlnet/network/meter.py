"""What runs in a network -> its floating-point operations, and the bytes kept for the backward pass.

Products of matrices and convolutions, which take the time, are counted by torch's own formulas and not worked
out: what they would give is a tensor of zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten


class Meter(TorchDispatchMode):
    """Counts while it is entered.

    `flops` are floating-point operations, a multiplication and an addition counted as two (as
    torch.utils.flop_counter counts). `kept_bytes` are the storages that autograd saves for the backward pass,
    each counted once; those of `weights` aren't counted.
    """

    def __init__(self, weights: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.kept_bytes = 0
        self._kept: dict[int, torch.UntypedStorage] = {}
        self._weights = {weight.untyped_storage().data_ptr() for weight in weights}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would import dynamo to hide the mode from it: 1 to 2 s."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        formula, empty = FORMULAS.get(func._overloadpacket), EMPTY.get(func)
        result = func(*args, **(kwargs or {})) if empty is None else empty(*args)
        if formula is not None:
            self.flops += int(formula(*args, **(kwargs or {}), out_val=result))
        return result

    def keep(self, tensor: Tensor) -> None:
        """Notes a tensor that is saved."""
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address not in self._weights and address not in self._kept:
            self._kept[address] = storage
            self.kept_bytes += storage.nbytes()


def _mm(a: Tensor, b: Tensor) -> Tensor:
    return a.new_zeros((*a.shape[:-1], b.shape[-1]))


def _addmm(bias: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return _mm(a, b)


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
) -> Tensor:
    """Sizes as torch.nn.Conv2d and ConvTranspose2d give them; a list of one number is for all axes."""
    axes = weight.dim() - 2
    each = [[*values] * (axes if len(values) == 1 else 1) for values in (stride, padding, dilation)]
    more = [*output_padding] * (axes if len(output_padding) == 1 else 1)
    sizes = []
    for axis, (step, pad, spread) in enumerate(zip(*each, strict=True)):
        size, reach = input.shape[axis + 2], spread * (weight.shape[axis + 2] - 1)
        forward = (size + 2 * pad - reach - 1) // step + 1
        sizes.append((size - 1) * step - 2 * pad + reach + more[axis] + 1 if transposed else forward)
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    return input.new_zeros((input.shape[0], channels, *sizes))


def _attention(query: Tensor, key: Tensor, value: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    batch, heads, length, _ = query.shape
    result = query.new_zeros((batch, length, heads, value.shape[-1])).transpose(1, 2)
    return result, query.new_zeros((batch, length, heads), dtype=torch.float32).transpose(1, 2)


EMPTY: Mapping[Any, Any] = {
    aten.mm.default: _mm,
    aten.bmm.default: _mm,
    aten.addmm.default: _addmm,
    aten.baddbmm.default: _addmm,
    aten.convolution.default: _convolution,
    aten._scaled_dot_product_flash_attention_for_cpu.default: _attention,
}
"""The operations that aren't worked out, and what stands for their results."""

FORMULAS: Mapping[Any, Any] = {
    **flop_registry,
    aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[aten._scaled_dot_product_flash_attention],
}


@contextmanager
def measuring(weights: Iterable[Tensor]) -> Iterator[Meter]:
    """A meter for what runs within, gradients on.

    oneDNN is off: the kernels that fuse an LSTM hide their operations.
    """
    meter = Meter(weights)

    def save(tensor: Tensor) -> None:
        meter.keep(tensor)

    def load(nothing: None) -> Tensor:
        raise AssertionError("what is measured has no backward pass")

    before = torch.backends.mkldnn.set_flags(_enabled=False, _fp32_precision=None)  # type: ignore[no-untyped-call]
    try:
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(save, load), meter:
            yield meter
    finally:
        torch.backends.mkldnn.set_flags(_enabled=before[0], _fp32_precision=None)  # type: ignore[no-untyped-call]
