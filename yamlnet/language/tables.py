"""The data section of a table -> what its batches are like before it is read; mistakes in its fields."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, Field, facts_of
from yamlnet.catalog.own import TABLES, WITH_FIELDS
from yamlnet.diagnostics import Mistake, did_you_mean
from yamlnet.language.calls import name_place
from yamlnet.language.experiment import Data


def targets_of(data: Data) -> tuple[str, ...] | None:
    """The fields that are no input: a field named `target`, where the file doesn't say; None for none."""
    if data.target is not None:
        return data.target
    return ("target",) if "target" in data.fields else None


def table_facts(data: Data) -> Facts | None:
    """What the batches of a table are like, whose rows aren't counted yet; None where that must be read."""
    targets = targets_of(data)
    if data.dataset.name not in TABLES or not data.fields or targets is None:
        return None
    fields = {name: _field(call) for name, call in data.fields.items()}
    return facts_of(
        fields,
        targets,
        validation=None if data.validation is None else 1,
        test=None if data.test is None else 1,
    )


def _field(call: Call) -> Field:
    if call.name == "number":
        columns = call.arguments.get("columns")
        return Field((len(columns),) if isinstance(columns, list) else (), "float32")
    listed = call.arguments.get("categories")
    return Field((), "int64", None if listed is None else len(listed) + has_extra(call))


def given_away(data: Data, inputs: Collection[str]) -> Iterator[Mistake]:
    """Warns of a target's column that is among those of an input; a target of the very columns is rebuilt."""
    targets = {
        name: _columns(name, data.fields[name]) for name in targets_of(data) or () if name in data.fields
    }
    for name in inputs:
        if name not in data.fields or name in targets:
            continue
        own = _columns(name, data.fields[name])
        for target, columns in targets.items():
            shared = [column for column in columns if column in own]
            if shared and {*columns} != {*own}:
                message = (
                    f"the input `{name}` has the column `{shared[0]}`, which is what `{target}` asks for"
                )
                place = (*data.fields[name].argument_path("columns"), own.index(shared[0]))
                yield Mistake("wrong-value", place, message, "leave it out of the input", severity="warning")


def _columns(name: str, field: Call) -> tuple[str, ...]:
    """The columns that a field takes: that of its name, where it names none."""
    said = field.arguments.get("columns", field.arguments.get("column"))
    return tuple(said) if isinstance(said, list) else (said if isinstance(said, str) else name,)


def has_extra(category: Call) -> bool:
    """Whether a field has a category for what is missing or unknown."""
    return "extra" in (category.arguments.get("missing"), category.arguments.get("unknown"))


def field_mistakes(data: Data) -> Iterator[Mistake]:
    """Fields that a table needs or an image set can't have, and targets that are no fields."""
    name, at = data.dataset.name, name_place(data.dataset.path, data.dataset.name)
    yield from _other_splits(data)
    if name not in WITH_FIELDS:
        for key, given in (("fields", data.fields), ("target", data.target)):
            if given:
                message = f"`{name}` has the fields `image` and `target`; `{key}` is for tables"
                yield Mistake("wrong-value", ("data", key), message, at="key")
        return
    if name in TABLES and not data.fields:
        help = "for example `fields: {age: number, city: category}`"
        message = f"`{name}` needs `fields`: which columns to take, and what they are"
        yield Mistake("missing-key", data.dataset.path, message, help, at=at)
        return
    yield from _categories(data)
    if data.fields and targets_of(data) is None:
        message = "`data` needs `target`: which of the fields are no input"
        help = f"for example `target: {list(data.fields)[-1]}`, or `target: []` for none"
        yield Mistake("missing-key", ("data",), message, help, at="key")
    for position, target in enumerate(data.target or ()):
        if data.fields and target not in data.fields:
            help_, suggestion = did_you_mean(target, data.fields)
            message = f"`target` names `{target}`, which is no field"
            yield Mistake("unknown-reference", ("data", "target", position), message, help_, suggestion)


def _other_splits(data: Data) -> Iterator[Mistake]:
    """A table that evaluates what images train, or the other way round."""
    for part in (data.validation, data.test):
        if not isinstance(part, Call):
            continue
        fits = part.name in WITH_FIELDS if data.fields else part.name not in TABLES
        if not fits and (data.fields or data.dataset.name not in TABLES):
            message = f"`{part.name}` can't evaluate what `{data.dataset.name}` trains: it has other fields"
            yield Mistake("wrong-value", part.path, message, at=name_place(part.path, part.name))


def _categories(data: Data) -> Iterator[Mistake]:
    for call in data.fields.values():
        listed = [str(item) for item in call.arguments.get("categories") or ()]
        twice = sorted({item for item in listed if listed.count(item) > 1})
        if twice or call.arguments.get("categories") == []:
            message = f"`categories` lists `{twice[0]}` twice" if twice else "`categories` lists none"
            yield Mistake("wrong-value", call.argument_path("categories"), message)
        columns = call.arguments.get("columns")
        if columns == []:
            yield Mistake("wrong-value", call.argument_path("columns"), "`columns` names none")
