"""A module or function and empty inputs -> the empty output, or torch's error: torch is the judge of shapes.

Real CPU kernels run on a batch of nothing: that costs microseconds and no memory, and refuses what a real
batch would be refused for. Where a kernel has no answer for an empty batch, takes one too leniently, or gives
something whose first axis isn't the batch, small real batches of two sizes decide.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from yamlnet.catalog import functions

BATCH = 7
"""The size of the small real batch: odd, and seldom a size of a network."""

SECOND = 2
"""The size of the second one: what only fits one batch size fits no network."""

OTHER = 11
"""A third one, for telling which numbers of a complaint follow the batch."""

MANY = 10**9
"""The batch in a complaint, told by a number that no network has."""

SOME_SIZES = "it works for some sizes of the batch, and not for others"

MAX_ELEMENTS = 2**24
COSTLY = (
    *("Conv", "Linear", "Bilinear", "LSTM", "GRU", "RNN", "Transformer"),
    *("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool"),
    *("conv", "linear", "bilinear", "torchvision."),
)
"""Names (their beginnings) whose kernels judge an empty batch rightly, and take long on a real one."""

LENIENT = ("BatchNorm", "SyncBatchNorm", "InstanceNorm", "GLU", "Pixel")
"""Names (their beginnings) of layers that take an empty batch where they refuse or reshape a real one."""

ELEMENTWISE = frozenset(
    [*functions.ARITHMETIC, *functions.ELEMENTWISE, "relu", "gelu", "silu", "sigmoid", "tanh"]
)
"""Functions that keep the shape of values of one shape."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs torch on one thread: tiny tensors wait long for a second one where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def own_random_state() -> Iterator[None]:
    """One thread, because the QR of orthogonal weights has other bits with two; random state restored."""
    state = torch.get_rng_state()
    try:
        with one_thread():
            yield
    finally:
        torch.set_rng_state(state)


@dataclass(frozen=True)
class Answer:
    """What came out, batch 0; or the error. `merges` tells a result that no axis of is the batch."""

    value: Any = None
    error: BaseException | None = None
    merges: bool = False


class Probe:
    """Runs calls, and remembers the values whose shape isn't the batch and then fixed sizes.

    `size` is the batch size of the run in progress, which shapes given to functions may ask for.
    """

    def __init__(self) -> None:
        self.size = 0
        self._mixed: dict[int, tuple[Tensor, Mapping[int, torch.Size]]] = {}

    def plain(self, value: Any) -> bool:
        """Whether a value is a tensor of the batch and then fixed sizes."""
        return (
            isinstance(value, Tensor)
            and value.dim() > 0
            and value.shape[0] == 0
            and id(value) not in self._mixed
        )

    def shape(self, tensor: Tensor, size: int) -> torch.Size:
        """A value's shape for a batch of this size."""
        if id(tensor) in self._mixed:
            shapes = self._mixed[id(tensor)][1]
            return _between(shapes[SECOND], shapes[BATCH], size)
        return torch.Size((size, *tensor.shape[1:])) if self.plain(tensor) else tensor.shape

    def axis(self, tensor: Tensor, axis: int) -> int | None:
        """The size of an axis, None where there is no such axis or it depends on the batch."""
        if not -tensor.dim() <= axis < tensor.dim():
            return None
        first, second = self.shape(tensor, BATCH)[axis], self.shape(tensor, SECOND)[axis]
        return first if first == second else None

    def run(
        self, called: Callable[..., Any], name: str, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Answer:
        """Runs a module in evaluation mode, or a function, on inputs of batch 0."""
        given = _tensors([*inputs, *keywords.values()])
        mixed = any(id(tensor) in self._mixed for tensor in given)
        empty = self.at(0, called, inputs, keywords)
        if empty.error is None and not (mixed and self.affordable(given)):
            outputs = _tensors(empty.value)
            if name.startswith(COSTLY) or not self.affordable([*given, *outputs]):
                for tensor in outputs:
                    self._remember(tensor, *(_filled(tensor.shape, size) for size in (BATCH, SECOND)))
                return empty
            if self._keeps(called, name, [*given, *outputs]) and (
                not name.startswith(LENIENT)
                or self._as_foreseen(empty, self.at(SECOND, called, inputs, keywords), SECOND)
            ):
                return empty
        real = self.at(BATCH, called, inputs, keywords)
        if real.error is not None:
            return real
        if empty.error is None and not mixed and self._as_foreseen(empty, real, BATCH):
            return empty
        second = self.at(SECOND, called, inputs, keywords)
        return second if second.error is not None else self.joined(real.value, second.value, given)

    def complaint(
        self,
        called: Callable[..., Any],
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
        error: BaseException,
    ) -> str:
        """What an error says: the first line, numbers that follow the batch told as multiples of `MANY`."""
        given = _tensors([*inputs, *keywords.values()])
        if not self.affordable(given) or any(tensor.is_meta for tensor in given):
            return first_line(error)
        errors = [self.at(size, called, inputs, keywords).error for size in (BATCH, OTHER)]
        if None in errors:
            return SOME_SIZES
        return _with_many(*map(first_line, errors)) or first_line(error)

    def at(
        self, size: int, called: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Answer:
        """Runs a call on zeros of this batch size."""
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            try:
                given, named = self.batch(size, inputs, keywords)
                return Answer(called(*given, **named))
            except (Exception, SystemExit) as error:  # whatever is raised here is a judgement
                return Answer(error=error)

    def batch(
        self, size: int, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """A call's inputs as zeros of this batch size."""
        self.size = size
        given = tree_map(lambda value: self._zeros(value, size), [list(inputs), dict(keywords)])
        return given[0], given[1]

    def _zeros(self, value: Any, size: int) -> Any:
        if not isinstance(value, Tensor) or value.is_meta:
            return value
        return torch.zeros(self.shape(value, size), dtype=value.dtype)

    def affordable(self, tensors: Sequence[Tensor]) -> bool:
        """Whether real batches of tensors are small enough to run anything on."""
        return sum(self.shape(tensor, BATCH).numel() for tensor in tensors) <= MAX_ELEMENTS

    def _keeps(self, called: Callable[..., Any], name: str, tensors: Sequence[Tensor]) -> bool:
        """Whether a call that torch knows gave an empty batch of the shape that it took."""
        if not all(map(self.plain, tensors)) or len({tensor.shape for tensor in tensors}) != 1:
            return False
        return name in ELEMENTWISE or type(called).__module__.startswith("torch.nn.modules.")

    def _as_foreseen(self, empty: Answer, real: Answer, size: int) -> bool:
        """Whether a real batch of this size gave what an empty one promised: the batch, then fixed sizes."""
        promised = _tensors(empty.value)
        shapes = [self.shape(tensor, size) for tensor in promised]
        given = [tensor.shape for tensor in _tensors(real.value)]
        return real.error is None and shapes == given and all(map(self.plain, promised))

    def joined(self, first: Any, second: Any, given: Sequence[Tensor]) -> Answer:
        """The empty value of what two batch sizes gave."""
        (some, form), (others, other_form) = tree_flatten(first), tree_flatten(second)
        if form != other_form:
            return Answer(error=ValueError("what it gives depends on the size of the batch"))
        values = []
        for one, other in zip(some, others, strict=True):
            if isinstance(one, Tensor):
                value = one.new_empty(_between(other.shape, one.shape, 0))
                self._remember(value, one.shape, other.shape)
                values.append(value)
            else:
                values.append(one)
        kept = [self.has_batch(tensor) for tensor in _tensors(values)]
        merges = not any(kept[:1]) and any(map(self.has_batch, given))
        return Answer(tree_unflatten(values, form), merges=merges)

    def has_batch(self, tensor: Tensor) -> bool:
        """Whether one of a value's axes is the batch."""
        return (BATCH, SECOND) in zip(self.shape(tensor, BATCH), self.shape(tensor, SECOND), strict=True)

    def _remember(self, tensor: Tensor, shape: torch.Size, second: torch.Size) -> None:
        if (shape, second) != (self.shape(tensor, BATCH), self.shape(tensor, SECOND)):
            self._mixed[id(tensor)] = tensor, {BATCH: shape, SECOND: second}


def first_line(error: BaseException | None) -> str:
    """What torch says in short."""
    return (str(error).strip().split("\n")[0] or type(error).__name__) if error is not None else ""


def _with_many(text: str, other: str) -> str:
    """The text with `MANY` for the batch, where another one gave another number; none if words differ."""
    parts, others = (re.split(r"(\d+)", line) for line in (text, other))
    if parts[::2] != others[::2]:
        return ""
    pairs = zip(parts, others, strict=True)
    return "".join(one if one == two else str(int(one) * MANY // BATCH) for one, two in pairs)


def _between(second: torch.Size, first: torch.Size, size: int) -> torch.Size:
    """The shape for a batch of `size`, from those of the two real ones: sizes grow evenly with the batch."""
    return torch.Size(
        max(0, b + (a - b) * (size - SECOND) // (BATCH - SECOND)) for a, b in zip(first, second, strict=True)
    )


def _filled(shape: torch.Size, size: int) -> torch.Size:
    return torch.Size(size if axis == 0 else axis for axis in shape)


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
