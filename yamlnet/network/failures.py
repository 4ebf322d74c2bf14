"""A call that torch refuses, what arrives at it and torch's words -> the mistake in the user's words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.foreign import is_target, reason
from yamlnet.diagnostics import Mistake, Path, plural
from yamlnet.language.nodes import Expression, Function, Layer, Residual
from yamlnet.language.plain import show
from yamlnet.network import memory
from yamlnet.network.complaints import Said, said, undivided, unfilled
from yamlnet.network.construct import TooManyStepsError
from yamlnet.network.formula import FormulaError
from yamlnet.network.probe import BATCH, MANY, SOME_SIZES, first_line
from yamlnet.network.words import at_argument, at_call, shape, sources

DTYPES = (
    r"same dtype|scalar type|not implemented for '|argument #\d 'indices'|Expected floating"
    r"|index tensor of type|target dtype|type \(.*should be the same"
)
"""What torch says of numbers of the wrong kind."""

RESHAPES: Mapping[str, str] = {"reshape": "shape", "view": "size"}
"""Functions that give numbers another shape, and the parameter that is that shape."""


def failure(
    node: Layer | Function | Expression | Residual,
    given: Sequence[Any],
    error: BaseException,
    text: str,
    made: Sequence[Path | None],
) -> Mistake:
    """Torch's own words about a call, the batch of them called so; `text` has multiples of `MANY` for it."""
    if isinstance(node, Expression):
        return _formula(node, given, error, text, made)
    assert not isinstance(node, Residual)
    call = node.call
    arrives = " and ".join(shape(value) for value in given)
    if re.search(DTYPES, text):
        return _dtypes(call, given, text, made)
    if "can't allocate memory" in text:
        return _unallocated(call, f"`{call.name}` of {arrives}", text)
    wrong = _miscounted(call, given, text)
    if wrong is not None:
        return wrong
    if is_target(call.entry.target) and not isinstance(error, RuntimeError):
        return at_call("wrong-value", call, f"`{call.name}` of {arrives} raises {reason(error)}")
    told = _told(call, given, text)
    message = f"`{call.name}` can't take {arrives}: {told.words}"
    help = told.help or ("dimensions count the batch as 0" if "size of the batch" in text else None)
    return at_argument("shape-mismatch", call, told.parameter, message, help, related=sources(made, given))


def _told(call: Call, given: Sequence[Any], text: str) -> Said:
    """Torch's complaint about a call, in the user's words."""
    asked = call.arguments.get(RESHAPES.get(call.name, ""))
    refused = text == SOME_SIZES or "is invalid for input" in text
    if asked is not None and refused and isinstance(given[0], Tensor):
        told = unfilled(given[0], asked)
        return Said(told.words, RESHAPES[call.name], told.help)
    told = said(without_batch(text), call)
    if call.name == "scaled_dot_product_attention" and len(given) > 2:
        features, length = (given[0].shape[-1], given[1].shape[-1]), (given[1].shape[-2], given[2].shape[-2])
        if features[0] != features[1]:
            return Said("the first has {} features, and the second {}".format(*features))
        if length[0] != length[1]:
            return Said("there are {} keys and {} values".format(*length))
    return told


def without_batch(text: str) -> str:
    """Torch's words with the batch left out of shapes."""
    return re.sub(rf"\[(?:0|{BATCH}|{MANY}), ", "[", text).rstrip(".")


def _miscounted(call: Call, given: Sequence[Any], text: str) -> Mistake | None:
    """Fewer inputs than a layer takes, or more."""
    missing = re.search(r"missing \d+ required positional arguments?: (.*)", text)
    if missing:
        count = len(given) + missing[1].count("'") // 2
        names = ", ".join(f"{taken.name}: NAME" for taken in call.entry.inputs[:count])
        takes = missing[1].replace("'", "`")
        help = f"from: {{{names}}}" if names else None
        return at_call("missing-parameter", call, f"`{call.name}` also takes {takes}", help)
    many = re.search(r"takes (?:from \d+ to )?(\d+) positional arguments? but (\d+)", text)
    if many:
        takes = plural(int(many[1]) - 1, "input")
        return at_call("wrong-value", call, f"`{call.name}` takes {takes}, and gets {int(many[2]) - 1}")
    return None


def _formula(
    node: Expression, given: Sequence[Any], error: BaseException, text: str, made: Sequence[Path | None]
) -> Mistake:
    """What torch says of an operation in an expression, and where in it."""
    part = None
    if isinstance(error, FormulaError):
        part = (error.start, error.end) if node.literal else None
    arrives = " and ".join(
        f"`{name}` is {shape(value)}" for name, value in zip(node.formula.names, given, strict=True)
    )
    if "can't allocate memory" in text:
        return Mistake("too-large", node.path, _asks("this", text), part=part, related=sources(made, given))
    told = said(without_batch(text)).words
    message = f"this can't be worked out: {told}" + (f", where {arrives}" if arrives else "")
    code = "dtype-mismatch" if re.search(DTYPES, text) else "shape-mismatch"
    return Mistake(code, node.path, message, part=part, related=sources(made, given))


def _dtypes(call: Call, given: Sequence[Any], text: str, made: Sequence[Path | None]) -> Mistake:
    types = sorted({_dtype(value) for value in given if isinstance(value, Tensor)})
    integers = bool(re.search("indices|index tensor|Long, Int", text))
    takes = "integers" if integers else "floating-point numbers"
    related = tuple(
        (path, f"gives {_dtype(value)}")
        for path, value in zip(made, given, strict=False)
        if path and isinstance(value, Tensor)
    )
    message = f"`{call.name}` takes {takes}, and {' and '.join(types)} arrives"
    return at_call("dtype-mismatch", call, message, _dtype_help(integers, given, related), related=related)


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _dtype_help(integers: bool, given: Sequence[Any], related: Sequence[tuple[Path, str]]) -> str | None:
    """How an input is declared otherwise, or turned into what is taken."""
    path: Path = related[0][0] if len(related) == 1 else ()
    declared = path[:2] == ("model", "input") or path[1:2] == ("inputs",)
    if integers:
        sizes = show(list(given[0].shape[1:])) if declared else "[...]"
        return f"declare the input's dtype: `{{shape: {sizes}, dtype: int64}}`" if declared else None
    if declared and any(isinstance(value, Tensor) and _dtype(value) in ("uint8", "bool") for value in given):
        return "images arrive as float32, which is an input's dtype where none is said"
    return "`Embedding` turns integers into vectors"


def refused(call: Call, error: BaseException | None, arguments: Mapping[str, Any]) -> Mistake:
    """Arguments that torch refuses when the module is made; those that it names are shown."""
    if error is not None and is_target(call.entry.target):
        return at_call("wrong-value", call, f"`{call.name}` can't be made: {reason(error)}")
    divided = undivided(call, arguments)
    if divided is not None:
        return at_argument("wrong-value", call, divided.parameter, divided.words, divided.help)
    text = first_line(error)
    if isinstance(error, TooManyStepsError):
        words = f"`{call.name}` has too many parts: {text}"
        return at_call("too-large", call, words, "`repeat` makes copies")
    if re.search("size calculation overflowed|can't allocate memory", text):
        return _unallocated(call, f"`{call.name}`", text)
    named = [n for n, value in arguments.items() if re.search(rf"\b{n}\b", text) and str(value) not in text]
    values = " and ".join(f"`{name}` is {show(arguments[name])}" for name in named)
    told = said(text, call)
    words = told.words + (f", but {values}" if values and told.parameter is None else "")
    message = f"`{call.name}` can't be made: {words}"
    return at_argument("wrong-value", call, told.parameter, message, told.help)


def _unallocated(call: Call, what: str, text: str) -> Mistake:
    """More memory than torch could have, as it says itself."""
    return at_call("too-large", call, _asks(what, text))


def _asks(what: str, text: str) -> str:
    asked = re.search(r"allocate (\d+) bytes", text)
    takes = f"{memory.size(int(asked[1]))} at once" if asked else "more bytes than can be counted"
    return f"{what} takes {takes}, and this machine has {memory.size(memory.machine())} of memory"
