"""A metric of torchmetrics in; the same as an accumulator of ours out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import YamlnetError
from yamlnet.network.construct import arguments
from yamlnet.training.calls import construct

Prepare = Callable[..., Sequence[Tensor]]
"""A batch's inputs, made what the metric takes."""

UPDATES = "num_updates"


class Delegate:
    """Gives batches to a metric of torchmetrics, one after another."""

    def __init__(self, call: Call, filled: Mapping[str, Any], prepare: Prepare, device: torch.device) -> None:
        """`filled` are arguments that the file leaves out, or says as null."""
        self.name, self._prepare, self._device = call.name, prepare, device
        said = arguments(call)
        left_out = {name: value for name, value in filled.items() if said.get(name) is None}
        with self._quiet():
            self._metric = construct(call, arguments={**said, **left_out}).to(device)
        for part in self._metric.modules():  # several processes bring their states together by `merge`
            part.sync_on_compute = part._to_sync = False

    def state(self) -> Mapping[str, Tensor]:
        """What torchmetrics adds up, lists of tensors as one."""
        held = {key: getattr(self._metric, key) for key in self._metric._defaults}
        found = {key: value for key, value in held.items() if isinstance(value, Tensor)}
        for key, value in held.items():
            if isinstance(value, list) and value:
                found[key] = torch.cat([t.reshape(1) if t.dim() == 0 else t for t in value])
        return {**found, UPDATES: torch.tensor(self._metric._update_count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Puts it back."""
        self._metric.reset()
        for key, default in self._metric._defaults.items():
            if isinstance(default, Tensor):
                setattr(self._metric, key, state[key].to(self._device))
            elif key in state:
                setattr(self._metric, key, [state[key].to(self._device)])
        self._metric._update_count = int(state[UPDATES])

    def merge(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Brings them together as torchmetrics does it between processes; who counted nothing is left out."""
        states = [state for state in states if int(state[UPDATES])]
        for key, default in self._metric._defaults.items() if states else ():
            found = [state[key].to(self._device) for state in states if key in state]
            reduce = self._metric._reductions[key]
            if isinstance(default, Tensor) and (len(states) > 1 or reduce is not None):
                joined = torch.stack(found)
                setattr(self._metric, key, joined if reduce is None else reduce(joined))
            elif isinstance(default, Tensor):
                setattr(self._metric, key, found[0])
            else:
                setattr(self._metric, key, found)
        self._metric._update_count = sum(int(state[UPDATES]) for state in states)

    def reset(self) -> None:
        """Forgets everything."""
        self._metric.reset()

    def update(self, *inputs: Sequence[Tensor]) -> None:
        """Gives it batch after batch."""
        with self._quiet():
            for tensors in zip(*inputs, strict=True):
                self._metric.update(*self._prepare(*tensors))

    def compute(self) -> float:
        """The metric's one number."""
        if not self._metric._update_count:
            return float("nan")
        with self._quiet():
            value = self._metric.compute()
        if isinstance(value, Tensor) and value.numel() == 1:
            return float(value)
        if isinstance(value, Tensor):
            raise YamlnetError(
                f"`{self.name}` gives {value.numel()} numbers, and a figure is one",
                help="`average: macro` gives one" if "average" in vars(self._metric) else None,
                exit_code=1,
            )
        raise YamlnetError(f"`{self.name}` gives no number", exit_code=1)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Leaves out torchmetrics' advice; what it needs and isn't installed is one line."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except ModuleNotFoundError as error:
            words = str(error).strip().split("\n")[0]
            raise YamlnetError(f"`{self.name}` can't be measured: {words}") from error
