"""An experiment, its network's output and its data's facts -> the mistakes in loss and metrics.

Both are tried on small batches of different numbers: what only the values in one decide (the lengths of
`CTCLoss`) is no mistake.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from yamlnet.catalog import lookup
from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts
from yamlnet.catalog.losses import EQUAL, NUM_CLASSES, OF_CLASSES, loss_of
from yamlnet.diagnostics import Mistake, Path, YamlnetError, did_you_mean, plural
from yamlnet.language.calls import name_place
from yamlnet.language.draws import terms
from yamlnet.language.experiment import Experiment, Loss, MetricTerm, Source, Term
from yamlnet.language.nodes import Expression
from yamlnet.network.activations import given
from yamlnet.network.bind import takes_all, unfit
from yamlnet.network.complaints import said
from yamlnet.network.failures import DTYPES
from yamlnet.network.formula import FormulaError
from yamlnet.network.formula import compute as work_out
from yamlnet.network.found import Shapes
from yamlnet.network.probe import BATCH
from yamlnet.network.words import at_argument, shape, sources
from yamlnet.training import suited
from yamlnet.training.classes import compares_classes
from yamlnet.training.criteria import criteria
from yamlnet.training.example import FILLS, example
from yamlnet.training.measure import ERRORS
from yamlnet.training.meter import meter
from yamlnet.training.objective import Batch, Criteria, objective, picks, shown

CPU = torch.device("cpu")
MAX_BYTES = 2**30
"""What a batch may give for its loss to be tried."""

Example = tuple[Any, Batch]


def judge(experiment: Experiment, shapes: Shapes, facts: Facts | None) -> list[Mistake]:
    """Tries every term of the loss, and every metric, on what was found of the network."""
    if facts is None or not shapes.complete or any(field.shape is None for field in facts.fields.values()):
        return []
    if BATCH * max(given(shapes), default=0) > MAX_BYTES:
        return []
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        return _compared(experiment, shapes, facts)


def _compared(experiment: Experiment, shapes: Shapes, facts: Facts) -> list[Mistake]:
    draws = () if experiment.data is None else tuple(experiment.data.draw)
    examples = [example(shapes, facts, draws, fill) for fill in FILLS]
    mistakes: list[Mistake] = []
    wrong: list[Source] = []
    for path, term in terms(experiment):
        if isinstance(term, MetricTerm) and (
            all(source in wrong for source in term.inputs) or (wrong and _is_scored(term, experiment.loss))
        ):
            continue  # it would say of the loss's values what the loss has said, or can't make its scores
        found = [_tried(path, term, experiment.loss, given, facts) for given in examples]
        if all(found):
            wrong += term.inputs if isinstance(term, Term) else ()
            mistakes += [_with_sources(mistake, term, shapes) for mistake in found[0]]
    if not mistakes and experiment.loss is not None:
        mistakes += _constant(experiment.loss, examples)
    return mistakes or list(suited.judge(experiment, shapes, facts))


def _with_sources(mistake: Mistake, term: Term | MetricTerm, shapes: Shapes) -> Mistake:
    """A mistake in what a term compares, with the calls that give it."""
    if mistake.code not in ("loss-mismatch", "dtype-mismatch"):
        return mistake
    values = [suited.judged(name, shapes.output) for name in term.inputs if isinstance(name, str)]
    values = [value for value in values if isinstance(value, Tensor)]
    made = [shapes.makers.get(id(value)) for value in values]
    return replace(mistake, related=sources(made, values))


def _tried(
    path: Path, term: Term | MetricTerm, loss: Loss | None, given: Example, facts: Facts
) -> list[Mistake]:
    """What is wrong with a term on this example."""
    call = term.call
    values, mistakes = _inputs(term, path, given)
    if mistakes:
        return mistakes
    if call is None:
        return _no_number(term, path, given) if isinstance(term, Term) else _no_figure(term, values[0])
    wrong = _unequal(call, term.inputs, values) or _classes(call, term, values, facts)
    wrong = wrong or _count(call, term, values)
    if wrong is None and call.entry.kind == "function":
        wrong = unfit(call, values, ())
    if wrong is not None:
        return [wrong]

    def run() -> None:
        if isinstance(term, MetricTerm):
            unread = 2 if facts.train is None else None
            losses = _criteria(loss, given)
            counted = meter({"": term}, loss, given, facts.most_classes or unread, CPU, losses)
            counted.count([[taken] for taken in counted.take(*given)])
            counted.compute()
        else:
            alone = Loss(terms={"": term})
            objective(alone, CPU, criteria(alone, lambda: given, None)).losses(*given)

    return _refused(call, values, run)


def _inputs(term: Term | MetricTerm, path: Path, given: Example) -> tuple[list[Any], list[Mistake]]:
    """The values of a term's sources."""
    values: list[Any] = []
    for position, source in enumerate(term.inputs):
        if isinstance(source, Expression):
            value, wrong = _worked_out(source, given)
        else:
            value, wrong = _part(source, term.place(path, position), given)
        if wrong is None and term.call is not None:
            wrong = _no_tensor(source, value, term, term.call)
        if wrong is not None:
            return [], [wrong]
        values.append(value)
    return values, []


def _part(
    name: str, path: Path, given: Example, part: tuple[int, int] | None = None
) -> tuple[Any, Mistake | None]:
    """A part of the output, or a field of the batch."""
    whole = name.rpartition(".")[0]
    try:
        if whole and name not in given[1] and isinstance(picks([whole])[0](*given), Tensor):
            raise TypeError(name)  # it would be a sample of the batch
        return picks([name])[0](*given), None
    except (KeyError, IndexError, TypeError, ValueError):
        output = given[0]
        parts = [f"output.{key}" for key in output] if isinstance(output, Mapping) else []
        help, suggestion = did_you_mean(name, parts)
        message = f"the model's output {shape(output)} has no part `{name}`"
        return None, Mistake("unknown-reference", path, message, help, suggestion, part=part, worked_out=True)


def _worked_out(source: Expression, given: Example) -> tuple[Any, Mistake | None]:
    """What an expression gives."""
    values = {}
    for name in source.formula.names:
        values[name], wrong = _part(name, source.path, given, source.part_of(name))
        if wrong is not None:
            return None, wrong
    try:
        return work_out(source.formula, values, BATCH), None
    except FormulaError as error:
        said = re.sub(rf"\[{BATCH}(?:, )?", "[", str(error).strip().split("\n")[0]).rstrip(".")
        said = said[:1].lower() + said[1:] if said[1:2].islower() else said
        arrives = " and ".join(f"`{name}` is {shape(value)}" for name, value in values.items())
        said = "shapes that don't go together" if re.search(rf"\b{BATCH}\b", said) else said
        message = f"this can't be worked out: {said}, where {arrives}"
        place = (error.start, error.end)
        return None, Mistake("shape-mismatch", source.path, message, part=place, worked_out=True)


def _no_tensor(source: Source, value: Any, term: Term | MetricTerm, call: Call) -> Mistake | None:
    if isinstance(value, Tensor) or (takes_all(call) and isinstance(value, tuple | list)):
        return None
    message = f"{shown(source)} is {shape(value)}, and `{call.name}` takes one tensor"
    help = None
    if not isinstance(source, Expression):
        part = next(iter(value)) if isinstance(value, Mapping) else 0
        others = [item for item in term.inputs[1:] if isinstance(item, str)]
        help = f"name a part: `from: [{', '.join([f'{source}.{part}', *others])}]`"
    return _at(call, "loss-mismatch", message, help)


def _no_number(term: Term, path: Path, given: Example) -> list[Mistake]:
    """An expression whose mean there isn't."""
    source = term.inputs[0]
    try:
        objective(Loss(terms={"": term}), CPU).losses(*given)
    except YamlnetError as error:
        place = source.path if isinstance(source, Expression) else path
        return [Mistake("loss-mismatch", place, error.message.replace("it gives", "this gives"))]
    return []


def _no_figure(term: MetricTerm, value: Any) -> list[Mistake]:
    """An expression that isn't a tensor of real numbers."""
    if isinstance(value, Tensor) and not value.is_complex():
        return []
    what = "complex numbers" if isinstance(value, Tensor) else "several results"
    assert isinstance(term.inputs[0], Expression)
    return [
        Mistake("loss-mismatch", term.inputs[0].path, f"this gives {what}, and a figure is the mean of one")
    ]


def _unequal(call: Call, names: Sequence[Source], values: Sequence[Tensor]) -> Mistake | None:
    """Tensors that are compared number by number and haven't equal shapes."""
    count = 2 if call.name in (*ERRORS, "R2Score") else EQUAL.get(loss_of(call), 0)
    if all(value.shape == values[0].shape for value in values[:count]):
        return None
    pairs = list(zip(names, values, strict=True))[:count]
    arrive = " and ".join(f"{shown(source)} is {shape(value)}" for source, value in pairs)
    message = f"`{call.name}` compares equal shapes, but {arrive}"
    return _at(call, "loss-mismatch", message, _equalled(call, names, values[:count]))


def _equalled(call: Call, names: Sequence[Source], values: Sequence[Tensor]) -> str | None:
    """How two tensors would have equal shapes, or what compares them as they are."""
    if len(values) != 2 or not all(isinstance(name, str) for name in names):
        return None
    first, second = values
    if second.dim() == 1 and first.dim() == 2 and first.shape[1] > 1 and not second.is_floating_point():
        comparing = "Accuracy" if call.entry.kind == "metric" else "CrossEntropyLoss"
        return f"`{comparing}` compares a number for each class with the number of the class"
    for place, (one, other) in enumerate(((first, second), (second, first))):
        if one.dim() == other.dim() + 1 and one.shape[-1] == 1 and one.shape[:-1] == other.shape:
            sides = [f'{{expr: "squeeze({n}, -1)"}}' if i == place else n for i, n in enumerate(names)]
            return f"`from: [{', '.join(map(str, sides))}]`"
    return None


def _classes(call: Call, term: Term | MetricTerm, values: Sequence[Tensor], facts: Facts) -> Mistake | None:
    """Fewer numbers than there are classes, or numbers in more axes than the target has."""
    counts = NUM_CLASSES.get(call.name)
    if (loss_of(call) not in OF_CLASSES and counts is None) or len(values) < 2:
        return None
    given, target, name = values[0], values[1], term.inputs[1]
    if _is_of_one_class(call, given) and (target.is_floating_point() or facts.classes_of(str(name)) is None):
        message = (
            f"`{call.name}` of one number for each sample is always 0, so that there is nothing to learn"
        )
        return _at(
            call, "loss-mismatch", message, "`MSELoss` compares numbers, `BCEWithLogitsLoss` a yes or no"
        )
    if not isinstance(name, str) or name not in facts.targets or target.is_floating_point():
        return None
    num_classes = facts.classes_of(name)
    if num_classes is None:
        return None
    if counts is not None:
        said = call.arguments.get(counts)
        if said is None or said >= num_classes:
            return None
        message = f"`{counts}` of `{call.name}` is {said}, and the data has {num_classes} classes"
        return _at(call, "loss-mismatch", message, f"`{counts}: $num_classes` follows the data")
    if target.dim() == 1 and given.dim() != 2:
        message = f"`{call.name}` takes one number for each class, and {shape(given)} arrives"
        help = "`Flatten` before the last `Linear` gives it a vector" if given.dim() > 2 else None
        return _at(call, "loss-mismatch", message, help)
    if given.shape[1] >= num_classes:
        return None
    message = f"the network gives {plural(given.shape[1], 'number')}, and the data has {num_classes} classes"
    return _at(call, "loss-mismatch", message, "`Linear: $num_classes` follows the data")


def _is_of_one_class(call: Call, given: Tensor) -> bool:
    return loss_of(call) == "CrossEntropyLoss" and given.dim() > 1 and given.shape[1] == 1


def _count(call: Call, term: Term | MetricTerm, values: Sequence[Tensor]) -> Mistake | None:
    """Another number of classes, or of labels, than a metric gets numbers for."""
    if not isinstance(term, MetricTerm) or not compares_classes(call) or not values[0].is_floating_point():
        return None
    for name in ("num_classes", "num_labels"):
        said, given = call.arguments.get(name), values[0]
        if isinstance(said, int) and given.dim() > 1 and given.shape[1] not in (1, said):
            message = f"`{name}` of `{call.name}` is {said}, but {given.shape[1]} arrive in {shape(given)}"
            help = f"write {given.shape[1]}, or leave `{name}` out: it is inferred"
            return Mistake("loss-mismatch", call.argument_path(name), message, help)
    return None


def _refused(call: Call, values: Sequence[Any], run: Callable[[], object]) -> list[Mistake]:
    """What making and trying it raises."""
    try:
        run()
    except YamlnetError as error:
        if error.exit_code == 1:
            return [_at(call, "wrong-value", error.message, error.help)]
        text = error.message
    except Exception as error:  # whatever torch raises here is its judgement
        text = str(error).strip().split("\n")[0]
    else:
        return []
    arrive = " and ".join(shape(value) for value in values)
    if re.search(DTYPES, text):
        types = " and ".join(str(value.dtype).removeprefix("torch.") for value in values)
        return [
            _at(call, "loss-mismatch", f"`{call.name}` can't take {arrive} of {types}", _types_help(call))
        ]
    unsuited = _task(call, values)
    if unsuited is not None:
        return [unsuited]
    text = re.sub(r"torch\.Size\((\[[^]]*\])\)", r"\1", text)
    told = said(re.sub(rf"\[{BATCH}(?:, )?", "[", text), call)
    words = "" if re.search(rf"\b{BATCH}\b", told.words) else f": {told.words}"
    message = f"`{call.name}` can't take {arrive}{words}"
    return [at_argument("loss-mismatch", call, told.parameter, message, told.help)]


def _task(call: Call, values: Sequence[Any]) -> Mistake | None:
    """A metric of two classes, or of labels, that gets a number for each class and the class's number."""
    if call.entry.kind != "metric" or len(values) < 2 or not all(isinstance(v, Tensor) for v in values):
        return None
    scores, target = values[0], values[1]
    if scores.dim() != 2 or scores.shape[1] < 2 or target.dim() != 1 or target.is_floating_point():
        return None
    task, general = call.arguments.get("task"), re.sub("^(Binary|Multilabel)", "", call.name)
    if task not in ("binary", "multilabel") and general == call.name:
        return None
    what = f"`{call.name}`" if general != call.name else f"`task: {task}` of `{call.name}`"
    message = f"{what} compares equal shapes, and {shape(scores)} and {shape(target)} arrive"
    follows = "compares a number for each class with the number of the class"
    if general != call.name:
        help = f"`{general}` {follows}" if lookup.find(general, "metric") else None
        return _at(call, "loss-mismatch", message, help)
    help = f"`task: multiclass` {follows}"
    return at_argument("loss-mismatch", call, "task", message, help)


def _types_help(call: Call) -> str | None:
    """What a loss of classes takes."""
    if loss_of(call) not in OF_CLASSES:
        return None
    return "it takes a float for each class, and of the target the class's number, an int64"


def _constant(loss: Loss, examples: Sequence[Example]) -> list[Mistake]:
    """A loss that no weight of the network changes."""

    def trained(tensor: Tensor) -> Tensor:
        return tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor

    aim = objective(loss, CPU, _criteria(loss, examples[0]))
    for output, batch in examples:
        made = {name: tree_map(trained, value) for name, value in batch.items() if name.endswith(".output")}
        with suppress(Exception), torch.enable_grad():  # this one's values don't suit the loss
            if aim.total(aim.losses(tree_map(trained, output), {**batch, **made})).requires_grad:
                return []
    message = "the loss doesn't depend on the network's output, so that there is nothing to learn"
    return [Mistake("loss-mismatch", ("loss",), message, "`from` names `output`, or a part of it", at="key")]


def _is_scored(metric: MetricTerm, loss: Loss | None) -> bool:
    """Whether a metric compares what a loss with weights makes of the output."""
    calls = [term.call for term in loss.terms.values() if term.inputs[0] == metric.inputs[0]] if loss else []
    return any(call is not None and call.name in NUM_CLASSES for call in calls)


def _criteria(loss: Loss | None, given: Example) -> Criteria:
    """The losses with weights; none where one of them can't be made, which is its own mistake."""
    with suppress(YamlnetError):
        return criteria(loss, lambda: given, None)
    return {}


def _at(call: Call, code: str, message: str, help: str | None = None) -> Mistake:
    return Mistake(code, call.path, message, help, at=name_place(call.path, call.name))
