"""`draw` of the data, and what loss and metrics name -> which drawn samples are used; mistakes in them."""

from __future__ import annotations

from collections.abc import Iterator

from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import Mistake, Path, did_you_mean
from yamlnet.language.experiment import Experiment, MetricTerm, Term
from yamlnet.language.nodes import Expression

OUTPUT = "output"
COUNTED = ("int64", "int32", "int16", "int8", "uint8", "bool")
"""Dtypes of what is equal or isn't."""


def terms(experiment: Experiment) -> Iterator[tuple[Path, Term | MetricTerm]]:
    """The terms of the loss and the metrics, and where they stand."""
    if experiment.loss is not None:
        for name, term in experiment.loss.terms.items():
            yield (("loss", name) if name else ("loss",)), term
    for name, metric in experiment.metrics.items():
        yield ("metrics", name), metric


def names(experiment: Experiment) -> Iterator[str]:
    """All that loss and metrics name."""
    for _, term in terms(experiment):
        for source in term.inputs:
            yield from source.formula.names if isinstance(source, Expression) else (source,)


def outputs_drawn(experiment: Experiment) -> tuple[str, ...]:
    """The drawn samples of which the network's output is wanted."""
    draws = () if experiment.data is None else experiment.data.draw
    wanted = {tuple(name.split(".")[:2]) for name in names(experiment)}
    return tuple(name for name in draws if (name, OUTPUT) in wanted)


def draw_mistakes(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """Names that can't be, fields that can't be compared, and samples that nothing uses."""
    draws = {} if experiment.data is None else experiment.data.draw
    used = {name.split(".")[0] for name in names(experiment)}
    for name, draw in draws.items():
        place: Path = ("data", "draw", name)
        taken = name == OUTPUT or (facts is not None and name in facts.fields)
        if taken or not name.isidentifier():
            why = "a batch has that already" if taken else "a name of letters, digits and `_` will do"
            yield Mistake("wrong-value", place, f"a drawn sample can't be named `{name}`", why, at="key")
        elif experiment.loss is not None and name not in used:
            help = f"`from: [output, {name}.output]` compares the network's outputs"
            message = f"nothing uses `{name}`, which is drawn for each sample"
            yield Mistake("unused-value", place, message, help, severity="warning", at="key")
        if draw.same is not None and draw.same == draw.different:
            message = f"no sample has both the same `{draw.same}` and another"
            yield Mistake("wrong-value", (*place, "different"), message)
            continue
        for key in ("same", "different"):
            field = getattr(draw, key)
            if facts is not None and field is not None:
                yield from _no_class(field, (*place, key), facts)


def _no_class(name: str, path: Path, facts: Facts) -> Iterator[Mistake]:
    field = facts.fields.get(name)
    if field is None:
        help, suggestion = did_you_mean(name, facts.fields)
        message = f"a batch of the data has no field `{name}`"
        yield Mistake("unknown-reference", path, message, help, suggestion)
    elif field.shape or field.dtype not in COUNTED:
        where = f" in {list(field.shape)}" if field.shape else ""
        message = f"samples are drawn by a class, and `{name}` is {field.dtype}{where}"
        help = "a whole number for each sample: `target`, or a `category`"
        yield Mistake("wrong-value", path, message, help)


def unknown_sample(
    name: str, path: Path, draws: tuple[str, ...], facts: Facts, part: tuple[int, int] | None
) -> Mistake | None:
    """The mistake of a name that begins with a drawn sample's and doesn't go on rightly."""
    first, *rest = name.split(".")
    known = (OUTPUT, *facts.fields)
    if first not in draws or (rest and (rest[0] == OUTPUT or (rest[0] in facts.fields and len(rest) == 1))):
        return None
    if not rest:
        message = f"`{first}` is a sample, and no value"
        help = "name a part: " + ", ".join(f"`{first}.{each}`" for each in known)
        return Mistake("unknown-reference", path, message, help, part=part, worked_out=True)
    help_, suggestion = did_you_mean(".".join(rest), known)
    message = f"the sample `{first}` has no `{'.'.join(rest)}`"
    suggestion = None if suggestion is None else f"{first}.{suggestion}"
    return Mistake("unknown-reference", path, message, help_, suggestion, part=part, worked_out=True)
