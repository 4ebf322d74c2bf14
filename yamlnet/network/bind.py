"""A function's call, tensors and options in; the positional and keyword arguments that torch takes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake
from yamlnet.network.construct import arguments
from yamlnet.network.words import at_call


def options(call: Call) -> dict[str, Any]:
    """What the file says of a function's options, as Python values.

    What it says as the default goes unsaid: to torch, `max(input, dim, keepdim)` and `max(input, other)` are
    two functions, and even `keepdim: false` would choose one.
    """
    defaults = {name: parameter.default for name, parameter in call.entry.parameters.items()}
    return {name: value for name, value in arguments(call).items() if call.arguments[name] != defaults[name]}


def arrange(
    call: Call, inputs: Sequence[Any], named: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments for these inputs, in order, and these values by name.

    An input goes by its place where its parameter has that place too, else by its name: `index` of
    `gather(input, dim, index)`.
    A function of a list of tensors takes all inputs, or one that is a list; what stands before the tensors
    (`einsum(equation, *operands)`) has no name.
    """
    parameters, tensors, named = list(call.entry.parameters), call.entry.tensors, dict(named)
    if takes_all(call):
        leading = [named.pop(name) for name in parameters[: parameters.index(tensors[0].name)]]
        if leading:
            return (*leading, *inputs), named
        return (list(inputs) if len(inputs) > 1 else inputs[0],), named
    placed = []
    free = (parameter.name for parameter in tensors if parameter.name not in call.arguments)
    for place, (name, value) in enumerate(zip(free, inputs, strict=False)):
        if parameters[place] == name:
            placed.append(value)
        else:
            named[name] = value
    return tuple(placed), named


def takes_all(call: Call) -> bool:
    """Whether it is a function of a list of tensors, such as `cat`."""
    tensors = call.entry.tensors
    return bool(tensors) and tensors[0].role == "tensors"


def with_batch(value: Any, size: Any) -> Any:
    """An option's value, `batch` in it being the size of the batch."""
    if not asks_batch(value):
        return value
    return type(value)(size if item == "batch" else item for item in value)


def asks_batch(value: Any) -> bool:
    """Whether an option's value depends on the size of the batch."""
    return isinstance(value, tuple | list) and "batch" in value


def unfit(call: Call, inputs: Sequence[Any], keywords: Iterable[str]) -> Mistake | None:
    """More tensors than a function takes, or fewer, or others."""
    tensors = call.entry.tensors
    if takes_all(call):
        return _one_of_many(call, inputs)
    free = [p for p in tensors if p.name not in call.arguments]
    named = [p.name for p in free]
    extra = [name for name in keywords if name not in named]
    if extra or len(inputs) > len(free):
        takes = " and ".join(f"`{name}`" for name in named) or "no tensors"
        what = f"`{extra[0]}`" if extra else f"{len(inputs)} tensors"
        return at_call("wrong-value", call, f"`{call.name}` takes {takes} from `from`, and gets {what}")
    filled = {*named[: len(inputs)], *keywords}
    missing = [p.name for p in free if p.required and p.name not in filled]
    if not missing:
        return None
    words = " and ".join(f"`{name}`" for name in missing)
    help = "name its inputs with `from: [a, b]`"
    return at_call("missing-parameter", call, f"`{call.name}` also needs {words}", help)


def _one_of_many(call: Call, inputs: Sequence[Any]) -> Mistake | None:
    """One tensor where there is nothing to join: torch would join the samples of its batch."""
    if call.name == "einsum" or len(inputs) != 1 or isinstance(inputs[0], tuple | list):
        return None
    help = "name its inputs with `from: [a, b]`"
    return at_call("wrong-value", call, f"`{call.name}` takes several tensors, and gets one", help)
