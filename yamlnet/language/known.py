"""The data section -> the section read, what its batches are known to be like, and its mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from yamlnet.catalog.allowed import Allowed
from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, Field, share, too_large_shares
from yamlnet.catalog.own import CHANNELS, FIXED, TABLES
from yamlnet.catalog.pictures import Picture
from yamlnet.diagnostics import Mistake
from yamlnet.language import images, sections
from yamlnet.language.experiment import Data
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.tables import field_mistakes, table_facts
from yamlnet.language.validate import validate_data


def read_data(value: Any, facts: Facts | None, allow: Allowed) -> tuple[Any, Facts | None, list[Mistake]]:
    """Reads the section; `facts` are those of data that has been read, where it has."""
    raw, mistakes = sections.read_data(value, ("data",), allow)
    data = validate_data(without_unknown(raw)) if isinstance(raw, dict) else None
    if data is not None and not mistakes:
        mistakes = [*field_mistakes(data), *_too_large(data)]
        if facts is None and not mistakes:
            facts = fixed_facts(data) or table_facts(data) or folder_facts(data)
        misfits = _misfits(data, facts)
        facts = None if misfits else facts
        mistakes += misfits
    return raw, facts, mistakes


def _misfits(data: Data, facts: Facts | None) -> list[Mistake]:
    """What can't be done to the images; tables have none, which is another mistake."""
    if data.fields or data.dataset.name in TABLES or (facts is not None and "image" not in facts.fields):
        return []
    return images.misfits(data, None if facts is None else facts.images, picture(data, facts))


def picture(data: Data, facts: Facts | None) -> Picture:
    """What is known of the images before `augment` and `transforms`; of a folder's, how many channels."""
    known = Picture(CHANNELS.get(data.dataset.name))
    return known if facts is None or facts.images is None else images.picture_of(facts.images)


def folder_facts(data: Data) -> Facts | None:
    """What the batches of a folder of images are like, where `transforms` say of what size they are."""
    if data.dataset.name != "ImageFolder":  # others may have a test part of their own
        return None
    shape = images.result_shape(data, picture(data, None))
    if shape is None:
        return None
    fields = {"image": Field(shape, "float32"), "target": Field((), "int64")}
    validation, test = (None if part is None else 1 for part in (data.validation, data.test))
    return Facts(fields, validation=validation, test=test)


def _too_large(data: Data) -> Iterator[Mistake]:
    """Shares that leave nothing of a data set whose size is known."""
    whole = FIXED.get(data.dataset.name)
    if whole is None or whole.train is None:
        return
    if whole.test is not None and isinstance(data.test, int | float):
        message = f"`test` asks for a share, but `{data.dataset.name}` has a test part of its own"
        help = "leave `test` out, or name another data set"
        yield Mistake("wrong-value", ("data", "test"), message, help)
        return
    asked = {"validation": data.validation, "test": data.test}
    taken = {name: share(whole.train, part) for name, part in asked.items() if isinstance(part, int | float)}
    if sum(taken.values()) >= whole.train:
        yield too_large_shares(whole.train, taken)


def fixed_facts(data: Data) -> Facts | None:
    """What is known of a data set before it is read, its splits counted; None where it must be read."""
    whole = FIXED.get(data.dataset.name)
    if whole is None or whole.train is None:
        return None
    counts: dict[str, int | None] = {"validation": whole.validation, "test": whole.test}
    train = whole.train
    for split, part in (("validation", data.validation), ("test", data.test)):
        if isinstance(part, Call):
            other = FIXED.get(part.name)
            counts[split] = (other.test or other.train) if other is not None else 1
        elif part is not None:
            counts[split] = share(whole.train, part)
            train -= counts[split] or 0
    assert whole.images is not None
    shape = images.result_shape(data, images.picture_of(whole.images)) or whole.images
    fields = {**whole.fields, "image": Field(shape, "float32")}
    return replace(whole, fields=fields, train=train, validation=counts["validation"], test=counts["test"])


def without_unknown(value: Any) -> Any:
    """A section without the values that aren't known: their mistakes have been reported."""
    if isinstance(value, dict):
        return {key: without_unknown(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [without_unknown(item) for item in value if item is not UNKNOWN]
    return value
