"""The rows of the splits in; tensors of them, by vocabularies and scales of the training split, out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import fsum
from typing import Any

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.columns import Columns, missing
from yamlnet.diagnostics import Mistake, MistakeError, did_you_mean, plural

OTHER = "(other)"
"""The name of the category for what is missing or unknown."""


@dataclass(frozen=True)
class Categories:
    """A field's vocabulary in order; with `extra` one more category follows, for what is not in it."""

    categories: tuple[str, ...]
    extra: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The categories by their numbers."""
        return (*self.categories, OTHER) if self.extra else self.categories


@dataclass(frozen=True)
class Numbers:
    """How a field's numbers become small ones: `fill` for those missing, less `shift`, divided by `scale`.

    There is one of each for every column of the field.
    """

    shift: tuple[float, ...]
    scale: tuple[float, ...]
    fill: tuple[float, ...] | None = None


Encoding = Categories | Numbers


def as_json(encodings: Mapping[str, Encoding]) -> dict[str, Any]:
    """What a run keeps, by field."""
    return {name: asdict(encoding) for name, encoding in encodings.items()}


def from_json(kept: Mapping[str, Any]) -> dict[str, Encoding]:
    """What a run kept, by field."""
    found: dict[str, Encoding] = {}
    for name, values in kept.items():
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        make: Callable[..., Encoding] = Categories if "categories" in plain else Numbers
        found[name] = make(**plain)
    return found


def fit(train: Columns, fields: Mapping[str, Call], targets: tuple[str, ...]) -> dict[str, Encoding]:
    """The vocabularies and scales of the training split, by field.

    Raises:
        MistakeError: there is nothing to fit to.
    """
    return {
        name: _vocabulary(train, name, field)
        if field.name == "category"
        else _scale(train, name, field, name in targets)
        for name, field in fields.items()
    }


def _vocabulary(train: Columns, name: str, field: Call) -> Categories:
    arguments = field.with_defaults()
    extra = "extra" in (arguments["missing"], arguments["unknown"])
    if arguments["categories"] is not None:
        return Categories(tuple(str(item) for item in arguments["categories"]), extra)
    if name in train.listed:
        return Categories(train.listed[name], extra)
    used = sorted(set(train.values[name].tolist()))
    return Categories(_sorted([train.texts[name][position] for position in used if position >= 0]), extra)


def _sorted(texts: list[str]) -> tuple[str, ...]:
    """In order: of numbers where all are whole ones, else of letters."""
    if all(text.removeprefix("-").isdecimal() and text.isascii() for text in texts):
        return tuple(sorted(texts, key=lambda text: (int(text), text)))
    return tuple(sorted(texts))


def _scale(train: Columns, name: str, field: Call, is_target: bool) -> Numbers:
    arguments = field.with_defaults()
    values = train.values[name]
    columns = [column[~column.isnan()] for column in values.reshape(len(values), -1).unbind(1)]
    if any(not len(column) for column in columns):
        message = f"`{name}` has no number in any row of the training split"
        raise MistakeError(Mistake("wrong-value", field.path, message))
    kind, rule = arguments["scale"], arguments["missing"]
    if kind == "auto":
        kind = "none" if is_target else "standard"
    shift, scale = zip(*(_shift_and_scale(column, kind) for column in columns), strict=True)
    if rule in ("error", "drop"):
        return Numbers(shift, scale)
    return Numbers(shift, scale, tuple(_fill(column, rule) for column in columns))


def _shift_and_scale(column: Tensor, kind: str) -> tuple[float, float]:
    """What to subtract and divide by; a column of one value becomes zeros."""
    if kind == "none":
        return 0.0, 1.0
    low, high = float(column.min()), float(column.max())
    if low == high:
        return low, 1.0
    if kind == "minmax":
        return low, high - low
    mean = _mean(column)
    return mean, _mean((column - mean) ** 2) ** 0.5


def _mean(column: Tensor) -> float:
    """The mean, whose bits don't depend on the number of threads."""
    return fsum(column.tolist()) / len(column)


def _fill(column: Tensor, rule: str | float) -> float:
    if isinstance(rule, str):
        ordered = column.sort().values
        middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
        return _mean(column if rule == "mean" else middle)
    return float(rule)


def encode(part: Columns, fields: Mapping[str, Call], encodings: Mapping[str, Encoding]) -> dict[str, Tensor]:
    """A split's fields: int64 [samples] for categories, float32 [samples] or [samples, columns] for numbers.

    Raises:
        MistakeError: a category isn't in the vocabulary where that is an error.
    """
    encoded: dict[str, Tensor] = {}
    for name, encoding in encodings.items():
        if isinstance(encoding, Categories):
            encoded[name] = _numbered(part, name, fields[name], encoding)
        else:
            encoded[name] = _scaled(part.values[name], encoding)
    return encoded


def _numbered(part: Columns, name: str, field: Call, encoding: Categories) -> Tensor:
    numbers = {text: number for number, text in enumerate(encoding.categories)}
    last = len(numbers)
    of_position = torch.tensor([numbers.get(text, last) for text in part.texts[name]] + [last])
    values = of_position[part.values[name]]  # -1, what is missing, is the last
    unknown = (values == last) & ~missing(part.values[name])
    if field.arguments.get("unknown", "error") == "error" and bool(unknown.any()):
        raise _is_unknown(part, name, field, encoding, unknown)
    return values


def _is_unknown(part: Columns, name: str, field: Call, encoding: Categories, unknown: Tensor) -> MistakeError:
    rows = unknown.nonzero().flatten()
    first = int(rows[0])
    text = part.texts[name][int(part.values[name][first])]
    place = f"`{part.table.file}`, {part.place(first)}"
    if "categories" in field.arguments:
        help, _ = did_you_mean(text, encoding.categories)
        message = f"`{name}` is `{text}` in {place}, which `categories` doesn't list"
        return MistakeError(Mistake("wrong-value", field.argument_path("categories"), message, help))
    also = "" if len(rows) == 1 else f" (and {plural(len(rows) - 1, 'more row')} like it)"
    message = f"`{name}` is `{text}` in {place}, and in no row of the training split{also}"
    help = "`unknown: extra` gives such values a category, `categories: [...]` lists all there are"
    return MistakeError(Mistake("wrong-value", ("data", "fields", name), message, help, at="key"))


def _scaled(values: Tensor, encoding: Numbers) -> Tensor:
    shift, scale = (torch.tensor(each, dtype=torch.float64) for each in (encoding.shift, encoding.scale))
    if encoding.fill is not None:
        values = torch.where(values.isnan(), torch.tensor(encoding.fill, dtype=torch.float64), values)
    return values.sub(shift).div_(scale).to(torch.float32)
