"""The data section in; the splits as tensors on the device, the facts and the digest of the data out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, Field, share
from yamlnet.data.datasets import Dataset, read_dataset
from yamlnet.data.seeds import generator
from yamlnet.diagnostics import YamlnetError, plural

if TYPE_CHECKING:
    from yamlnet.language.experiment import Data

Fields = Mapping[str, Tensor]


@dataclass(frozen=True)
class Split:
    """Samples on the device: each field is a tensor whose first axis counts them.

    `image` is uint8 [samples, channels, height, width], `target` int64 [samples].
    """

    fields: Fields

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))


@dataclass(frozen=True)
class Prepared:
    """The splits, what the network may know of them, and the SHA-256 of the data in hexadecimal.

    The digest is of the data as they were read, before shares were split off: it depends neither on the
    seed nor on the device.
    """

    train: Split
    validation: Split | None
    test: Split | None
    facts: Facts
    digest: str


def prepare(data: Data, seed: int, folder: Path, device: torch.device) -> Prepared:
    """Reads the data, splits off what `validation` and `test` ask for, and puts the splits on the device.

    Which samples are split off follows from the seed and the number of samples alone: a test share
    doesn't change the validation samples, nor the other way round. A data set of their own gives them its
    test part, or its only one. Relative paths are relative to `folder`.

    Raises:
        YamlnetError: data are missing, damaged, or don't go together; or the shares leave nothing.
    """
    own = read_dataset(data.dataset, folder)
    asked = {"validation": data.validation, "test": data.test}
    read = {"train": own.train}
    if own.test is not None:
        read["test"] = own.test
    for name, part in asked.items():
        if isinstance(part, Call):
            read[name] = _evaluation_part(name, part, own, folder)
    shares = {name: part for name, part in asked.items() if isinstance(part, int | float)}
    _refuse_second_test_part(data, own, shares)
    parts = {**read, **_split_off(own.train, shares, seed)}
    splits = {name: _to_device(fields, device) for name, fields in parts.items()}
    return Prepared(
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        facts=_facts(read, own.classes, {name: len(split) for name, split in splits.items()}),
        digest=_digest(read),
    )


def _refuse_second_test_part(data: Data, own: Dataset, shares: Mapping[str, float | int]) -> None:
    if "test" in shares and own.test is not None:
        raise YamlnetError(
            f"`test` asks for a share, but `{data.dataset.name}` has a test part of its own",
            help="leave `test` out, or name another data set",
            exit_code=1,
        )


def _evaluation_part(name: str, call: Call, own: Dataset, folder: Path) -> Fields:
    """The part that evaluates of a data set of its own, held against the training data."""
    other = read_dataset(call, folder)
    if own.classes and other.classes and own.classes != other.classes:
        raise YamlnetError(
            f"`{name}` has other classes than the training data: "
            f"{_listed(other.classes)} instead of {_listed(own.classes)}"
        )
    part = other.train if other.test is None else other.test
    channels, expected = part["image"].shape[1], own.train["image"].shape[1]
    if channels != expected:
        raise YamlnetError(
            f"images of `{name}` have {plural(channels, 'channel')}, those of the training data {expected}"
        )
    return part


def _split_off(train: Fields, shares: Mapping[str, float | int], seed: int) -> dict[str, Fields]:
    """What is left of the training data, and the shares: from either end of one shuffle."""
    count = len(train["target"])
    num_test = share(count, shares["test"]) if "test" in shares else 0
    num_validation = share(count, shares["validation"]) if "validation" in shares else 0
    num_taken = num_test + num_validation
    if num_taken >= count:
        taken = " and ".join(f"`{name}`" for name in sorted(shares, reverse=True))
        raise YamlnetError(
            f"{taken} would take {num_taken:,} of {count:,} samples and leave none to train on",
            exit_code=1,
        )
    if not shares:
        return {"train": train}
    order = torch.randperm(count, generator=generator(seed, "split"))
    test, rest, validation = torch.split(order, [num_test, count - num_taken, num_validation])
    chosen = {"train": rest, "validation": validation, "test": test}
    return {name: _select(train, chosen[name].sort().values) for name in ("train", *shares)}


def _select(fields: Fields, samples: Tensor) -> dict[str, Tensor]:
    return {name: values.index_select(0, samples) for name, values in fields.items()}


def _to_device(fields: Fields, device: torch.device) -> Split:
    try:
        return Split({name: values.to(device) for name, values in fields.items()})
    except torch.OutOfMemoryError as error:
        size = sum(values.nbytes for values in fields.values()) / 2**20
        raise YamlnetError(f"the data don't fit on `{device}`: {size:,.0f} MiB more were needed") from error


def _facts(read: Mapping[str, Fields], classes: tuple[str, ...] | None, counts: Mapping[str, int]) -> Facts:
    whole = read["train"]
    labels = whole["target"].dim() == 1 and not whole["target"].is_floating_point()
    highest = {name: int(fields["target"].max()) for name, fields in read.items()} if labels else {}
    num_classes = len(classes) if classes else max(highest.values()) + 1 if labels else None
    for name, label in highest.items():
        if num_classes is not None and label >= num_classes:
            raise YamlnetError(
                f"`{name}` has the label {label}, but there are {num_classes} classes, counted from 0"
            )
    return Facts(
        fields={name: _field(values) for name, values in whole.items()},
        num_classes=num_classes,
        train=counts["train"],
        validation=counts.get("validation"),
        test=counts.get("test"),
        classes=classes,
    )


def _field(values: Tensor) -> Field:
    dtype = "float32" if values.dtype is torch.uint8 else str(values.dtype).removeprefix("torch.")
    return Field(tuple(values.shape[1:]), dtype)


def _digest(read: Mapping[str, Fields]) -> str:
    digest = hashlib.sha256()
    for name in sorted(read):
        for field, values in sorted(read[name].items()):
            digest.update(f"{name} {field} {values.dtype} {list(values.shape)}\n".encode())
            digest.update(values.contiguous().numpy().data)
    return digest.hexdigest()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
