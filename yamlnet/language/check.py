"""The phases in order: text -> Checked, the experiment and every mistake that needs no torch to be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yamlnet.catalog.entry import Call
from yamlnet.catalog.facts import Facts, share
from yamlnet.catalog.own import FIXED
from yamlnet.diagnostics import Diagnostic, Mistake
from yamlnet.language.consistency import exclusive, inconsistencies, missing_sections, unknown_figures
from yamlnet.language.experiment import Data, Experiment
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.extends import extended
from yamlnet.language.files import Text
from yamlnet.language.graphs import read_model
from yamlnet.language.inputs import data_inputs
from yamlnet.language.merge import with_options
from yamlnet.language.nodes import Input
from yamlnet.language.sections import READERS
from yamlnet.language.source import Document, normal, read
from yamlnet.language.substitution import evaluate_vars, substitute
from yamlnet.language.validate import validate, validate_data


@dataclass(frozen=True)
class Checked:
    """What the language phases found: an Experiment where they found no error.

    `plain` is the document with `$` worked out, `facts` what is known of the data, `bases` the files that it
    extends.
    """

    source: Text
    options: tuple[str, ...]
    document: Document | None
    plain: Mapping[str, Any]
    experiment: Experiment | None
    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]
    bases: tuple[Text, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether there is an error (warnings alone are none)."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def texts(self) -> Mapping[str, str]:
        """The texts that the diagnostics point into."""
        if self.document is None:
            return {self.source.file: normal(self.source.text)}
        return self.document.texts


def check(
    source: Text, options: Sequence[str] = (), facts: Facts | None = None, to_train: bool = False
) -> Checked:
    """Checks a text with its options; `facts` are those of data that has been read, where it has."""
    document, diagnostics = read(source.text, source.file)
    if document is None:
        return Checked(source, tuple(options), None, {}, None, facts, tuple(diagnostics))
    document, bases, found = extended(source, document)
    diagnostics += found
    if any(diagnostic.severity == "error" for diagnostic in found):
        return Checked(source, tuple(options), document, {}, None, facts, tuple(diagnostics), bases)
    document, found = with_options(document, options)
    diagnostics += found
    plain = document.root.plain()
    if not isinstance(plain, dict):
        wrong = Mistake("wrong-type", (), "an experiment is a mapping with `model` and more")
        return Checked(
            source, tuple(options), document, {}, None, facts, (*diagnostics, document.locate(wrong))
        )
    plain = {key: v for key, v in plain.items() if v is not None or key not in Experiment.model_fields}
    experiment, plain, facts, mistakes = _experiment(plain, source.name, facts, to_train)
    diagnostics += [document.locate(mistake) for mistake in mistakes]
    if any(d.severity == "error" for d in diagnostics):
        experiment = None
    found_all = tuple(sorted(diagnostics, key=_place))
    return Checked(source, tuple(options), document, plain, experiment, facts, found_all, bases)


def _place(diagnostic: Diagnostic) -> tuple[Any, ...]:
    return diagnostic.span, diagnostic.code, diagnostic.message


def _experiment(
    plain: dict[str, Any], name: str, facts: Facts | None, to_train: bool
) -> tuple[Experiment | None, dict[str, Any], Facts | None, list[Mistake]]:
    mistakes = missing_sections(set(plain), to_train)
    given = plain.get("vars", {})
    values, found = evaluate_vars(given, ("vars",)) if isinstance(given, dict) else ({}, [])
    mistakes += found
    plain = {**plain, "vars": values} if isinstance(given, dict) and "vars" in plain else plain
    raw: dict[str, Any] = {"name": name}
    for section in sorted(plain, key=lambda key: key != "data"):
        scope = values if section in ("vars", "data") else {**values, **_scope(raw.get("data"), facts)}
        if section != "vars":
            plain[section], found = substitute(plain[section], (section,), scope)
            mistakes += found
        if section == "data":
            raw["data"], facts, found = _data(plain["data"], facts)
        elif section == "model":
            raw["model"], found = read_model(plain["model"], ("model",), _data_inputs(plain, facts))
        elif section in READERS:
            raw[section], found = READERS[section](plain[section], (section,))
        else:
            raw[section], found = plain[section], []
        mistakes += found
    return _validated(raw, plain, facts, mistakes)


def _validated(
    raw: dict[str, Any], plain: dict[str, Any], facts: Facts | None, mistakes: list[Mistake]
) -> tuple[Experiment | None, dict[str, Any], Facts | None, list[Mistake]]:
    experiment, found = validate(_known(raw), plain)
    at = {mistake.path for mistake in mistakes}
    if raw.get("model") is None:
        at.add(("model",))
    mistakes = (
        mistakes
        + [m for m in found if m.path not in at and (m.code, m.path) != ("missing-key", ())]
        + list(exclusive(plain))
    )
    at = {mistake.path for mistake in mistakes}
    figures = unknown_figures({**raw, "expect": plain.get("expect")}, facts)
    mistakes += [mistake for mistake in figures if mistake.path not in at]
    right = not any(m.severity == "error" for m in mistakes)
    if right and experiment is not None:
        mistakes += inconsistencies(experiment, facts)
    elif right:
        message = "what the network is made of can't depend on data that isn't read yet"
        mistakes.append(Mistake("expression", ("model",), message, at="key"))
    return experiment, plain, facts, mistakes


def _known(value: Any) -> Any:
    """A section without the values that aren't known: their mistakes have been reported."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [_known(item) for item in value if item is not UNKNOWN]
    return value


def _data(value: Any, facts: Facts | None) -> tuple[Any, Facts | None, list[Mistake]]:
    raw, mistakes = READERS["data"](value, ("data",))
    data = validate_data(_known(raw)) if isinstance(raw, dict) else None
    if facts is None and data is not None and not mistakes:
        facts = fixed_facts(data)
    return raw, facts, mistakes


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
    return Facts(whole.fields, whole.targets, whole.num_classes, train, counts["validation"], counts["test"])


def _scope(data: Any, facts: Facts | None) -> dict[str, Any]:
    """The data's facts as names of expressions; unknown until the data is read."""
    if data is None:
        return {}
    batch_size = (
        data.get("batch_size", Data.model_fields["batch_size"].default) if isinstance(data, dict) else None
    )
    steps: object = UNKNOWN
    if facts is not None and facts.train is not None and isinstance(batch_size, int) and batch_size > 0:
        steps = -(-facts.train // batch_size)
    return {
        "num_classes": UNKNOWN if facts is None or facts.num_classes is None else facts.num_classes,
        "num_samples": UNKNOWN if facts is None or facts.train is None else facts.train,
        "steps_per_epoch": steps,
    }


def _data_inputs(plain: Mapping[str, Any], facts: Facts | None) -> tuple[Input, ...] | None:
    if "data" not in plain:
        return None
    return (Input("input", None, "float32", ("data",)),) if facts is None else data_inputs(facts)
