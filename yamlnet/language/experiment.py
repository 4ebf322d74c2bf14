"""The whole document as frozen, validated sections: what every later phase reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    NonNegativeInt,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from yamlnet.catalog.entry import Call
from yamlnet.diagnostics import Path
from yamlnet.language.nodes import Expression, Model


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class AsIs:
    """A value that is an instance of its class already, and isn't looked into.

    `pydantic.InstanceOf` says the same, and takes a schema of all that the class holds.
    """

    @staticmethod
    def __get_pydantic_core_schema__(source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.is_instance_schema(source)


ACall = Annotated[Call, AsIs]


def _counted(value: object) -> object:
    """A whole float as a count, but for 1.0: that is a share, and leaves nothing."""
    return value if value == 1.0 else _whole(value)


MAX_COUNT = 2**53
"""More than anyone counts, and still a number of its own as a float."""

Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=1, lt=MAX_COUNT), BeforeValidator(_whole)]
Part = Annotated[float, Field(gt=0, lt=1)] | Annotated[int, Field(ge=1), BeforeValidator(_counted)]
"""A share of the samples, or a count of them."""

Patterns = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]),
    Field(strict=False),
]
Calls = Annotated[tuple[ACall, ...], Field(strict=False)]

SIZE = r"^\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([kKMGT]i?)?B\s*$"
"""A number of bytes with its unit: `4 GB`, `512 MiB`."""


def _bytes(value: object) -> object:
    """A size in words as a number of bytes: `kB MB GB TB` are powers of 1000, with an `i` of 1024."""
    found = re.match(SIZE, value) if isinstance(value, str) else None
    if found is None:
        return _whole(value)
    number, prefix = found.groups(default="")
    unit = 1024 if prefix.endswith("i") else 1000
    return int(float(number) * unit ** " KMGT".index(prefix[:1].upper() or " "))


Bytes = Annotated[
    int,
    Field(ge=0),
    BeforeValidator(_bytes, json_schema_input_type=NonNegativeInt | Annotated[str, Field(pattern=SIZE)]),
]
"""A number of bytes, or a text such as `4 GB`."""
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda|cuda:\d+|mps)$")]


class Section(BaseModel):
    """A mapping of the document: frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )


class Transforms(Section):
    """What is done to every image of a split, in order."""

    train: Calls = ()
    evaluation: Calls = ()


class Draw(Section):
    """Another sample of the split, drawn for each one: with an equal field, with another one, or any."""

    same: str | None = None
    different: str | None = None


class Data(Section):
    """The data set, its splits and what is done to a batch.

    `validation` and `test` are a share of the training data (a float between 0 and 1), a count of
    samples, a data set of their own, or nothing. `fields` says what the columns of a table are, and
    `target` which fields are no input; None where it isn't said. `draw` names samples that each batch has
    beside its own. `memory` is how much of the data may be held in memory, `workers` how many processes
    prepare what isn't; neither changes a batch.
    """

    dataset: ACall
    fields: Mapping[str, ACall] = {}
    target: Patterns | None = None
    validation: Part | ACall | None = None
    test: Part | ACall | None = None
    batch_size: Count = 64
    draw: Mapping[str, Draw] = {}
    augment: Calls = ()
    transforms: Transforms = Field(default_factory=Transforms)
    memory: Literal["auto"] | Bytes = "auto"
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=256), BeforeValidator(_whole)] = "auto"


class InitRule(Section):
    """Initialisers for the parameters of the modules that `type` and `name` select.

    `parameters` maps a pattern of parameter names to the calls that run one after another.
    """

    type: Patterns = ()
    name: Patterns = ()
    parameters: Mapping[str, Calls]
    path: Annotated[tuple[str | int, ...], Field(strict=False)] = ()


Source = str | Annotated[Expression, AsIs]
"""`output`, a part of it, a field of the batch, or an expression of these."""

Sources = Annotated[tuple[Source, ...], Field(strict=False)]


class Compared(Section):
    """A call and what it is called on, in order; without a call, its only source.

    `names` are those that a mapping gives the inputs in the file.
    """

    call: ACall | None
    inputs: Sources = ("output", "target")
    names: Annotated[tuple[str, ...], Field(strict=False)] = ()

    def place(self, path: Path, position: int) -> Path:
        """Where an input is written, of a term at a path."""
        return (*path, "from", self.names[position] if self.names else position)


class Term(Compared):
    """A term of the loss."""

    weight: float = 1.0


class Loss(Section):
    """The terms of the loss by name; the one that the file gives no name under an empty one."""

    terms: Mapping[str, Term]


class MetricTerm(Compared):
    """A metric; without a call, the mean of an expression over the samples."""


class Group(Section):
    """Settings of the optimizer for the parameters whose qualified names match."""

    match: Patterns
    options: Mapping[str, Any] = {}


class Optimizer(Section):
    """The optimizer; its groups apply in order, key by key, the later wins."""

    call: ACall
    groups: Annotated[tuple[Group, ...], Field(strict=False)] = ()


class Scheduler(Section):
    """The schedule of the learning rate, advanced after each optimizer step or each epoch."""

    call: ACall
    every: Literal["step", "epoch"]
    metric: str | None = None


class Clip(Section):
    """Gradient clipping, by the norm of the gradients together or by value.

    Of all parameters, or of those whose qualified names match.
    """

    norm: Annotated[float, Field(gt=0)] | None = None
    value: Annotated[float, Field(gt=0)] | None = None
    match: Patterns | None = None


Clips = Annotated[
    Annotated[Clip, Tag("one")] | Annotated[tuple[Clip, ...], Field(strict=False, min_length=1), Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "one"),
]
"""One way of clipping, or several, one after another."""


class Watch(Section):
    """Figures of what the matching modules give, and of its gradients, every so many steps."""

    activations: Patterns = ()
    gradients: Patterns = ()
    every: Count = 100


class Stop(Section):
    """Early stopping: ends the training when `metric` hasn't improved for `patience` evaluations."""

    metric: str
    patience: Count = 1


class Checkpoint(Section):
    """When a checkpoint is written, how many are kept, and which metric chooses the best."""

    every: Literal["epoch"] | Count = "epoch"
    keep: Count = 1
    best: str | None = None


class Train(Section):
    """How long, on what, and how carefully the network is trained."""

    epochs: Count | None = None
    steps: Count | None = None
    evaluate: Literal["epoch"] | Count = "epoch"
    device: Device = "auto"
    precision: Literal["fp32", "tf32", "fp16", "bf16", "auto"] = "fp32"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    compile: Literal["auto"] | bool = False
    clip: Clips | None = None
    accumulate: Count = 1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    stop: Stop | None = None
    checkpoint: Checkpoint = Field(default_factory=Checkpoint)
    watch: Watch | None = None
    resample: Patterns = ()
    non_finite: Literal["stop", "skip"] = "stop"
    deterministic: bool = True
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=1024), BeforeValidator(_whole)] = "auto"

    @property
    def clips(self) -> tuple[tuple[Path, Clip], ...]:
        """Every way of clipping, in order, and where the file says it."""
        path: Path = ("train", "clip")
        if isinstance(self.clip, tuple):
            return tuple(((*path, position), clip) for position, clip in enumerate(self.clip))
        return () if self.clip is None else ((path, self.clip),)

    @model_validator(mode="before")
    @classmethod
    def _length(cls, value: object) -> object:
        """Ten epochs unless the file says how long."""
        if not isinstance(value, Mapping) or any(value.get(key) is not None for key in ("epochs", "steps")):
            return value
        return {**value, "epochs": 10}


class Expectation(Section):
    """What one figure of the result must show: `value operator bound`, such as 0.98 >= 0.97."""

    rule: str
    operator: Literal[">=", "<=", ">", "<", "==", "!="]
    bound: float


class Head(Section):
    """The plain keys of a document."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=100)]
    seed: Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_whole)] = 0


class Experiment(Head):
    """One file, whole: every name resolved, every default filled in.

    A section that the file leaves out is None; only `model` is always there.
    """

    vars: Mapping[str, Any] = {}
    data: Data | None = None
    model: Annotated[Model, AsIs]
    init: Annotated[tuple[InitRule, ...], Field(strict=False)] = ()
    loss: Loss | None = None
    metrics: Mapping[str, MetricTerm] = {}
    optimizer: Optimizer | None = None
    scheduler: Scheduler | None = None
    train: Train = Field(default_factory=Train)
    expect: Mapping[str, Expectation] = {}
