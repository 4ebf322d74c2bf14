"""An exception out of a running network, loss or metric in; an error that points into the file out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from yamlnet.catalog.entry import Call
from yamlnet.catalog.foreign import is_target
from yamlnet.diagnostics import Mistake, YamlnetError
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Experiment, MetricTerm, Source, Term
from yamlnet.network.drawing import Called, Drawing, plain_calls, raised_in
from yamlnet.training.device import is_asynchronous, is_indeterminate
from yamlnet.training.meter import Meter
from yamlnet.training.objective import Objective, picks, shown
from yamlnet.training.processes import LostError
from yamlnet.training.shortage import is_out_of_memory

PLAIN = (RuntimeError, IndexError, ValueError, YamlnetError)
"""What is raised where its words say it all."""

When = Callable[[bool], str]
"""Says what was under way; where it is asked so, of what may be counted some time after its batch."""

TAKING = Meter.take.__code__
METERING = (TAKING, Meter.count.__code__, Meter.compute.__code__)
"""Where the metric that is under way is `name`."""


def _unlocated(mistake: Mistake) -> YamlnetError:
    return YamlnetError(mistake.message, mistake.help)


@dataclass(frozen=True)
class Places:
    """Where the file says what runs: the nodes of the network, and what makes an error of a mistake."""

    drawing: Drawing = field(default_factory=Drawing)
    locate: Callable[[Mistake], YamlnetError] = _unlocated


@contextmanager
def placed(network: nn.Module, experiment: Experiment, places: Places, when: When) -> Iterator[None]:
    """What network, loss and metrics raise within points into the file; `when` says what was under way.

    Nothing hangs on the network for it: the traceback tells which node was called, and with what.

    Raises:
        YamlnetError: one of them failed. What comes from elsewhere is raised as it is.
    """
    with plain_calls(network):
        try:
            yield
        except Exception as error:
            if _is_elsewhere(error):
                raise
            mistake = _of_network(error, network, places.drawing, when) or _of_figures(
                error, experiment, when
            )
            if mistake is None:
                raise
            raise places.locate(mistake) from error


def _is_elsewhere(error: Exception) -> bool:
    """Whether it isn't the failure of what was under way, or is told in another way."""
    elsewhere = isinstance(error, LostError) or is_out_of_memory(error)
    return elsewhere or is_asynchronous(error) or is_indeterminate(error)


def _of_network(error: Exception, network: nn.Module, drawing: Drawing, when: When) -> Mistake | None:
    called = raised_in(error, network, drawing)
    if called is None:
        return None
    call = None if not hasattr(called.node, "call") else called.node.call
    message = f"{called.title} fails {when(False)}: {words(error, call)}"
    return Mistake("run-failure", message=message, help=taken(called), **called.place)


def _of_figures(error: Exception, experiment: Experiment, when: When) -> Mistake | None:
    """What a term of the loss or a metric raised."""
    for frame in reversed(list(_frames(error))):
        values = frame.f_locals
        if frame.f_code is Objective.losses.__code__ and experiment.loss is not None:
            term = experiment.loss.terms[values["term"].name]
            return _of_term(error, term, values["output"], values["batch"], when)
        if frame.f_code in METERING and "name" in values:
            metric = experiment.metrics[values["name"]]
            at = when(frame.f_code is not TAKING)
            message = f"{title_of(metric)} fails {at}: {words(error, metric.call)}"
            return Mistake("run-failure", message=message, **place_of(metric))
    return None


def _of_term(error: Exception, term: Term, output: Any, batch: Mapping[str, Tensor], when: When) -> Mistake:
    given = _given(term.inputs, output, batch)
    if isinstance(error, YamlnetError):
        message, given = f"{error.message} ({when(False)})", error.help
    else:
        message = f"{title_of(term)} fails {when(False)}: {words(error, term.call)}"
    return Mistake("run-failure", message=message, help=given, **place_of(term))


def place_of(term: Term | MetricTerm) -> dict[str, Any]:
    """Where the file says a term of the loss or a metric, as a `Mistake` takes it."""
    if term.call is not None:
        return {"path": term.call.path, "at": name_place(term.call.path, term.call.name)}
    return {"path": getattr(term.inputs[0], "path", ("loss",))}


def title_of(term: Term | MetricTerm) -> str:
    """What the file calls a term of the loss or a metric."""
    return "`expr`" if term.call is None else f"`{term.call.name}`"


def _given(inputs: Sequence[Source], output: Any, batch: Mapping[str, Tensor]) -> str | None:
    try:
        values = [take(output, batch) for take in picks(inputs)]
    except Exception:  # an input that can't be taken is what failed
        return None
    return " and ".join(
        f"{shown(source)} is {described(value)}" for source, value in zip(inputs, values, strict=True)
    )


def taken(called: Called) -> str:
    """What a node took when it was called."""
    values = [*called.inputs, *called.keywords.values()]
    given = " and ".join(described(value) for value in values if isinstance(value, Tensor | tuple | list))
    name = f"`{called.name}`" if called.name else "the network"
    inner = f", in its `{called.part}`" if called.part else ""
    return f"{name} takes {given or 'no tensor'}{inner}"


def described(value: Any) -> str:
    """Element type, shape and range of the tensors in a value: `int64 [8, 20] from 0 to 1,034`."""
    return ", ".join(_tensor(leaf) for leaf in tree_leaves(value) if isinstance(leaf, Tensor)) or "no tensor"


def _tensor(tensor: Tensor) -> str:
    form = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
    values = tensor.detach().flatten()
    finite = values if not values.is_floating_point() else values[values.isfinite()]
    odd = [word for word, found in _odd(values) if found]
    if finite.numel() and not finite.is_complex() and finite.dtype is not torch.bool:
        low, high = finite.aminmax()
        form += f" from {_number(low)} to {_number(high)}"
    return form + (f", with {' and '.join(odd)}" if odd else "")


def _odd(values: Tensor) -> Iterator[tuple[str, bool]]:
    if values.is_floating_point():
        yield "nan", bool(values.isnan().any())
        yield "inf", bool(values.isposinf().any())
        yield "-inf", bool(values.isneginf().any())


def _number(value: Tensor) -> str:
    return f"{value.item():.4g}" if value.is_floating_point() else f"{value.item():,}"


def words(error: BaseException, call: Call | None = None) -> str:
    """What an exception says, in one line; of code outside the catalogue also where it was raised."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    text = lines[0].rstrip(".") if lines else ""
    kind, foreign = type(error).__name__, call is not None and is_target(call.entry.target)
    if not isinstance(error, PLAIN) or foreign or not text:
        text = f"{kind}: {text}" if text else kind
    if call is None or not foreign:
        return text
    package = call.entry.target.partition(":")[0].partition(".")[0]
    trace, place = error.__traceback__, ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == package:
            place = f" (`{module}`, line {trace.tb_lineno})"
        trace = trace.tb_next
    return text + place


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next
