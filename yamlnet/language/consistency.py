"""An Experiment whose parts are right -> the mistakes in how they fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from yamlnet.catalog import lookup
from yamlnet.catalog.facts import Facts, Field
from yamlnet.diagnostics import MAX_MISTAKES, Mistake, Path, did_you_mean, nearest
from yamlnet.language.calls import BROKEN, name_place
from yamlnet.language.draws import draw_mistakes, terms, unknown_sample
from yamlnet.language.experiment import Experiment
from yamlnet.language.inputs import candidates, input_fields
from yamlnet.language.nodes import Expression, Input
from yamlnet.language.objective import snake_case
from yamlnet.language.synonyms import names_meant
from yamlnet.language.tables import given_away
from yamlnet.language.vocabulary import EXCLUSIVE, MEASURED, NEEDED, NEEDED_ONE, TRAINING

WATCHED = (("train", "stop", "metric"), ("train", "checkpoint", "best"), ("scheduler", "metric"))


def missing_sections(written: set[str], to_train: bool) -> list[Mistake]:
    """The sections that training needs; a model alone is enough to be looked at."""
    if "model" not in written or to_train or any(section in written for section in TRAINING):
        missing = [section for section in NEEDED if section not in written]
    else:
        missing = []
    if not written:
        message = "the file is empty: an experiment needs " + _listed(NEEDED)
        return [Mistake("missing-key", (), message, "`model` alone is enough for `yamlnet summary`")]
    if "model" not in written and not to_train and not written & {"loss", "optimizer"}:
        missing = ["model"]
    if not missing:
        return []
    unknown = sorted(written - set(Experiment.model_fields))[:MAX_MISTAKES]
    meant = {nearest(key, NEEDED) for key in unknown}
    missing = [section for section in missing if section not in meant]
    if not missing:
        return []
    message = f"the experiment has no {_listed(missing)}"
    help = None if "model" in missing else f"to train it needs {_listed(NEEDED)}"
    return [Mistake("missing-key", (), message, help, at="key")]


def _listed(names: list[str] | tuple[str, ...]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def inconsistencies(experiment: Experiment, facts: Facts | None) -> list[Mistake]:
    """Fields that a batch hasn't, and a schedule that can't be followed."""
    unknown = list(_unknown_fields(experiment, facts))
    draws = draw_mistakes(experiment, facts)
    return [
        *_inputs(experiment, facts),
        *unknown,
        *(mistake for mistake in draws if mistake.severity == "error" or not unknown),
        *_image_transforms(experiment, facts),
        *_means_of_bytes(experiment),
        *_schedule(experiment),
        *_evaluated_again(experiment),
        *_settled(experiment),
        *_given_away(experiment, facts),
    ]


def figures(metrics: Iterable[str], facts: Facts | None) -> dict[str, str | None]:
    """Every figure that the result will have, with the reason where the data has no such split."""
    has = {
        "train": None,
        "validation": None if facts is None or facts.validation else "`data` has no `validation` split",
        "test": None if facts is None or facts.test else "the data has no test split",
    }
    known = {f"{split}.{name}": why for split, why in has.items() for name in ("loss", *metrics)}
    return known | dict.fromkeys(MEASURED)


def unknown_figures(sections: Mapping[str, Any], facts: Facts | None) -> Iterator[Mistake]:
    """Metrics named by `stop`, `best`, `scheduler` and `expect` that the run won't have."""
    metrics, loss = sections.get("metrics"), sections.get("loss")
    named = loss["terms"] if isinstance(loss, Mapping) else {}
    measured = [f"loss.{name}" for name in named if name]
    known = figures((*measured, *(metrics if isinstance(metrics, Mapping) else ())), facts)
    watched = {name: why for name, why in known.items() if name.startswith("validation.")}
    for path in WATCHED:
        name = _at(sections, path)
        if not isinstance(name, str):
            continue
        if name not in watched:
            help, suggestion = did_you_mean(_whole(name, watched), watched)
            chooses = name in known or name.startswith(("train.", "test."))
            help = "only the validation split chooses" if chooses else _unmeasured(name) or help
            yield Mistake("unknown-name", path, f"training watches no `{name}`", help, suggestion)
        elif known[name]:
            yield Mistake("wrong-value", path, f"there will be no `{name}`", known[name])
        elif _has_no_direction(name, metrics) and not _says_mode(sections, path):
            message = f"whether a higher `{name}` is better isn't known"
            yield Mistake("wrong-value", path, message, "`validation.loss` is better when lower")
    expected = sections.get("expect")
    for name in expected if isinstance(expected, Mapping) else ():
        path = ("expect", name)
        if name not in known:
            help, suggestion = did_you_mean(_whole(name, known), known)
            help = _unmeasured(name) or help
            yield Mistake("unknown-name", path, f"the result has no `{name}`", help, suggestion, at="key")
        elif known[name]:
            yield Mistake("wrong-value", path, f"there will be no `{name}`", known[name], at="key")


def _whole(name: str, known: Mapping[str, str | None]) -> str:
    """A figure that lacks its split, or says it otherwise, with the one that was likely meant."""
    short = re.fullmatch(r"(val|valid|validation|dev|train|test)[._/](\w+)", name)
    metric = short[2] if short else name
    metric = next((snake_case(ours) for ours in names_meant(metric, ("metric",))), metric)
    if short:
        split = short[1] if short[1] in ("train", "test") else "validation"
        return f"{split}.{metric}"
    name = metric
    figures = [figure for figure in (f"validation.{name}", f"test.{name}") if figure in known]
    return next((figure for figure in figures if known[figure] is None), figures[0] if figures else name)


def _has_no_direction(figure: str, metrics: Any) -> bool:
    """Whether it is a metric of which neither more nor less is better."""
    term = metrics.get(figure.partition(".")[2]) if isinstance(metrics, Mapping) else None
    if not isinstance(term, Mapping):
        return False
    call = term.get("call")
    return call is None or (call is not BROKEN and call.entry.rising is None)


def _says_mode(sections: Mapping[str, Any], path: Path) -> bool:
    """Whether the schedule says itself which direction is better."""
    call = _at(sections, ("scheduler", "call")) if path[0] == "scheduler" else None
    return call is not None and call is not BROKEN and "mode" in call.arguments


def exclusive(sections: Mapping[str, Any]) -> Iterator[Mistake]:
    """Keys that stand for one another: two of them at once."""
    for path, first, second in EXCLUSIVE:
        for place, section in _mappings(sections, path):
            if len(_said(section, first, second)) == 2:
                message = f"`{path[-1]}` takes either `{first}` or `{second}`"
                yield Mistake("wrong-value", (*place, second), message, at="key")


def incomplete(sections: Mapping[str, Any]) -> Iterator[Mistake]:
    """Sections that say neither of two keys without which they do nothing."""
    for path, first, second in NEEDED_ONE:
        for place, section in _mappings(sections, path):
            if not _said(section, first, second):
                yield Mistake("missing-key", place, f"`{path[-1]}` needs `{first}` or `{second}`", at="key")


def _mappings(sections: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The mapping at a path, or every mapping of the list there."""
    value = _at(sections, path)
    places = (
        [((*path, i), item) for i, item in enumerate(value)] if isinstance(value, list) else [(path, value)]
    )
    yield from ((place, item) for place, item in places if isinstance(item, Mapping))


def _said(section: Mapping[str, Any], *keys: str) -> list[str]:
    return [key for key in keys if section.get(key) not in (None, [])]


def _unmeasured(name: str) -> str | None:
    """How to measure a figure that is a metric which the file leaves out."""
    split, _, metric = name.partition(".")
    known = {snake_case(entry): entry for entry in lookup.names("metric")}
    if split not in ("train", "validation", "test") or metric not in known:
        return None
    return f"`metrics: [{known[metric]}]` measures it"


def _at(sections: Mapping[str, Any], path: Path) -> Any:
    value: Any = sections
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _unknown_fields(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """`from` and expressions of the loss and metrics name the output, its parts, and the batch's fields."""
    if facts is None:
        return
    draws = () if experiment.data is None else tuple(experiment.data.draw)
    for path, term in terms(experiment):
        for position, source in enumerate(term.inputs):
            if isinstance(source, Expression):
                for name in source.formula.names:
                    yield from _unknown_field(name, source.path, facts, draws, source.part_of(name))
            else:
                yield from _unknown_field(source, term.place(path, position), facts, draws)


def _unknown_field(
    name: str, path: Path, facts: Facts, draws: tuple[str, ...], part: tuple[int, int] | None = None
) -> Iterator[Mistake]:
    first, dot, parts = name.partition(".")
    if name in facts.fields or first == "output":
        return
    if first in draws:
        wrong = unknown_sample(name, path, draws, facts, part)
        yield from () if wrong is None else (wrong,)
        return
    near = [f"{draw}.{parts or 'output'}" for draw in draws]
    if parts.split(".")[0] != "output":
        near += [f"output{dot}{parts}", *facts.fields]
    help, suggestion = did_you_mean(name, near)
    if not name.replace(".", "").replace("_", "").isalnum():
        help, suggestion = "an expression is written `{expr: ...}`", None
    message = f"`{name}` is neither the output nor a field of the batch"
    if suggestion is None and parts.split(".")[0] == "output":
        help = f"`draw: {{{first}: {{same: ...}}}}` in `data` draws another sample for each"
    if help is None:
        help = "a batch has " + ", ".join(f"`{field}`" for field in facts.fields)
    yield Mistake("unknown-reference", path, message, help, suggestion, part=part, worked_out=True)


def _image_transforms(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """Augmentations and transforms of data that holds no images."""
    data = experiment.data
    if data is None or facts is None or "image" in facts.fields:
        return
    calls = (*data.augment, *data.transforms.train, *data.transforms.evaluation)
    for call in {call.path: call for call in calls}.values():
        message = f"`{call.name}` is for images, and a batch of this data has no `image`"
        help = "`scale` of a `number` field scales it" if call.name == "Normalize" else None
        yield Mistake("wrong-value", call.path, message, help, at=name_place(call.path, call.name))


def _means_of_bytes(experiment: Experiment) -> Iterator[Mistake]:
    """A mean of 0 to 255 for images, which are floats in [0, 1] by then."""
    data = experiment.data
    lists = () if data is None else (data.transforms.train, data.transforms.evaluation)
    first = [next((call for call in calls if call.name == "Normalize"), None) for calls in lists]
    for call in {call.path: call for call in first if call is not None}.values():
        mean, std = (_numbers(call.arguments.get(name)) for name in ("mean", "std"))
        if mean and max(mean) > 1:
            message = f"`Normalize` takes images in [0, 1], and their mean isn't {max(mean):g}"
            scaled = ", ".join(
                f"{name}: {_divided(n)}"
                for name, n in (("mean", mean), ("std", std))
                if max(n, default=0) > 1
            )
            help = f"divided by 255: {{{scaled}}}"
            yield Mistake("wrong-value", call.argument_path("mean"), message, help, severity="warning")


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    return values if all(isinstance(each, int | float) for each in values) else []


def _divided(numbers: list[float]) -> str:
    shares = [f"{number / 255:.4g}" for number in numbers]
    return shares[0] if len(shares) == 1 else f"[{', '.join(shares)}]"


def _inputs(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """Inputs that the model declares against what the data gives."""
    model = experiment.model
    if facts is None or model.from_data:
        return
    single = [given.name for given in model.inputs] == ["input"]
    if single and len(candidates(facts)) != 1:
        listed = ", ".join(f"`{name}`" for name in candidates(facts)) or "none"
        message = f"`input` stands for the data's only field that is no target, and there are {listed}"
        help = f"for example `inputs: [{', '.join(candidates(facts))}]`" if candidates(facts) else None
        yield Mistake("wrong-value", ("model", "input"), message, help, at="key")
        return
    for given, name in zip(model.inputs, input_fields(model, facts), strict=True):
        field = facts.fields.get(name)
        if field is None:
            help, suggestion = did_you_mean(name, facts.fields)
            message = f"a batch of the data has no field `{name}`"
            yield Mistake("unknown-reference", given.path, message, help, suggestion, at="key")
        elif field.shape is None:
            yield from _channels(given, field)
        elif given.shape is not None and given.shape != field.shape:
            message = f"`{given.name}` is {list(given.shape)}, but the data gives {list(field.shape)}"
            help = f"write {list(field.shape)}, or leave `input` out: it follows from the data"
            yield Mistake("shape-mismatch", given.path, message, help, str(list(field.shape)))
        elif given.shape is not None and given.dtype != field.dtype:
            message = f"`{given.name}` is {given.dtype}, but the data gives {field.dtype}"
            help = f"write `{{shape: {list(field.shape)}, dtype: {field.dtype}}}`"
            yield Mistake("dtype-mismatch", given.path, message, help)


def _channels(given: Input, field: Field) -> Iterator[Mistake]:
    """An input for images of another kind, where only their size must be read."""
    shape = given.shape
    if shape is None or field.channels is None or (len(shape) == 3 and shape[0] == field.channels):
        return
    message = f"`{given.name}` is {list(shape)}, but the data gives images of {field.channels} channels"
    size = list(shape[-2:]) if len(shape) > 1 else [224, 224]
    yield Mistake("shape-mismatch", given.path, message, f"for example {[field.channels, *size]}")


def _schedule(experiment: Experiment) -> Iterator[Mistake]:
    scheduler = experiment.scheduler
    if scheduler is not None and scheduler.call.name == "ReduceLROnPlateau" and scheduler.every == "step":
        message = "`ReduceLROnPlateau` follows a metric, which is measured once an epoch"
        yield Mistake("wrong-value", ("scheduler", "every"), message, "every: epoch")
    right = _mode(experiment)
    if scheduler is not None and right is not None and scheduler.call.arguments.get("mode", right) != right:
        better = "higher" if right == "max" else "lower"
        message = f"`{scheduler.metric}` is better when {better}, and this mode waits for the opposite"
        help = f"`mode: {right}`, as it is where it is left out"
        place = scheduler.call.argument_path("mode")
        yield Mistake("wrong-value", place, message, help, right, severity="warning")


def _mode(experiment: Experiment) -> str | None:
    """The direction in which the metric of a `ReduceLROnPlateau` is better; None where that isn't known."""
    _, _, figure = ((experiment.scheduler and experiment.scheduler.metric) or "").partition(".")
    if figure.partition(".")[0] == "loss":
        return "min"
    metric = experiment.metrics.get(figure)
    rising = None if metric is None or metric.call is None else metric.call.entry.rising
    return None if rising is None else "max" if rising else "min"


def directed(experiment: Experiment) -> Experiment:
    """With the `mode` of a `ReduceLROnPlateau`, where it isn't said: PyTorch's default knows no metric."""
    scheduler, mode = experiment.scheduler, _mode(experiment)
    if scheduler is None or mode is None or "mode" in scheduler.call.arguments:
        return experiment
    call = replace(scheduler.call, arguments={**scheduler.call.arguments, "mode": mode})
    return experiment.model_copy(update={"scheduler": scheduler.model_copy(update={"call": call})})


def _evaluated_again(experiment: Experiment) -> Iterator[Mistake]:
    """What can't be done with `LBFGS`, which evaluates the loss and its gradient several times a step."""
    if experiment.optimizer is None or experiment.optimizer.call.name != "LBFGS":
        return
    why = "`LBFGS` evaluates the same batch several times a step"
    if experiment.optimizer.groups:
        message = "`LBFGS` has no groups: it takes all parameters as one vector"
        yield Mistake("wrong-value", ("optimizer", "groups"), message, at="key")
    if experiment.train.accumulate > 1:
        message = f"{why}, and can't accumulate {experiment.train.accumulate}"
        help = "a larger `data.batch_size` has the same effect"
        yield Mistake("wrong-value", ("train", "accumulate"), message, help)
    if experiment.train.precision == "fp16":
        message = f"{why}, which the loss scaling of `fp16` doesn't allow"
        yield Mistake("wrong-value", ("train", "precision"), message, "`bf16` needs no scaling", "bf16")


def _settled(experiment: Experiment) -> Iterator[Mistake]:
    """Expectations that no training can meet, or none can miss: mostly percent where a share is meant."""
    for name, expected in experiment.expect.items():
        term = experiment.metrics.get(name.partition(".")[2])
        most = None if term is None or term.call is None else term.call.entry.most
        if most is None:
            continue
        operator, bound = expected.operator, expected.bound
        above = bound > most or (bound == most and operator in (">", "<="))
        if not above:
            continue
        never = operator in (">=", ">", "==")
        message = f"`{name}` is at most {most:g}, so `{expected.rule}` {'never' if never else 'always'} holds"
        share = bound / 100 if 1 < bound <= 100 else None
        help = None if share is None else f'{bound:g} % is "{operator} {share:g}"'
        yield Mistake("wrong-value", ("expect", name), message, help, severity="warning")


def _given_away(experiment: Experiment, facts: Facts | None) -> Iterator[Mistake]:
    """Inputs that hold the answer."""
    single = [given.name for given in experiment.model.inputs] == ["input"]
    if experiment.data is not None and facts is not None and not (single and len(candidates(facts)) != 1):
        yield from given_away(experiment.data, input_fields(experiment.model, facts))
