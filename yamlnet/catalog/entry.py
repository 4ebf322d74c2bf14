"""One name that a file may use: its parameters with types and defaults, and what is inferred for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

Kind = Literal[
    "module",
    "function",
    "loss",
    "metric",
    "optimizer",
    "scheduler",
    "init",
    "dataset",
    "field",
    "transform",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Required:
    """The default of a parameter that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = Required()


@dataclass(frozen=True)
class Inferred:
    """Where an unsaid size comes from: axis `axis` of the call's `input`-th tensor, batch counted as axis 0.

    Without an axis it is the number of categories that the tensor's values are of. `form` says how the size
    is written: the number itself (`int`), or a tuple of one (`tuple`). `only_if_different` leaves the
    parameter out where the size equals the one inferred for that parameter.
    """

    axis: int | None
    input: int = 0
    form: Literal["int", "tuple"] = "int"
    only_if_different: str | None = None


@dataclass(frozen=True)
class Parameter:
    """One parameter: `type` is an expression of `types.py`, `default` is `REQUIRED` where there is none.

    `role` tells an option, which the file writes, from a tensor, which `from` brings; `either` may be both.
    `supplied` marks what yamlnet fills in itself (`params`, `optimizer`) and a file never writes.
    `keyword_only` parameters are never the positional argument. The bounds hold for each number of a list.
    """

    name: str
    type: str
    default: Any = REQUIRED
    role: Literal["option", "tensor", "tensors", "either"] = "option"
    inferred: Inferred | None = None
    supplied: bool = False
    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    exclusive_maximum: float | None = None
    keyword_only: bool = False

    @property
    def required(self) -> bool:
        """Whether a call must say it (an inferred size need not be said)."""
        return self.default is REQUIRED and self.inferred is None and not self.supplied


@dataclass(frozen=True)
class Entry:
    """A class or function of the catalogue.

    `target` is the dotted path of what is called (`torch.nn.Conv2d`, `torch.Tensor.permute`), empty for
    what yamlnet itself provides. `axes` is the number of axes a batched input must have, the batch
    included, where torch would silently take another number for an unbatched input. `inputs` are what a
    module's forward takes, apart from `parameters` because a name may be in both. `rising` says of a metric
    whether higher is better, None where neither is; `most` what it is at most, None where that isn't known.
    """

    name: str
    kind: Kind
    target: str
    parameters: Mapping[str, Parameter]
    summary: str = ""
    axes: tuple[int, ...] = ()
    inputs: tuple[Parameter, ...] = ()
    rising: bool | None = None
    most: float | None = None

    @cached_property
    def options(self) -> Mapping[str, Parameter]:
        """What the file may write."""
        return {
            name: p
            for name, p in self.parameters.items()
            if not p.supplied and p.role in ("option", "either")
        }

    @cached_property
    def tensors(self) -> tuple[Parameter, ...]:
        """The inputs that `from` brings, in order."""
        return (*self.inputs, *(p for p in self.parameters.values() if p.role != "option"))

    @cached_property
    def positional(self) -> Parameter | None:
        """The parameter that the positional argument goes to.

        The first required one that isn't inferred; where none is required, PyTorch's first.
        """
        options = [p for p in self.options.values() if not p.keyword_only]
        for parameter in options:
            if parameter.required and parameter.role == "option":
                return parameter
        return options[0] if options else None


@dataclass(frozen=True)
class Call:
    """A call of the file, resolved: the catalogue's entry and the arguments by parameter name.

    `arguments` holds what the file says, as plain YAML values; what it leaves out has the entry's default
    or is inferred. `path` leads to the call in the document; `argument_path` to one argument. `places` are
    those of arguments that the file writes elsewhere.
    """

    entry: Entry
    arguments: Mapping[str, Any]
    path: tuple[str | int, ...]
    positional: str | None = None
    places: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.entry.name

    def argument_path(self, parameter: str) -> tuple[str | int, ...]:
        """The path of an argument's value; of the whole call where the file doesn't say it."""
        if parameter == self.positional:
            return self.path
        if parameter in self.places:
            return self.places[parameter]
        return (*self.path, parameter) if parameter in self.arguments else self.path

    def with_defaults(self) -> dict[str, Any]:
        """Every argument that is said or has a default, in the entry's order."""
        return {
            name: self.arguments.get(name, p.default)
            for name, p in self.entry.options.items()
            if name in self.arguments or p.default is not REQUIRED
        }
