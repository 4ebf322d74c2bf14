"""The data section in; the splits as tensors, the facts and the digest of the data out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, Field, facts_of, second_part, share, too_large_shares
from yamlnet.catalog.pictures import Picture
from yamlnet.data import digest
from yamlnet.data.columns import Columns, read_columns
from yamlnet.data.datasets import absolute, read_dataset
from yamlnet.data.draws import check_draws
from yamlnet.data.encoding import Categories, Encoding, encode, fit
from yamlnet.data.ragged import Values, sample_shape, select
from yamlnet.data.room import Room
from yamlnet.data.seeds import generator
from yamlnet.data.stored import Stored
from yamlnet.data.workers import Workers, num_workers
from yamlnet.diagnostics import Mistake, MistakeError, YamlnetError, did_you_mean, plural, size
from yamlnet.language.calls import name_place
from yamlnet.language.images import (
    after_transforms,
    evaluating,
    first_resize,
    misfits,
    picture_of,
    result,
    training,
)
from yamlnet.language.tables import targets_of

if TYPE_CHECKING:
    from yamlnet.language.experiment import Data

Fields = Mapping[str, Values]


@dataclass(frozen=True)
class Split:
    """Samples: each field is a tensor whose first axis counts them, unless it stays on disk.

    `image` is uint8 [samples, channels, height, width], or `Ragged`; `target` is int64 [samples]. `numbers`,
    int64 [samples], are their positions in the data set, where these aren't the same as in the split; `place`
    tells for such a position what people call the sample.
    """

    fields: Fields
    numbers: Tensor | None = None
    place: Callable[[int], str] = "sample {}".format

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def select(self, samples: Tensor) -> Split:
        """Some of the samples, by their positions: int64 [samples]."""
        numbers = samples if self.numbers is None else self.numbers.index_select(0, samples)
        fields = {name: select(values, samples) for name, values in self.fields.items()}
        return replace(self, fields=fields, numbers=numbers)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The fields that are tensors: all but images of different sizes, and what stays on disk."""
        return {name: values for name, values in self.fields.items() if isinstance(values, Tensor)}


Part = Split | Columns
"""Samples as they are read: tensors, or a table's rows."""


@dataclass(frozen=True)
class Prepared:
    """The splits, what the network may know of them, and the SHA-256 of each part of the data.

    The digests are of the data as they were read, before shares were split off: they depend neither on the
    seed nor on the device. `encodings` tells how fields were made of a table's columns, and the names of
    the classes where there are any; `notes` say what of the data was left out.
    `device` is where batches are wanted, and `workers` prepare what isn't there from the start.
    """

    train: Split
    validation: Split | None
    test: Split | None
    facts: Facts
    digests: Mapping[str, str]
    encodings: Mapping[str, Encoding]
    device: torch.device
    workers: Workers
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The SHA-256 of all data."""
        return hashlib.sha256("\n".join(map(" ".join, self.digests.items())).encode()).hexdigest()


@dataclass(frozen=True)
class _Read:
    """A data set as it is read: its own parts, the names of fields that are categories, or their number."""

    parts: Mapping[str, Part]
    classes: Mapping[str, tuple[str, ...]]
    num_classes: int | None = None
    notes: tuple[str, ...] = ()

    def part_for(self, split: str) -> Part:
        """What evaluates another data set's network: the part of that name, else its test part, else all."""
        return next(self.parts[name] for name in (split, "test", "train") if name in self.parts)


def prepare(
    data: Data,
    seed: int,
    folder: Path,
    device: torch.device,
    encodings: Mapping[str, Encoding] | None = None,
    memory: int | None = None,
) -> Prepared:
    """Reads the data, and splits off what `validation` and `test` ask for.

    Which samples are split off follows from the seed and the number of samples alone: a test share
    doesn't change the validation samples, nor the other way round. A data set of their own gives them its
    test part, or its only one. Relative paths are relative to `folder`. A table's vocabularies and scales
    are those of its training split, or the `encodings` of an earlier run. Of the samples `memory` bytes are
    held in memory at most, where that is said, and others stay on disk.

    Raises:
        MistakeError: the file asks for what the data don't have.
        YamlnetError: data are missing, damaged, or don't go together.
    """
    workers = Workers(num_workers(data.workers), pinned=device.type == "cuda")
    room = Room(memory)
    own = _read(data.dataset, data, folder, room)
    read, notes = dict(own.parts), list(own.notes)
    for name, part in (("validation", data.validation), ("test", data.test)):
        if isinstance(part, Call):
            other = _read(part, data, folder, room)
            read[name] = _evaluation_part(name, other, own)
            notes += other.notes
    shares = shares_of(data)
    _refuse_second_part(data, own, shares)
    parts = {**read, **_split_off(own.parts["train"], shares, seed)}
    targets = _targets(data, own)
    used = _encodings(data, parts["train"], targets, encodings or {})
    splits = {name: _encoded(part, data, used) for name, part in parts.items()}
    used |= {name: Categories(names) for name, names in own.classes.items()}
    _check_images(data, splits)
    facts = _facts(data, splits, targets, used, own.num_classes)
    held = {name: _named(split, facts) for name, split in splits.items()}
    for name, split in held.items():
        check_draws(split.tensors, data.draw, name)
    return Prepared(
        train=held["train"],
        validation=held.get("validation"),
        test=held.get("test"),
        facts=facts,
        digests=_digests(read, workers),
        encodings=used,
        device=device,
        notes=tuple(dict.fromkeys((*notes, *_on_disk(held)))),
        workers=workers,
    )


def _read(call: Call, data: Data, folder: Path, room: Room) -> _Read:
    if data.fields:
        parts = read_columns(absolute(call, folder), data.fields, room)
        return _Read(parts, {}, notes=tuple(note for part in parts.values() for note in part.notes))
    found = read_dataset(call, folder, first_resize(data), room)
    own = {"train": found.train, "validation": found.validation, "test": found.test}
    splits = {name: Split(fields) for name, fields in own.items() if fields is not None}
    if found.files is not None:
        splits["train"] = replace(splits["train"], place=found.files.__getitem__)
    return _Read(splits, found.classes, found.num_classes, found.notes)


def shares_of(data: Data) -> dict[str, float | int]:
    """The splits that are drawn from the training data, and how much of it each takes."""
    asked = {"validation": data.validation, "test": data.test}
    return {name: part for name, part in asked.items() if isinstance(part, int | float)}


def _refuse_second_part(data: Data, own: _Read, shares: Mapping[str, float | int]) -> None:
    for name in shares:
        if name in own.parts:
            raise MistakeError(second_part(data.dataset.name, name))


def _evaluation_part(name: str, other: _Read, own: _Read) -> Part:
    """The part that evaluates of a data set of its own, held against the training data."""
    for field, classes in own.classes.items():
        if field in other.classes and classes != other.classes[field]:
            raise YamlnetError(
                f"`{name}` has other classes than the training data: "
                f"{_listed(other.classes[field])} instead of {_listed(classes)}"
            )
    part, train = other.part_for(name), own.parts["train"]
    if isinstance(part, Split) and isinstance(train, Split):
        _check_fields(name, part.fields, train.fields)
    return part


def _check_fields(name: str, found: Fields, expected: Fields) -> None:
    """Whether one part has another's fields; images may be of another size."""
    for field, values in expected.items():
        if field not in found:
            raise YamlnetError(f"`{name}` has no field `{field}`, which the training data has")
        if field == "image":
            num_channels, wanted = (_picture(images).channels for images in (found[field], values))
            if num_channels != wanted:
                channels = plural(num_channels or 0, "channel")
                raise YamlnetError(f"images of `{name}` have {channels}, those of the training data {wanted}")
            continue
        shapes = [(sample_shape(v), v.dtype) for v in (found[field], values)]
        if shapes[0] != shapes[1]:
            kinds = [f"{_dtype(v)} in {list(sample_shape(v) or ())}" for v in (found[field], values)]
            raise YamlnetError(f"`{field}` of `{name}` is {kinds[0]}, that of the training data {kinds[1]}")


def _split_off(train: Part, shares: Mapping[str, float | int], seed: int) -> dict[str, Part]:
    """What is left of the training data, and the shares: from either end of one shuffle."""
    count = len(train)
    places = shuffled_places(count, shares)
    if not places["train"]:
        taken = {name: len(places[name]) for name in ("validation", "test")}
        raise MistakeError(too_large_shares(count, taken))
    if not shares:
        return {"train": train}
    order = torch.randperm(count, generator=generator(seed, "split"))
    chosen = {name: order[places[name].start : places[name].stop] for name in ("train", *shares)}
    return {name: train.select(samples.sort().values) for name, samples in chosen.items()}


def shuffled_places(count: int, shares: Mapping[str, float | int]) -> dict[str, range]:
    """Where each split is in the shuffle of `count` samples: the test share first, validation last."""
    num_test = share(count, shares["test"]) if "test" in shares else 0
    num_validation = share(count, shares["validation"]) if "validation" in shares else 0
    rest = count - num_validation
    return {
        "train": range(num_test, rest),
        "validation": range(rest, count),
        "test": range(num_test),
    }


def _targets(data: Data, own: _Read) -> tuple[str, ...]:
    """The fields that are no input; images have `target`, or the only field that is a class."""
    said, train = targets_of(data), own.parts["train"]
    fields = train.values if isinstance(train, Columns) else train.fields
    if said is None and len(own.classes) == 1:
        return tuple(own.classes)
    for position, name in enumerate(said or ()):
        if name not in fields:
            help, suggestion = did_you_mean(name, fields)
            message = f"`target` names `{name}`, which is no field"
            path = ("data", "target", position)
            raise MistakeError(Mistake("unknown-reference", path, message, help, suggestion))
    if said is None and "target" not in fields:
        call, names = data.dataset, _listed(fields)
        message = f"`data` needs `target`: which of the fields {names} are no input"
        at = name_place(call.path, call.name)
        raise MistakeError(Mistake("missing-key", call.path, message, at=at))
    return ("target",) if said is None else said


def _encodings(
    data: Data, train: Part, targets: tuple[str, ...], known: Mapping[str, Encoding]
) -> dict[str, Encoding]:
    """How the fields of a table become tensors: as is known, else as the training split says."""
    if not isinstance(train, Columns):
        return {}
    new = fit(train, {name: call for name, call in data.fields.items() if name not in known}, targets)
    return {name: known[name] if name in known else new[name] for name in data.fields}


def _encoded(part: Part, data: Data, encodings: Mapping[str, Encoding]) -> Split:
    if isinstance(part, Split):
        return part
    return Split(encode(part, data.fields, encodings), part.rows, part.table.place)


def _named(split: Split, facts: Facts) -> Split:
    """The split, whose only target goes by the name `target` too."""
    fields = split.fields
    named = {name: fields[name if name in fields else facts.targets[0]] for name in facts.fields}
    return replace(split, fields=named)


def _picture(values: Values) -> Picture:
    """What is known of images, whose sizes may differ."""
    shape = sample_shape(values)
    return Picture(values.channels) if shape is None and not isinstance(values, Tensor) else picture_of(shape)


def _check_images(data: Data, splits: Mapping[str, Split]) -> None:
    """Whether what is to be done to the images can be, and gives them one size."""
    images = splits["train"].fields.get("image")
    if images is None:
        return
    for mistake in misfits(data, sample_shape(images), _picture(images)):
        raise MistakeError(mistake)
    for name, split in splits.items():
        values = split.fields["image"]
        calls = training(data) if name == "train" else evaluating(data)
        if (
            not isinstance(values, Tensor)
            and values.shape is None
            and result(calls, _picture(values)).shape is None
        ):
            raise YamlnetError(
                f"the images of the {name} split differ in size, and can't make a batch: {values.in_words()}",
                help="`transforms: [{Resize: [224, 224]}]`, for example, brings them to one size",
            )


def _facts(
    data: Data,
    splits: Mapping[str, Split],
    targets: tuple[str, ...],
    encodings: Mapping[str, Encoding],
    num_classes: int | None,
) -> Facts:
    fields = {
        name: Field(sample_shape(values), "float32" if name == "image" else _dtype(values))
        for name, values in splits["train"].fields.items()
    }
    images = splits["train"].fields.get("image")
    if images is not None:
        fields["image"] = after_transforms(fields["image"], data, _picture(images))
    for name, field in fields.items():
        if isinstance(encoding := encodings.get(name), Categories):
            fields[name] = replace(field, num_categories=len(encoding.names))
        if name in targets and field.dtype == "int64" and not field.shape:
            known = fields[name].num_categories or (num_classes if len(targets) == 1 else None)
            fields[name] = replace(field, num_categories=_num_labels(name, splits, known))
    classes = [names.names for name in targets if isinstance(names := encodings.get(name), Categories)]
    counts = {name: len(split) for name, split in splits.items()}
    facts = facts_of(fields, targets, **counts, classes=classes[0] if len(classes) == 1 else None)
    return replace(facts, images=None if images is None else sample_shape(images))


def _num_labels(target: str, splits: Mapping[str, Split], known: int | None) -> int | None:
    """How many classes a target has: as many as it has names, else one more than its highest label."""
    if any(int(split.tensors[target].min()) < 0 for split in splits.values()):
        return None
    highest = {name: int(split.tensors[target].max()) for name, split in splits.items()}
    num_classes = max(highest.values()) + 1 if known is None else known
    for name, label in highest.items():
        if num_classes is not None and label >= num_classes:
            raise YamlnetError(
                f"`{name}` has the label {label}, but there are {num_classes} classes, counted from 0"
            )
    return num_classes


def _on_disk(splits: Mapping[str, Split]) -> Iterator[str]:
    """What to say of fields that don't fit in memory."""
    for name, split in splits.items():
        for field, values in split.fields.items():
            if isinstance(values, Stored):
                yield f"`{field}` of the {name} split, {size(values.nbytes)}, streams from disk"


def _digests(read: Mapping[str, Part], workers: Workers) -> dict[str, str]:
    try:
        return {name: _digest(name, part, workers) for name, part in sorted(read.items())}
    except BaseException:
        workers.close()  # or they would live as long as what is raised
        raise


def _digest(name: str, part: Part, workers: Workers) -> str:
    counted = hashlib.sha256()
    for field, values in sorted((part.values if isinstance(part, Columns) else part.fields).items()):
        digest.add(counted, f"{name} {field}", values, workers)
        if isinstance(part, Columns) and field in part.texts:
            counted.update("\0".join(part.texts[field]).encode())
    return counted.hexdigest()


def _dtype(values: Values) -> str:
    return str(values.dtype).removeprefix("torch.")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
