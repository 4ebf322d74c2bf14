"""A value of a network -> the scale that its numbers are on, and the call that puts them there.

The calls that lead to the value run once more, the last first, and torch's own operations are looked at: so
it makes no difference whether a layer, a function, an expression or a part of a model applies a softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from yamlnet.catalog.scales import Scale
from yamlnet.diagnostics import Path
from yamlnet.network.found import Shapes
from yamlnet.network.journal import Row
from yamlnet.network.probe import BATCH

GIVES: Mapping[str, Scale] = {
    **dict.fromkeys(("linear", "addmm", "mm", "bmm", "baddbmm", "matmul", "convolution"), Scale.ANY),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "layer_norm", "native_layer_norm"), Scale.ANY),
    **dict.fromkeys(("relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"), Scale.ACTIVATED),
    **dict.fromkeys(("tanh", "_prelu_kernel", "hardswish"), Scale.ACTIVATED),
    **dict.fromkeys(("sigmoid", "hardsigmoid"), Scale.SHARES),
    **dict.fromkeys(("_softmax", "softmax"), Scale.PROBABILITIES),
    **dict.fromkeys(("_log_softmax", "log_softmax", "log_sigmoid_forward"), Scale.LOGARITHMS),
}
"""Operations after which the scale is known, whatever arrives."""

KEEPS = frozenset(
    """
    view reshape flatten unflatten _unsafe_view _reshape_alias permute transpose t squeeze unsqueeze
    select slice expand alias detach clone _to_copy contiguous copy lift_fresh dropout native_dropout
    split split_with_sizes chunk unbind index index_select gather mean flip roll
    avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_linear1d upsample_bilinear2d upsample_trilinear3d
    """.split()
)
"""Operations that leave numbers on the scale that they are on."""

TINY = 1e-3
"""Less than this is added to keep a logarithm finite."""


@dataclass(frozen=True)
class Put:
    """A scale that numbers were put on, in which module of a larger one."""

    scale: Scale
    module: str = ""
    word: str = ""


Known = Put | int
"""A scale; or the number of the input that the numbers come from unchanged."""


@dataclass(frozen=True)
class Found:
    """A scale, and what puts numbers on it: the word and place of a call, a module within it.

    There is no place where the asking expression does.
    """

    scale: Scale
    word: str
    path: Path | None
    module: str = ""


class Scales:
    """Finds the scales of the values of one network."""

    def __init__(self, shapes: Shapes) -> None:
        self.probe = shapes.probe
        self.rows: dict[int, tuple[Row, int]] = {}
        for row in shapes.rows:
            for place, leaf in enumerate(_tensors(row.output)):
                self.rows.setdefault(id(leaf), (row, place))

    def of(self, value: Any) -> Found | None:
        """The scale of a value that the judge found; None where it isn't known."""
        while id(value) in self.rows:
            row, place = self.rows[id(value)]
            if row.called is None:
                return None
            inputs = _tensors((list(row.inputs), dict(row.keywords)))
            known = self._known(row.called, row.inputs, row.keywords, place)
            if isinstance(known, Put):
                return Found(known.scale, known.word or row.type, row.path, known.module)
            if known is None:
                return None
            value = inputs[known]
        return None

    def of_result(self, called: Callable[..., Any], values: Sequence[Any]) -> Found | None:
        """The scale of what a function gives for such values."""
        known = self._known(called, values, {}, 0)
        if isinstance(known, int):
            return self.of(_tensors(list(values))[known])
        return None if known is None else Found(known.scale, "expr", None)

    def _known(
        self, called: Callable[..., Any], values: Sequence[Any], keywords: Mapping[str, Any], place: int
    ) -> Known | None:
        inputs = _tensors((list(values), dict(keywords)))

        def arriving(number: int) -> Scale | None:
            found = self.of(inputs[number])
            return None if found is None else found.scale

        for size in (0, BATCH):
            following = _Following(arriving)

            def run(*values: Any, following: _Following = following, **named: Any) -> Any:
                following.begin(_tensors((list(values), dict(named))))
                with following, _entered(called, following):
                    return called(*values, **named)

            answer = self.probe.at(size, run, values, keywords)
            given = _tensors(answer.value)
            if answer.error is None and place < len(given):
                return following.of(given[place])
        return None


@contextmanager
def _entered(called: Callable[..., Any], following: _Following) -> Iterator[None]:
    """Keeps track of which module of a larger one runs."""
    inner = list(called.named_modules())[1:] if isinstance(called, nn.Module) else []
    hooks = []
    for name, module in inner:
        word = type(module).__name__
        hooks.append(module.register_forward_pre_hook(partial(following.enter, name, word)))
        hooks.append(module.register_forward_hook(following.leave))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Following(TorchDispatchMode):
    """Notes what is known of every tensor that operations give; each is kept, so that its id stays its own.

    `arriving` gives the scale of the input of that number.
    """

    def __init__(self, arriving: Callable[[int], Scale | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arriving = arriving
        self.known: dict[int, tuple[Tensor, Known]] = {}
        self.inside: list[tuple[str, str]] = [("", "")]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No, or torch imports dynamo, which takes a second; nothing is compiled here."""
        return False

    def begin(self, inputs: Sequence[Tensor]) -> None:
        """Numbers the tensors that arrive."""
        self.known = {id(tensor): (tensor, number) for number, tensor in enumerate(inputs)}

    def of(self, tensor: Tensor) -> Known | None:
        """What is known of a tensor."""
        return self.known.get(id(tensor), (tensor, None))[1]

    def enter(self, name: str, word: str, module: nn.Module, inputs: Any) -> None:
        """A module of a larger one begins to run."""
        self.inside.append((name, word))

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """It has run."""
        self.inside.pop()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        known = self._after(func.overloadpacket.__name__.rstrip("_"), args)
        for tensor in _tensors(result):
            self.known.pop(id(tensor), None)
            if isinstance(known, Scale):
                self.known[id(tensor)] = tensor, Put(known, *self.inside[-1])
            elif known is not None:
                self.known[id(tensor)] = tensor, known
        return result

    def _scale(self, known: Known | None) -> Scale | None:
        if isinstance(known, int):
            return self.arriving(known)
        return None if known is None else known.scale

    def _after(self, operation: str, args: tuple[Any, ...]) -> Scale | Known | None:
        arrive = [self.of(tensor) for tensor in _tensors(list(args))]
        first = arrive[0] if arrive else None
        match operation:
            case "clamp" | "hardtanh":
                if _between_0_and_1(operation, args[1:3]):
                    return Scale.SHARES
                return first if self._scale(first) not in (Scale.ANY, Scale.ACTIVATED, None) else None
            case "log":
                normalised = self._scale(first) in (Scale.PROBABILITIES, Scale.SHARES)
                return Scale.LOGARITHMS if normalised else None
            case "add":
                number = args[1] if len(args) > 1 and isinstance(args[1], int | float) else None
                return first if number is not None and abs(number) <= TINY else None
            case "cat" | "stack":
                return first if len(set(arrive)) == 1 else None
        return GIVES.get(operation) or (first if operation in KEEPS else None)


def _between_0_and_1(operation: str, said: tuple[Any, ...]) -> bool:
    """Whether nothing is left outside; a bound of `hardtanh` that is its default goes unsaid."""
    defaults = (-1, 1)[len(said) :] if operation == "hardtanh" else ()
    bounds = [bound for bound in (*said, *defaults) if isinstance(bound, int | float)]
    return len(bounds) == 2 and 0 <= bounds[0] <= bounds[1] <= 1


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
