"""The data section -> the section read, what its batches are known to be like, and its mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from yamlnet.catalog.allowed import Allowed
from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, second_part, share, too_large_shares
from yamlnet.catalog.own import TABLES
from yamlnet.catalog.pictures import Picture
from yamlnet.catalog.vision_sets import known_facts
from yamlnet.diagnostics import Mistake, listed
from yamlnet.language import images, sections
from yamlnet.language.experiment import Data
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.tables import field_mistakes, table_facts
from yamlnet.language.validate import validate_data


def read_data(value: Any, facts: Facts | None, allow: Allowed) -> tuple[Any, Facts | None, list[Mistake]]:
    """Reads the section; `facts` are those of data that has been read, where it has."""
    raw, mistakes = sections.read_data(value, ("data",), allow)
    data = validate_data(without_unknown(raw)) if isinstance(raw, dict) else None
    if data is not None and not mistakes and not _waits(raw):
        mistakes = [*field_mistakes(data), *_too_large(data)]
        if facts is None and not mistakes:
            facts = fixed_facts(data) or table_facts(data)
        misfits = _misfits(data, facts)
        facts = None if misfits else facts
        mistakes += misfits
    return raw, facts, mistakes


def _waits(value: Any) -> bool:
    """Whether a call has an argument that isn't known: nor is then what its images or tables are like."""
    if isinstance(value, Call):
        given = value.arguments.values()
        return any(argument is UNKNOWN or _waits(argument) for argument in given)
    if isinstance(value, dict | list):
        items = list(value.values()) if isinstance(value, dict) else value
        return any(map(_waits, items)) or (isinstance(value, list) and UNKNOWN in items)
    return False


def _misfits(data: Data, facts: Facts | None) -> list[Mistake]:
    """What can't be done to the images; tables have none, which is another mistake."""
    if data.fields or data.dataset.name in TABLES or (facts is not None and "image" not in facts.fields):
        return []
    return images.misfits(data, None if facts is None else facts.images, picture(data, facts))


def picture(data: Data, facts: Facts | None) -> Picture:
    """What is known of the images before `augment` and `transforms`, though not of each data set."""
    if facts is not None and facts.images is not None:
        return images.picture_of(facts.images)
    known = known_facts(data.dataset)
    if known is None:
        return Picture(1 if data.dataset.name == "Idx" else None)
    return (
        Picture(known.fields["image"].channels) if known.images is None else images.picture_of(known.images)
    )


def _too_large(data: Data) -> Iterator[Mistake]:
    """Shares of a data set that has such a part itself, or that leave nothing of it."""
    whole = known_facts(data.dataset)
    asked = {"validation": data.validation, "test": data.test}
    shares = {name: part for name, part in asked.items() if isinstance(part, int | float)}
    if whole is None:
        if sum(part for part in shares.values() if isinstance(part, float)) >= 1:
            message = (
                f"{listed(f'`{name}`' for name in shares)} would take all samples and leave none to train on"
            )
            yield Mistake("wrong-value", ("data", max(shares, key=lambda name: shares[name])), message)
        return
    twice = [name for name in shares if getattr(whole, name) is not None]
    yield from (second_part(data.dataset.name, name) for name in twice)
    if twice or whole.train is None:
        return
    taken = {name: share(whole.train, part) for name, part in shares.items()}
    if sum(taken.values()) >= whole.train:
        yield too_large_shares(whole.train, taken)


def fixed_facts(data: Data) -> Facts | None:
    """What is known of a data set before it is read, its splits counted; None where it must be read."""
    whole = known_facts(data.dataset)
    if whole is None:
        return None
    fields = {
        **whole.fields,
        "image": images.after_transforms(whole.fields["image"], data, picture(data, None)),
    }
    counts: dict[str, int | None] = {"validation": whole.validation, "test": whole.test}
    train = whole.train
    for split, part in (("validation", data.validation), ("test", data.test)):
        if isinstance(part, Call):
            counts[split] = _evaluating(split, known_facts(part))
        elif part is not None and train is not None and whole.train is not None:
            counts[split] = share(whole.train, part)
            train -= share(whole.train, part)
        elif part is not None:
            counts[split] = 1
    return replace(whole, fields=fields, train=train, validation=counts["validation"], test=counts["test"])


def _evaluating(split: str, other: Facts | None) -> int:
    """How many samples a data set of its own has for a split; 1 where that isn't known."""
    return 1 if other is None else getattr(other, split) or other.test or other.train or 1


def without_unknown(value: Any) -> Any:
    """A section without the values that aren't known: their mistakes have been reported."""
    if isinstance(value, dict):
        return {key: without_unknown(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [without_unknown(item) for item in value if item is not UNKNOWN]
    return value
