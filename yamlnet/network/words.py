"""What doesn't fit, said in the user's words before torch is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from torch import Tensor

from yamlnet.catalog.entry import Call, Entry, Inferred, Parameter
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.calls import name_place
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Expression, Function, Graph, Layer, Node, Residual, Source, Tensors
from yamlnet.language.plain import show
from yamlnet.network.found import MERGED
from yamlnet.network.memory import size
from yamlnet.network.probe import BATCH, SECOND, Probe

AXES: Mapping[int, str] = {
    2: "[features]",
    3: "[channels, length]",
    4: "[channels, height, width]",
    5: "[channels, depth, height, width]",
}
SEQUENCES = ("LSTM", "GRU", "RNN", "MultiheadAttention", "Transformer")
ARITHMETIC: Mapping[str, str] = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}


def shape(value: Any) -> str:
    """A value's shape without the batch: `[16, 6, 6]`, or the shapes of a tuple's or mapping's parts.

    Where the batch isn't the first axis, it is named: `[1, batch, 16]`.
    """
    if isinstance(value, Tensor):
        if value.dim() and value.shape[0] not in (0, BATCH):
            return "[" + ", ".join(str(size or "batch") for size in value.shape) + "]"
        return str(list(value.shape[1:]))
    if isinstance(value, tuple | list):
        return "(" + ", ".join(shape(part) for part in value) + ")"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shape(part)}" for key, part in value.items()) + "}"
    return "nothing" if value is None else str(value)


def at_call(code: str, call: Call, message: str, help: str | None = None, **more: Any) -> Mistake:
    """A mistake that points at a call's name."""
    return Mistake(code, call.path, message, help, at=name_place(call.path, call.name), **more)


def at_argument(
    code: str, call: Call, parameter: str | None, message: str, help: str | None = None, **more: Any
) -> Mistake:
    """A mistake that points at an argument, at the call's name where the file doesn't say it."""
    if parameter is None or parameter not in call.arguments:
        return at_call(code, call, message, help, **more)
    return Mistake(code, call.argument_path(parameter), message, help, **more)


def sources(made: Sequence[Path | None], given: Sequence[Any]) -> tuple[tuple[Path, str], ...]:
    """Where values come from, and their shapes."""
    pairs = zip(made, given, strict=False)
    return tuple(dict.fromkeys((path, f"gives {shape(value)}") for path, value in pairs if path))


def before_layer(call: Call, inputs: Sequence[Any]) -> Mistake | None:
    """A tuple where a tensor is taken, or a number of axes that torch would take for something else."""
    value = inputs[0] if inputs else None
    if not isinstance(value, Tensor):
        return _no_tensor(call, value)
    axes = call.entry.axes
    if not axes or value.dim() in axes:
        return _output_padding(call)
    takes = " or ".join(_axes(call.entry, number) for number in axes)
    return at_call(
        "shape-mismatch",
        call,
        f"`{call.name}` takes {takes}, and {shape(value)} arrives",
        _other_layer(call, value),
    )


def _output_padding(call: Call) -> Mistake | None:
    """Padding of an output by a step or more, which torch refuses for real batches alone."""
    padding, *steps = (call.arguments.get(name, 1) for name in ("output_padding", "stride", "dilation"))
    if "output_padding" not in call.arguments or any(value is UNKNOWN for value in (padding, *steps)):
        return None
    count = max(call.entry.axes) - 2
    each = [value if isinstance(value, list) else [value] * count for value in (padding, *steps)]
    if all(pad < max(step, gap) for pad, step, gap in zip(*each, strict=True)):
        return None
    message = f"`output_padding` of `{call.name}` is smaller than `stride` or `dilation`, not {show(padding)}"
    return Mistake("wrong-value", call.argument_path("output_padding"), message)


def _axes(entry: Entry, number: int) -> str:
    if number == 3 and entry.name.startswith(SEQUENCES):
        return "[sequence, features]"
    return AXES[number]


def _other_layer(call: Call, value: Tensor) -> str | None:
    """The same layer for another number of axes, or Flatten, where that would do."""
    stem = re.fullmatch(r"(\w+)[123]d", call.name)
    spatial = value.dim() - 2
    if stem and 1 <= spatial <= 3:
        return f"`{stem[1]}{spatial}d` takes {AXES[value.dim()]}"
    if stem and value.dim() == 2 and call.name.startswith("BatchNorm"):
        return "`BatchNorm1d` takes [features]"
    if call.name == "BatchNorm1d":
        return "`Flatten` before it gives [features]"
    return None


def _no_tensor(call: Call, value: Any) -> Mistake | None:
    if not isinstance(value, tuple | list | Mapping):
        return None
    part = next(iter(value)) if isinstance(value, Mapping) else 0
    help = f"name a part: `from: NAME.{part}` in a `ModuleDict`"
    message = f"`{call.name}` takes a tensor, and {shape(value)} arrives"
    return at_call("shape-mismatch", call, message, help)


def contradiction(call: Call, parameter: Parameter, said: Any, size: int, value: Tensor) -> Mistake | None:
    """A size that is said and isn't the one that arrives."""
    arrives: Any = size
    if parameter.inferred is not None and parameter.inferred.form == "tuple":
        wanted = said if isinstance(said, list) else [said]
        arrives = list(value.shape[-len(wanted) :]) if len(wanted) < value.dim() else list(value.shape[1:])
        if wanted == arrives:
            return None
        arrives = arrives if isinstance(said, list) else arrives[-1]
    elif parameter.inferred is not None and parameter.inferred.axis is None:
        return None if said >= size else _too_few(call, parameter, said, size)
    elif said == size:
        return None
    message = (
        f"`{parameter.name}` of `{call.name}` is {show(said)}, but {show(arrives)} arrive in {shape(value)}"
    )
    help = f"write {show(arrives)}, or leave `{parameter.name}` out: it is inferred"
    path = call.argument_path(parameter.name)
    if parameter.inferred is not None and parameter.inferred.axis == 1 and said in value.shape[2:]:
        first = [said, *(size for size in value.shape[1:] if size != said)]
        help = f"channels come before the other axes: {first}" if len(first) == value.dim() - 1 else help
        return Mistake("shape-mismatch", path, message, help)
    return Mistake("shape-mismatch", path, message, help, show(arrives))


def _too_few(call: Call, parameter: Parameter, said: int, size: int) -> Mistake:
    message = f"`{parameter.name}` of `{call.name}` is {said}, but what arrives has {size} categories"
    help = f"write {size}, or leave `{parameter.name}` out: it is inferred"
    return Mistake("shape-mismatch", call.argument_path(parameter.name), message, help, str(size))


def misfit(call: Call, module: Any, arguments: Mapping[str, Any]) -> Mistake | None:
    """A module that was made for other sizes than arrive now."""
    for parameter in call.entry.parameters.values():
        made, now = getattr(module, parameter.name, None), arguments.get(parameter.name)
        if parameter.inferred is not None and None not in (made, now) and made != now:
            message = f"`{call.name}` was made for {_size(made)} {parameter.name}, and now gets {_size(now)}"
            return at_call("shape-mismatch", call, message)
    return None


def _size(value: Any) -> str:
    return show(list(value) if isinstance(value, tuple) else value)


def cannot_infer(call: Call, parameter: Parameter, rule: Inferred, given: Sequence[Any]) -> Mistake:
    """A size that has nothing to follow from."""
    if not given:
        help = "no step calls it, so that nothing can be inferred"
        return at_call("missing-parameter", call, f"`{call.name}` needs `{parameter.name}`", help)
    if rule.axis is None:
        message = f"`{call.name}` needs `{parameter.name}`"
        help = "it is inferred where a field of categories arrives as it is"
        return at_call("missing-parameter", call, message, help)
    if rule.input >= len(given):
        number = ("first", "second", "third", "fourth")[rule.input]
        message = f"`{call.name}` takes a {number} input, and gets {len(given)}"
        return at_call("missing-parameter", call, message, "name its inputs with `from: [a, b]`")
    value = given[rule.input]
    message = f"`{call.name}` takes {_wanted(rule)}, and {shape(value)} arrives"
    single = isinstance(value, Tensor) and value.dim() == 1
    mend = "`unsqueeze: 1` before it makes a number a vector of one" if single else None
    return at_call("shape-mismatch", call, message, mend)


OF_BATCH = "would depend on the size of the batch"


def of_batch(call: Call, parameter: Parameter) -> Mistake:
    """A size that would follow from an axis that the batch is part of."""
    message = f"`{parameter.name}` of `{call.name}` {OF_BATCH}"
    return at_call("shape-mismatch", call, message, "dimensions count the batch as 0")


def no_input(call: Call, name: str) -> Mistake:
    """A keyword of `from` that the layer's forward doesn't have."""
    help, _ = did_you_mean(name, [taken.name for taken in call.entry.inputs])
    return at_call("wrong-value", call, f"`{call.name}` has no input `{name}`", help)


def _wanted(rule: Inferred) -> str:
    return "[channels, ...]" if rule.axis == 1 else "[..., features]"


def too_large(what: Call | Tensors, total: int, limit: int) -> Mistake:
    """Weights that this machine's memory can't hold."""
    name = what.name if isinstance(what, Call) else what.kind
    message = f"with `{name}` the weights take {size(total)}, and this machine has {size(limit)} of memory"
    if isinstance(what, Call):
        return at_call("too-large", what, message)
    return Mistake("too-large", what.path, message)


def before_function(
    call: Call, given: Sequence[Any], made: Sequence[Path | None], plain: bool
) -> Mistake | None:
    """A number of axes that torch misreads, shapes that arithmetic or concatenation can't bring together.

    `plain` says that all begin with the batch and have fixed sizes after it.
    """
    related = sources(made, given)
    tensors = [value for value in given if isinstance(value, Tensor)]
    if len(tensors) < len(given) and not any(p.role == "tensors" for p in call.entry.tensors):
        return _no_tensor(call, next(value for value in given if not isinstance(value, Tensor)))
    if call.entry.axes:
        wrong = before_layer(call, given)
        return None if wrong is None else with_sources(wrong, made, given)
    if not plain:
        return None
    if call.name in ARITHMETIC and len(tensors) == 2:
        a, b = tensors
        if not _broadcast((BATCH, *a.shape[1:]), (BATCH, *b.shape[1:])):
            message = f"`{call.name}` can't {ARITHMETIC[call.name]} {shape(a)} and {shape(b)}"
            return at_call("shape-mismatch", call, message, related=related)
    if call.name == "cat" and len(tensors) == len(given) > 1:
        return _cat(call, tensors, related)
    return None


def _broadcast(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two shapes fit by PyTorch's rule: from the last axis on, equal or one of them 1."""
    return all(x == y or 1 in (x, y) for x, y in zip(reversed(a), reversed(b), strict=False))


def _cat(call: Call, tensors: Sequence[Tensor], related: tuple[tuple[Path, str], ...]) -> Mistake | None:
    dim, first = call.arguments.get("dim", 0), tensors[0]
    if not isinstance(dim, int):
        return None
    for other in tensors[1:]:
        joined = f"{shape(first)} and {shape(other)}"
        if other.dim() == first.dim() and not -first.dim() <= dim < first.dim():
            message = f"`cat` can't join {joined} along dimension {dim}"
            known = f"dimensions go from 0, the batch, to {first.dim() - 1}"
            return at_argument("shape-mismatch", call, "dim", message, known, related=related)
        pairs = list(zip(first.shape, other.shape, strict=False))
        kept = [pair for axis, pair in enumerate(pairs) if axis != dim % first.dim()]
        if other.dim() != first.dim() or any(a != b for a, b in kept):
            message = f"`cat` along dimension {dim} can't join {joined}"
            help = "dimension 0 is the batch, 1 the channels or features" if dim == 0 else None
            return at_call("shape-mismatch", call, message, help, related=related)
    return None


def unfitting(
    node: Node, name: str, num_positional: int, keywords: Mapping[str, Any], place: Path
) -> Mistake | None:
    """Another number of inputs than a container takes, or a name that it hasn't."""
    last = name.rsplit(".", 1)[-1] or "the model"
    names = node.inputs if isinstance(node, Graph) else ("input",)
    unknown = [key for key in keywords if key not in names]
    if unknown and len(keywords) + num_positional <= len(names):
        message = f"`{last}` has no input `{unknown[0]}`"
        return Mistake(
            "unknown-reference", (*place, unknown[0]), message, *did_you_mean(unknown[0], names), at="key"
        )
    given = len(keywords) + num_positional
    if given == len(names):
        return None
    takes = "one input" if len(names) == 1 else f"{len(names)} inputs"
    help = "`inputs: [x, skip]` beside a `ModuleDict` names several" if len(names) == 1 else None
    return Mistake("wrong-value", place, f"`{last}` takes {takes}, and gets {given}", help)


def unequal(node: Residual, value: Any, result: Any, probe: Probe, help: str | None) -> Mistake | None:
    """A residual whose body gives another shape than what arrives; `help` says how it would be the same."""
    both = isinstance(value, Tensor) and isinstance(result, Tensor)
    if both and all(probe.shape(value, size) == probe.shape(result, size) for size in (BATCH, SECOND)):
        return None
    message = f"`Residual` adds {shape(value)} and what its node gives, {shape(result)}"
    help = help or "a `Parallel` with `merge: add` can have a branch that brings them together"
    at: Literal["key", "value"] = "key"
    return Mistake("shape-mismatch", (*node.path, "Residual"), message, help, at=at)


NOT_OUTSIDE = "what stands in a container has no name outside: `output` beside it gives several results"


def no_part(wire: Source, value: Any, part: str) -> str:
    """A way into a value that isn't there."""
    return f"`{wire.value}` gives {shape(value)}: it has no part `{part}`"


def called_again(mistake: Mistake, name: str, declared: Path, step: Path) -> Mistake:
    """What doesn't fit at a later call of a module: the call is wrong, and the module isn't."""
    if mistake.severity != "error" or mistake.path[: len(declared)] != declared or declared == step:
        return mistake
    related = ((mistake.path, f"`{name}` is made here, and fits its first call"), *mistake.related)
    return replace(mistake, path=(*step, name), at="key", part=None, related=related)


def with_batch_said(mistake: Mistake, call: Call, value: Any) -> Mistake:
    """What a layer says of an input with an axis too many, which is likely the batch."""
    if not isinstance(value, Tensor) or value.dim() - 1 not in call.entry.axes:
        return mistake
    if value.dim() < 5 and not call.name.startswith(SEQUENCES):
        return mistake
    help = f"`{list(value.shape[2:])}` leaves the batch out of the input"
    return replace(mistake, help=f"{help}; {mistake.help}" if mistake.help else help)


def with_sources(mistake: Mistake, made: Sequence[Path | None], given: Sequence[Any]) -> Mistake:
    """A mistake in what arrives, with the places where it comes from."""
    if mistake.related or mistake.code not in ("shape-mismatch", "dtype-mismatch"):
        return mistake
    return replace(mistake, related=sources(made, given))


def stretched(
    call: Call | None,
    path: Path,
    shapes: Sequence[str],
    wide: str | None,
    part: tuple[int, int] | None = None,
) -> Mistake:
    """A warning: the batch of one tensor is set against an axis of one of another."""
    what = "this" if call is None else f"`{call.name}`"
    message = f"{what} sets each sample against every other: {' and '.join(shapes)} differ by an axis of one"
    help = f"`squeeze({wide or 'NAME'}, 1)` takes it away" if call is None else None
    help = help or f"`{{squeeze: 1, from: {wide or 'NAME'}}}` takes it away"
    if call is None:
        return Mistake("shape-mismatch", path, message, help, severity="warning", part=part)
    return at_call("shape-mismatch", call, message, help, severity="warning")


def merges_batch(node: Layer | Function | Expression | Residual) -> Mistake:
    """A warning: the first axis of the result isn't the batch."""
    if isinstance(node, Expression | Residual):
        message = f"this {MERGED}"
        help = "dimensions count the batch as 0"
        return Mistake("shape-mismatch", node.path, message, help, severity="warning")
    call = node.call
    help = "`Flatten` keeps the batch" if call.name == "flatten" else "dimensions count the batch as 0"
    return at_call("shape-mismatch", call, f"`{call.name}` {MERGED}", help, severity="warning")


def of_other_samples(node: Function | Expression) -> Mistake:
    """A warning: what comes out for a sample changes with the others of its batch."""
    message = "gives each sample a value that depends on the others of its batch"
    help = "dimensions count the batch as 0, and without one a function takes all of them"
    if isinstance(node, Expression):
        return Mistake("shape-mismatch", node.path, f"this {message}", help, severity="warning")
    return at_call("shape-mismatch", node.call, f"`{node.call.name}` {message}", help, severity="warning")
