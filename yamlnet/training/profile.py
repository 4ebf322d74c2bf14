"""A training in; where the time of some of its steps goes, and a trace of a few, out.

Steps are timed part by part first; then a few are traced, in which every layer and operator is seen. What
watches a step changes none of its bits, and is gone after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import nn

from yamlnet import disk
from yamlnet.diagnostics import Mistake
from yamlnet.training.loop import Loop
from yamlnet.training.objective import Batch
from yamlnet.training.setup import Setup, Task
from yamlnet.training.sources import Source

WARM, TIMED, TRACED = 10, 30, 5
"""The most steps that are left to warm up, that are timed, and that are traced."""

MOST_OPERATORS = 10

PARTS = ("data", "forward", "loss", "backward", "optimizer", "metrics", "other")


@dataclass(frozen=True)
class Layer:
    """A layer's forward pass; `line` is where the file says it, `ms` what it takes of a traced step."""

    name: str
    kind: str
    line: str | None
    ms: float


@dataclass(frozen=True)
class Operator:
    """An operator of torch: what it takes of a traced step itself, and how often it is called in one."""

    name: str
    ms: float
    calls: float


@dataclass(frozen=True)
class Profile:
    """Milliseconds of a step by part, of its layers and of its operators, the slowest first.

    `steps` are the first and the last that were looked at. Where the network is compiled there are no
    layers, and its forward pass counts as `loss`.
    """

    steps: tuple[int, int]
    step_ms: float
    parts: Mapping[str, float]
    layers: Sequence[Layer]
    operators: Sequence[Operator]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


class Profiler:
    """Watches a few steps of a training; `keep` takes the profile and its Chrome trace when it is made."""

    def __init__(self, task: Task, num_steps: int, keep: Callable[[Profile, bytes], object]) -> None:
        self._task, self._keep = task, keep
        self._plan = _windows(num_steps)
        self._taken = 0
        self._spent: dict[str, float] = defaultdict(float)
        self._layers: dict[str, float] = defaultdict(float)
        self._inner_s: list[float] = []
        self._watching = ExitStack()
        self._trace: Any = None
        self._timed: dict[str, float] = {}

    def watched(self, setup: Setup) -> Setup:
        """The setup, which tells of its steps and of the time of its batches until enough was seen."""
        self.watch(setup.loop)
        made = replace(setup, source=_Timed(setup.source, self._span))
        if setup.loop.ahead is None:
            return made
        setup.loop.ahead = None
        return replace(made, uncaptured="some of its steps are profiled")

    def watch(self, loop: Loop) -> None:
        """Lets the loop tell of its steps until enough were seen."""
        take = loop.take

        def watched(group: Sequence[Batch], number: int) -> tuple[int, bool]:
            with self._span("other"):
                taken = take(group, number)
            self._after(loop)
            return taken

        vars(loop)["take"] = watched
        self._after(loop, steps=0)

    def _after(self, loop: Loop, steps: int = 1) -> None:
        self._taken += steps
        warm, timed, traced = self._plan
        if self._taken == warm:
            self._spent.clear()
            self._watching.enter_context(_parts(loop, self._span))
            if not self._is_compiled:
                self._watching.enter_context(_called({"forward": self._task.model}, self._span))
        if self._taken == warm + timed:
            self._timed = dict(self._spent)
            self._spent.clear()
            self._begin_trace()
        if self._taken == warm + timed + traced:
            self._end(loop)

    def _begin_trace(self) -> None:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if self._task.device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._trace = torch.profiler.profile(activities=activities)
        self._watching.enter_context(self._trace)
        if not self._is_compiled:
            self._watching.enter_context(_called(self._modules(), self._layer))

    def _end(self, loop: Loop) -> None:
        self._watching.close()
        del vars(loop)["take"]
        with disk.temporary_folder() as folder:
            self._trace.export_chrome_trace(str(folder / "trace.json"))
            trace = (folder / "trace.json").read_bytes()
        self._keep(self._profile(), trace)

    @contextmanager
    def _span(self, name: str) -> Iterator[None]:
        with self._clocked(self._spent, name):
            yield

    @contextmanager
    def _layer(self, name: str) -> Iterator[None]:
        with self._clocked(self._layers, name):
            yield

    @contextmanager
    def _clocked(self, into: dict[str, float], name: str) -> Iterator[None]:
        """Notes the time within, but for what is noted inside; the trace shows it under the name."""
        with torch.profiler.record_function(name):
            self._inner_s.append(0.0)
            start = perf_counter()
            yield
            if self._task.device.type in ("cuda", "mps"):
                getattr(torch, self._task.device.type).synchronize()
            spent_s = perf_counter() - start
            into[name] += spent_s - self._inner_s.pop()
            if self._inner_s:
                self._inner_s[-1] += spent_s

    def _profile(self) -> Profile:
        warm, timed, traced = self._plan
        spent, steps = (self._timed, timed) if timed else (self._spent, traced)
        parts = {part: spent.get(part, 0.0) for part in PARTS}
        if not timed:
            parts["forward"] += sum(self._layers.values())
        events = sorted(self._trace.key_averages(), key=_own_time, reverse=True)
        operators = [
            Operator(event.key, _own_time(event) / 1000 / traced, event.count / traced)
            for event in events
            if "::" in event.key
        ]
        layers = [self._as_layer(name, 1000 * s / traced) for name, s in self._layers.items()]
        if layers:
            rest_ms = 1000 * self._spent["forward"] / traced
            layers.append(Layer("(between)", "functions, and what calls the layers", None, rest_ms))
        return Profile(
            (warm + 1, warm + timed + traced),
            1000 * sum(parts.values()) / steps,
            {part: 1000 * seconds / steps for part, seconds in parts.items()},
            sorted(layers, key=lambda layer: -layer.ms),
            operators[:MOST_OPERATORS],
        )

    @property
    def _is_compiled(self) -> bool:
        """Then hooks would have the plain network run instead: its parts are those of one block."""
        return self._task.experiment.train.compile is True

    def _modules(self) -> dict[str, nn.Module]:
        """The layers of the file; what it doesn't name, by the modules that hold no others."""
        drawing, found = self._task.places.drawing, {}
        for name, module in self._task.model.named_modules():
            layer = drawing.layer(name)
            if name and (not any(module.children()) if layer is None else layer[0] == name):
                found[name] = module
        return found

    def close(self) -> None:
        """Ends what a training that was cut short has left under way."""
        self._watching.close()

    def _as_layer(self, name: str, ms: float) -> Layer:
        found = self._task.places.drawing.layer(name)
        kind = type(self._task.model.get_submodule(name)).__name__
        if found is None:
            return Layer(name, kind, None, ms)
        located = self._task.places.locate(Mistake("run-failure", found[1].call.path, ""))
        places = getattr(located, "diagnostics", ())
        return Layer(name, kind, f"{places[0].file}:{places[0].line}" if places else None, ms)


def _windows(num_steps: int) -> tuple[int, int, int]:
    """How many steps are left to warm up, timed and traced, of so many."""
    warm, traced = min(WARM, num_steps // 4), min(TRACED, max(1, num_steps // 4))
    return warm, min(TIMED, num_steps - warm - traced), traced


def _own_time(event: Any) -> float:
    """Microseconds of an operator itself: on the device where it has one."""
    return float(event.self_device_time_total or event.self_cpu_time_total)


Span = Callable[[str], Any]


@contextmanager
def _parts(loop: Loop, span: Span) -> Iterator[None]:
    """Within it each part of a step but the network is within a span of its name."""

    def within(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **keywords: Any) -> Any:
            with span(name):
                return call(*args, **keywords)

        return called

    whole = loop.forward
    loop.forward = within("loss", whole)
    hidden = {"_backward": "backward", "_apply": "optimizer"}
    for name, part in hidden.items():
        vars(loop)[name] = within(part, getattr(loop, name))
    vars(loop.sums)["add"] = within("metrics", loop.sums.add)
    try:
        yield
    finally:
        loop.forward = whole
        for name in hidden:
            del vars(loop)[name]
        del vars(loop.sums)["add"]


@contextmanager
def _called(modules: Mapping[str, nn.Module], span: Span) -> Iterator[None]:
    """Within it each call of a module is within a span of its name."""
    begun: list[Any] = []

    def before(name: str, module: nn.Module, inputs: Any) -> None:
        begun.append(span(name))
        begun[-1].__enter__()

    def after(module: nn.Module, inputs: Any, output: Any) -> None:
        begun.pop().__exit__(None, None, None)

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_pre_hook(partial(before, name)).remove)
            hooks.callback(module.register_forward_hook(after).remove)
        yield


@contextmanager
def profiled(task: Task, setup: Setup, keep: Callable[[Mapping[str, Any], bytes], object]) -> Iterator[Setup]:
    """Within it the training with the setup that it gives is profiled."""
    profiler = Profiler(task, setup.plan.num_steps, lambda found, trace: keep(found.as_dict(), trace))
    try:
        yield profiler.watched(setup)
    finally:
        profiler.close()


@dataclass(frozen=True)
class _Timed:
    """A source, each of its batches made within a span."""

    source: Source
    span: Span

    def __len__(self) -> int:
        return len(self.source)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        batches = iter(self.source.epoch(epoch, start))
        while True:
            with self.span("data"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def samples(self, epoch: int, batch: int) -> list[str]:
        return self.source.samples(epoch, batch)
