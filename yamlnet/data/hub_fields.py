"""The splits of a `HuggingFace` data set in; their columns as fields, by what each is said to be, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.data.hub import load
from yamlnet.data.pictures import Form, stacked
from yamlnet.data.ragged import Values
from yamlnet.data.room import UNLIMITED, Room
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError, did_you_mean

Fields = Mapping[str, Values]


def read_hub(
    call: Call, resize: Call | None, room: Room = UNLIMITED
) -> tuple[dict[str, Fields], dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The parts field by field, the names of each field's classes, and what was left out.

    A column of images is `image`, uint8 [samples, channels, height, width]; a class is int64; numbers and
    lists of equally many numbers are float32 or int64. Others are left out, unless `columns` chooses them.

    Raises:
        MistakeError: `columns` names one that isn't there.
        YamlnetError: it can't be loaded, or a column can't be a field.
    """
    loaded = load(call)
    train = loaded.parts["train"]
    chosen = _chosen(call, train)
    notes = list(loaded.notes)
    kinds = {name: _kind(train.features[column]) for name, column in chosen.items()}
    unfit = [name for name, kind in kinds.items() if kind is None]
    if unfit and call.arguments.get("columns"):
        feature = train.features[chosen[unfit[0]]]
        raise YamlnetError(
            f"`{chosen[unfit[0]]}` holds {_described(feature)}, which is no field",
            help=f"`fields: {{{unfit[0]}: category}}` numbers its values",
        )
    if unfit:
        listed = ", ".join(f"`{name}` ({_described(train.features[name])})" for name in unfit)
        notes.append(f"columns that are no fields: {listed}")
    fields = {name: column for name, column in chosen.items() if name not in unfit}
    classes = {n: tuple(train.features[c].names) for n, c in fields.items() if kinds[n] == "class"}
    parts: dict[str, Fields] = {}
    for part, data_set in loaded.parts.items():
        _check_columns(part, data_set, fields)
        read = {n: _field(part, data_set, c, str(kinds[n]), resize, room) for n, c in fields.items()}
        if part != "train" and any(_unlabelled(read[name]) for name in classes):
            notes.append(f"the split `{part}` isn't used: it has no classes")
        else:
            parts[part] = read
    return parts, classes, tuple(notes)


def _unlabelled(values: Values) -> bool:
    """Whether no sample has a class: -1 stands for none."""
    return isinstance(values, Tensor) and bool((values < 0).all())


def _chosen(call: Call, data_set: Any) -> dict[str, str]:
    """The columns by the names of the fields that they are."""
    said = call.arguments.get("columns")
    if said is None:
        images = [name for name in data_set.column_names if _kind(data_set.features[name]) == "image"]
        if len(images) > 1:
            listed = ", ".join(f"`{name}`" for name in images)
            raise YamlnetError(
                f"`{call.arguments['path']}` has several columns of images: {listed}",
                help=f"`columns: {{image: {images[0]}, ...}}` chooses",
            )
        said = {"image" if name in images else name: name for name in data_set.column_names}
    for field, column in said.items():
        if column not in data_set.column_names:
            help, suggestion = did_you_mean(column, data_set.column_names)
            place = (*call.argument_path("columns"), field)
            message = f"`{call.arguments['path']}` has no column `{column}`"
            raise MistakeError(Mistake("unknown-reference", place, message, help, suggestion))
        if not field.isidentifier() or field == "output":
            message = f"`{field}`, a column of `{call.arguments['path']}`, can't be a field's name"
            raise YamlnetError(message, help=f'`columns: {{NAME: "{column}"}}` gives it another')
    return dict(said)


def _kind(feature: Any) -> str | None:
    """What a column holds: `image`, `class`, or `numbers`; None for what can't be a field."""
    kind = type(feature).__name__
    if kind in ("Image", "ClassLabel"):
        return {"Image": "image", "ClassLabel": "class"}[kind]
    if kind in ("List", "LargeList", "Sequence"):
        return "numbers" if _kind(feature.feature) in ("numbers", "class") else None
    dtype = str(getattr(feature, "dtype", ""))
    is_number = dtype.startswith(("int", "uint", "float", "bool"))
    return "numbers" if is_number and (kind == "Value" or kind.startswith("Array")) else None


def _described(feature: Any) -> str:
    return str(getattr(feature, "dtype", None) or type(feature).__name__.lower())


def _check_columns(part: str, data_set: Any, fields: Mapping[str, str]) -> None:
    missing = [column for column in fields.values() if column not in data_set.column_names]
    if missing:
        raise YamlnetError(f"the split `{part}` has no column `{missing[0]}`, which `train` has")
    if not len(data_set):
        raise YamlnetError(f"the split `{part}` has no rows")


def _field(part: str, data_set: Any, column: str, kind: str, resize: Call | None, room: Room) -> Values:
    if kind == "image":
        return stacked(_pictures(part, data_set, column), len(data_set), Form(resize=resize), room)
    values = data_set.with_format("arrow")[:].column(column).to_pylist()
    missing = next((row for row, value in enumerate(values) if value is None), None)
    if missing is not None and kind != "class":
        message = f"`{column}` is missing in row {missing + 1:,} of the split `{part}`"
        raise YamlnetError(message, help=f"`fields: {{{column}: {{number: {{missing: drop}}}}}}` for example")
    try:
        array = numpy.array([-1 if value is None else value for value in values])
    except ValueError:
        raise YamlnetError(f"`{column}` has lists of different lengths in the split `{part}`") from None
    if array.dtype.kind not in "biuf":
        raise YamlnetError(f"`{column}` isn't all numbers in the split `{part}`")
    if array.dtype.kind == "b":
        return torch.from_numpy(array)
    found = torch.from_numpy(array.astype(numpy.float32 if array.dtype.kind == "f" else numpy.int64))
    if found.is_floating_point() and not bool(found.isfinite().all()):
        raise YamlnetError(f"`{column}` isn't finite everywhere in the split `{part}`")
    return found


def _pictures(part: str, data_set: Any, column: str) -> Iterator[tuple[str, Any]]:
    for index in range(len(data_set)):
        try:
            picture = data_set[index][column]
        except Exception as error:  # what a decoder raises for a damaged file depends on the format
            raise YamlnetError(f"can't read image {index + 1:,} of the split `{part}`: {error}") from error
        if picture is None:
            raise YamlnetError(f"there is no image in row {index + 1:,} of the split `{part}`")
        yield f"image {index + 1:,} of {part}", picture
