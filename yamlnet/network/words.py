"""What doesn't fit, said in the user's words: before torch is asked, or from what torch answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

from yamlnet.catalog.entry import Call, Entry, Inferred, Parameter
from yamlnet.catalog.foreign import is_target, reason
from yamlnet.diagnostics import Mistake, Path, did_you_mean, plural
from yamlnet.language.calls import name_place, show
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.nodes import Expression, Function, Graph, Layer, Node, Residual, Source, Tensors
from yamlnet.network import memory
from yamlnet.network.construct import TooManyStepsError
from yamlnet.network.formula import FormulaError
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

DTYPES = (
    r"same dtype|scalar type|not implemented for '|argument #\d 'indices'|Expected floating"
    r"|index tensor of type"
)
"""What torch says of numbers of the wrong kind."""

COMPLAINTS: Mapping[str, str] = {
    r"padded input size per channel: \(([^)]*)\)\. Kernel size: \(([^)]*)\)": (
        "a kernel of {1} is larger than the padded input of {0}"
    ),
    r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)": (
        "{0} features arrive, and {1} are taken"
    ),
    r"Calculated output size: \(([^)]*)\)": "its output would be {0}",
    r"shape '(\[[^]]*\])' is invalid for input of size": "it doesn't fill the shape {0}",
    r"first two dimensions of batch2 tensor to be: \[(?:\d+, )?(\d+)\] but got: \[(?:\d+, )?(\d+)\]": (
        "the second needs {0} rows, and has {1}"
    ),
    r"key shape torch\.Size\(\[(\d+), .* value shape torch\.Size\(\[(\d+), ": (
        "there are {0} keys and {1} values"
    ),
    r"parameter '(\w+)' expected value (.*) but got .* instead": "its weights need `{0}: {1}`",
    r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'": "`{0}` takes no `{1}`",
    r"Couldn't load custom C\+\+ ops": (
        "torchvision was built for another release of torch than the installed one"
    ),
}
"""What torch says, as a pattern, and the same in fewer words."""


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
    elif said == size:
        return None
    message = (
        f"`{parameter.name}` of `{call.name}` is {show(said)}, but {show(arrives)} arrive in {shape(value)}"
    )
    help = f"write {show(arrives)}, or leave `{parameter.name}` out: it is inferred"
    path = call.argument_path(parameter.name)
    return Mistake("shape-mismatch", path, message, help, show(arrives))


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
    if rule.input >= len(given):
        number = ("first", "second", "third", "fourth")[rule.input]
        message = f"`{call.name}` takes a {number} input, and gets {len(given)}"
        return at_call("missing-parameter", call, message, "name its inputs with `from: [a, b]`")
    message = f"`{call.name}` takes {_wanted(rule)}, and {shape(given[rule.input])} arrives"
    return at_call("shape-mismatch", call, message)


def of_batch(call: Call, parameter: Parameter) -> Mistake:
    """A size that would follow from an axis that the batch is part of."""
    message = f"`{parameter.name}` of `{call.name}` would depend on the size of the batch"
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
    related = tuple((path, f"gives {shape(value)}") for path, value in zip(made, given, strict=False) if path)
    tensors = [value for value in given if isinstance(value, Tensor)]
    if len(tensors) < len(given) and not any(p.role == "tensors" for p in call.entry.tensors):
        return _no_tensor(call, next(value for value in given if not isinstance(value, Tensor)))
    if call.entry.axes:
        return before_layer(call, given)
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
    dim = call.arguments.get("dim", 0)
    first = tensors[0]
    for other in tensors[1:]:
        if other.dim() != first.dim() or not isinstance(dim, int) or not -first.dim() <= dim < first.dim():
            fits = False
        else:
            axis = dim % first.dim()
            fits = all(
                a == b for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)) if i != axis
            )
        if not fits:
            message = f"`cat` along dimension {dim} can't join {shape(first)} and {shape(other)}"
            help = "dimension 0 is the batch, 1 the channels or features" if dim == 0 else None
            return at_call("shape-mismatch", call, message, help, related=related)
    return None


def failure(
    node: Layer | Function | Expression | Residual,
    given: Sequence[Any],
    error: BaseException,
    made: Sequence[Path | None],
) -> Mistake:
    """Torch's own words about a call, the checker's batch left out."""
    if isinstance(node, Expression):
        return _formula(node, given, error, made)
    assert not isinstance(node, Residual)
    call = node.call
    text = str(error).strip().split("\n")[0] or type(error).__name__
    arrives = " and ".join(shape(value) for value in given)
    if re.search(DTYPES, text):
        return _dtypes(call, given, text)
    if "can't allocate memory" in text:
        return _unallocated(call, f"`{call.name}` of {arrives}", text)
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
    if is_target(call.entry.target) and not isinstance(error, RuntimeError):
        return at_call("wrong-value", call, f"`{call.name}` of {arrives} raises {reason(error)}")
    help = "dimensions count the batch as 0" if "size of the batch" in text else None
    text = rephrased(re.sub(rf"\[(?:0|{BATCH}), ", "[", text).rstrip("."))
    related = tuple((path, f"gives {shape(value)}") for path, value in zip(made, given, strict=False) if path)
    return at_call(
        "shape-mismatch", call, f"`{call.name}` can't take {arrives}: {text}", help, related=related
    )


def _formula(
    node: Expression, given: Sequence[Any], error: BaseException, made: Sequence[Path | None]
) -> Mistake:
    """What torch says of an operation in an expression, and where in it."""
    part = None
    if isinstance(error, FormulaError):
        part = (error.start, error.end) if node.literal else None
        error = error.error
    text = str(error).strip().split("\n")[0] or type(error).__name__
    arrives = " and ".join(
        f"`{name}` is {shape(value)}" for name, value in zip(node.formula.names, given, strict=True)
    )
    said = rephrased(re.sub(rf"\[(?:0|{BATCH}), ", "[", text).rstrip("."))
    message = f"this can't be worked out: {said}" + (f", where {arrives}" if arrives else "")
    code = "dtype-mismatch" if re.search(DTYPES, text) else "shape-mismatch"
    related = tuple((path, f"gives {shape(value)}") for path, value in zip(made, given, strict=False) if path)
    return Mistake(code, node.path, message, part=part, related=related)


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


def unequal(node: Residual, value: Any, result: Any, probe: Probe) -> Mistake | None:
    """A residual whose body gives another shape than what arrives."""
    both = isinstance(value, Tensor) and isinstance(result, Tensor)
    if both and all(probe.shape(value, size) == probe.shape(result, size) for size in (BATCH, SECOND)):
        return None
    message = f"`Residual` adds {shape(value)} and what its node gives, {shape(result)}"
    help = "a `Parallel` with `merge: add` can have a branch that brings them together"
    at: Literal["key", "value"] = "key"
    return Mistake("shape-mismatch", (*node.path, "Residual"), message, help, at=at)


def no_part(wire: Source, value: Any, part: str) -> str:
    """A way into a value that isn't there."""
    return f"`{wire.value}` gives {shape(value)}: it has no part `{part}`"


def rephrased(text: str) -> str:
    """Torch's complaint as a part of a sentence."""
    for pattern, words in COMPLAINTS.items():
        match = re.search(pattern, text)
        if match:
            return words.format(*match.groups())
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _dtypes(call: Call, given: Sequence[Any], text: str) -> Mistake:
    types = sorted({str(v.dtype).removeprefix("torch.") for v in given if isinstance(v, Tensor)})
    takes = "integers" if re.search("indices|index tensor|Long, Int", text) else "floating-point numbers"
    message = f"`{call.name}` takes {takes}, and {' and '.join(types)} arrives"
    return at_call("dtype-mismatch", call, message, _dtype_help(takes))


def _dtype_help(takes: str) -> str:
    if takes == "integers":
        return "declare the input's dtype: `input: {shape: [...], dtype: int64}`"
    return "`Embedding` turns integers into vectors"


def _unallocated(call: Call, what: str, text: str) -> Mistake:
    """More memory than torch could have, as it says itself."""
    asked = re.search(r"allocate (\d+) bytes", text)
    takes = f"{size(int(asked[1]))} at once" if asked else "more bytes than can be counted"
    message = f"{what} takes {takes}, and this machine has {size(memory.machine())} of memory"
    return at_call("too-large", call, message)


def refused(call: Call, error: BaseException | None, arguments: Mapping[str, Any]) -> Mistake:
    """Arguments that torch refuses when the module is made; those that it names are shown."""
    if error is not None and is_target(call.entry.target):
        return at_call("wrong-value", call, f"`{call.name}` can't be made: {reason(error)}")
    text = str(error).strip().split("\n")[0] or type(error).__name__
    if isinstance(error, TooManyStepsError):
        return at_call(
            "too-large", call, f"`{call.name}` has too many parts: {text}", "`repeat` makes copies"
        )
    if re.search("size calculation overflowed|can't allocate memory", text):
        return _unallocated(call, f"`{call.name}`", text)
    named = [n for n, value in arguments.items() if re.search(rf"\b{n}\b", text) and str(value) not in text]
    values = " and ".join(f"`{name}` is {show(arguments[name])}" for name in named)
    words = rephrased(text.rstrip(".")) + (f", but {values}" if values else "")
    return at_call("wrong-value", call, f"`{call.name}` can't be made: {words}")


def merges_batch(node: Layer | Function | Expression | Residual) -> Mistake:
    """A warning: the first axis of the result isn't the batch."""
    if isinstance(node, Expression | Residual):
        message = "this mixes the samples of a batch"
        help = "dimensions count the batch as 0"
        return Mistake("shape-mismatch", node.path, message, help, severity="warning")
    call = node.call
    help = "`Flatten` keeps the batch" if call.name == "flatten" else "dimensions count the batch as 0"
    return at_call(
        "shape-mismatch", call, f"`{call.name}` mixes the samples of a batch", help, severity="warning"
    )
