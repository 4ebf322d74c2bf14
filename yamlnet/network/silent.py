"""A call and the batch it takes -> a warning of what torch does there without a word, and nobody means."""

from __future__ import annotations

from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Mistake
from yamlnet.language.expressions import UNKNOWN
from yamlnet.network.words import at_argument, shape

SUMS_TO_ONE = frozenset(
    {"Softmax", "Softmin", "LogSoftmax", "softmax", "softmin", "log_softmax", "gumbel_softmax"}
)
RECURRENT = frozenset({"RNN", "LSTM", "GRU"})


def silent(call: Call, value: Tensor) -> Mistake | None:
    """The warning, where there is one."""
    if call.name in RECURRENT:
        return _drops_nothing(call)
    if call.name in SUMS_TO_ONE:
        return _over_samples(call, value)
    return None


def _over_samples(call: Call, value: Tensor) -> Mistake | None:
    """Numbers that sum to one over the samples of a batch, of three axes torch takes the first; or alone."""
    default = -1 if call.name == "gumbel_softmax" else 0 if value.dim() == 3 else 1
    dim = call.arguments.get("dim")
    axis = default if dim is None else dim
    if axis is UNKNOWN or not -value.dim() <= axis < value.dim():
        return None
    if value.shape[axis] == 1:
        constant = "0" if "log" in call.name.lower() else "1"
        message = f"`{call.name}` over an axis of one gives {constant}, whatever arrives in {shape(value)}"
        help = "`Sigmoid` is for one number"
        return at_argument("shape-mismatch", call, "dim", message, help, severity="warning")
    if axis not in (0, -value.dim()):
        return None
    message = f"`{call.name}` compares the samples of a batch with each other in {shape(value)}"
    help = f"`{call.name}: -1` is over the last axis" + ("" if dim is None else "; the batch is axis 0")
    return at_argument("shape-mismatch", call, "dim", message, help, severity="warning")


def _drops_nothing(call: Call) -> Mistake | None:
    """Dropout between the layers of a recurrent network that has one."""
    dropout, layers = call.arguments.get("dropout", 0), call.arguments.get("num_layers", 1)
    if layers != 1 or not isinstance(dropout, int | float) or not dropout:
        return None
    message = f"`dropout` of `{call.name}` drops nothing: it works between layers, and there is one"
    help = "`num_layers: 2`, or a `Dropout` after it"
    return at_argument("wrong-value", call, "dropout", message, help, severity="warning")
