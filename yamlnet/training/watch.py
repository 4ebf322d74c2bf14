"""Modules to watch in; figures of what they give and of its gradients, at every so many steps, out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from yamlnet.language.experiment import Watch
from yamlnet.language.patterns import matches

NUM_BINS = 32

Figures = dict[str, Any]
"""One line of `watch.jsonl`: `step`, `module`, `kind`, `call`, and the figures of one tensor."""


class Watcher:
    """Watches modules during single steps; between them nothing hangs on the model.

    `keep` takes each record, at the end of its step. `scaler` is that of fp16's loss, which scales the
    gradients with it; `factor` is what else they are multiplied by.
    """

    def __init__(
        self,
        section: Watch,
        model: nn.Module,
        keep: Callable[[Figures], object],
        scaler: torch.amp.GradScaler | None = None,
        factor: float = 1.0,
    ) -> None:
        self.every = section.every
        self._activations = watched(model, section.activations)
        self._gradients = watched(model, section.gradients)
        self._keep, self._scaler, self._factor = keep, scaler, factor
        self._seen: list[Figures] = []

    def is_due(self, step: int) -> bool:
        """Whether a step, counted from 1, is watched."""
        return step % self.every == 0

    @contextmanager
    def watching(self, step: int) -> Iterator[None]:
        """Within it the modules are watched; at its end the records are read from the device and kept."""
        calls: Counter[str] = Counter()
        scale = self._factor * (1.0 if self._scaler is None else self._scaler.get_scale())
        with ExitStack() as hooks:
            for name, module in (self._activations | self._gradients).items():
                hook = module.register_forward_hook(partial(self._called, name, calls, scale))
                hooks.callback(hook.remove)
            self._seen = []
            yield
        for record in self._seen:
            self._keep({"step": step, **record})

    def _called(
        self, name: str, calls: Counter[str], scale: float, module: nn.Module, inputs: Any, output: Any
    ) -> None:
        call = calls[name]
        calls[name] += 1
        for part, tensor in _tensors(name, output):
            if name in self._activations:
                self._note("activation", part, call, tensor)
            if name in self._gradients and tensor.requires_grad:
                # not a full backward hook: that forbids the next operation to work in place
                note = partial(self._note_gradient, part, call, scale)
                tensor.register_hook(note)  # type: ignore[no-untyped-call]

    def _note_gradient(self, part: str, call: int, scale: float, gradient: Tensor) -> None:
        self._note("gradient", part, call, gradient / scale)

    def _note(self, kind: str, part: str, call: int, tensor: Tensor) -> None:
        self._seen.append({"module": part, "kind": kind, "call": call, **figures(tensor)})


def watched(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    """The modules that match, by their qualified names."""
    return {
        name: module
        for name, module in model.named_modules()
        if name and any(matches(pattern, name) for pattern in patterns)
    }


def figures(tensor: Tensor) -> Figures:
    """Mean, standard deviation, norm, the fraction of zeros, and a histogram of the finite numbers."""
    values = tensor.detach().flatten().to(torch.float64 if tensor.dtype == torch.float64 else torch.float32)
    mean = values.mean()
    numbers = torch.stack(
        [mean, (values - mean).square().mean().sqrt(), values.norm(), (values == 0).to(values.dtype).mean()]
    )
    named = dict(zip(("mean", "std", "norm", "zeros"), numbers.tolist(), strict=True))
    return {**named, "histogram": histogram(values[values.isfinite()])}


def histogram(values: Tensor) -> dict[str, list[Any]]:
    """Counts in bins of equal width from the least to the largest number; `edges` is one longer."""
    low, high = values.aminmax() if len(values) else (values.new_zeros(()), values.new_zeros(()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    # not `torch.histc`, which has no deterministic algorithm on CUDA
    places = ((values - low) / (high - low) * NUM_BINS).long().clamp(0, NUM_BINS - 1)
    edges = low + (high - low) * torch.arange(NUM_BINS + 1, device=values.device) / NUM_BINS
    return {"edges": edges.tolist(), "counts": torch.bincount(places, minlength=NUM_BINS).tolist()}


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors of a module's result, named as `from` names its parts."""
    if isinstance(value, Tensor):
        if value.is_floating_point() and value.numel():
            yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from _tensors(f"{name}.{position}", item)
