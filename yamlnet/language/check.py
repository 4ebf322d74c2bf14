"""The phases in order: text -> Checked, the experiment and every mistake that needs no torch to be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from yamlnet.catalog.allowed import NOTHING, Allowed
from yamlnet.catalog.facts import Facts
from yamlnet.diagnostics import MAX_MISTAKES, Diagnostic, Mistake, Path, nearest
from yamlnet.language.blocks import read_blocks
from yamlnet.language.consistency import (
    directed,
    exclusive,
    incomplete,
    inconsistencies,
    missing_sections,
    unknown_figures,
)
from yamlnet.language.depth import room
from yamlnet.language.experiment import Data, Experiment
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.extends import extended
from yamlnet.language.files import Text
from yamlnet.language.inputs import UNREAD
from yamlnet.language.known import read_data, without_unknown
from yamlnet.language.merge import with_options
from yamlnet.language.model import read_model
from yamlnet.language.named import with_names
from yamlnet.language.nodes import Model
from yamlnet.language.paths import outside
from yamlnet.language.sections import READERS
from yamlnet.language.source import Document, normal, read
from yamlnet.language.substitution import evaluate_vars, substitute
from yamlnet.language.unread import unread
from yamlnet.language.validate import validate
from yamlnet.language.vocabulary import FANS

OF_MODEL: tuple[Path, ...] = (("vars",), ("blocks",), ("data",), ("model",))
"""Where a mistake may make the network another one."""


@dataclass(frozen=True)
class Checked:
    """What the language phases found: an Experiment where they found no error.

    `plain` is the document with `$` worked out, `facts` what is known of the data, `bases` the files that it
    extends, `allow` what the person who runs it permits. `model` is the network, where nothing is wrong with
    it or the data, whatever else is.
    """

    source: Text
    options: tuple[str, ...]
    document: Document | None
    plain: Mapping[str, Any]
    experiment: Experiment | None
    facts: Facts | None
    diagnostics: tuple[Diagnostic, ...]
    bases: tuple[Text, ...] = ()
    origins: Mapping[int, tuple[Any, Path]] = field(default_factory=dict)
    allow: Allowed = NOTHING
    model: Model | None = None

    @property
    def wrong(self) -> bool:
        """Whether there is an error (warnings alone are none)."""
        return any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def texts(self) -> Mapping[str, str]:
        """The texts that the diagnostics point into."""
        if self.document is None:
            return {self.source.file: normal(self.source.text)}
        return self.document.texts


@room()
def check(
    source: Text,
    options: Sequence[str] = (),
    facts: Facts | None = None,
    to_train: bool = False,
    allow: Allowed = NOTHING,
    trained: bool = False,
) -> Checked:
    """Checks a text with its options; `facts` are those of data that has been read, where it has.

    Code that the text names is run only where `allow` names its package. A `trained` network has the weights
    of a run: the files of weights that the text names aren't read.
    """
    document, diagnostics = read(source.text, source.file)
    if document is None:
        return Checked(source, tuple(options), None, {}, None, facts, tuple(diagnostics))
    own = document.root.plain()
    document, bases, found = extended(source, document)
    diagnostics += found
    if any(diagnostic.severity == "error" for diagnostic in found):
        return Checked(source, tuple(options), document, {}, None, facts, _first(diagnostics), bases)
    without_options = document.root.plain()
    document, found = with_options(document, options)
    diagnostics += found
    plain = document.root.plain()
    if not isinstance(plain, dict):
        wrong = Mistake("wrong-type", (), "an experiment is a mapping with `model` and more")
        return Checked(
            source, tuple(options), document, {}, None, facts, (*diagnostics, document.locate(wrong))
        )
    plain = {key: v for key, v in plain.items() if v is not None or key not in Experiment.model_fields}
    sections = _Sections({**plain}, facts, allow)
    experiment, mistakes = sections.experiment(source.name, to_train)
    mistakes = with_names(mistakes, plain)
    if experiment is not None:
        mistakes += outside(source, document, experiment, trained)
    if not any(mistake.severity == "error" for mistake in mistakes):
        mistakes += unread(plain, without_options, own)
    diagnostics += [document.locate(mistake) for mistake in mistakes]
    if any(d.severity == "error" for d in diagnostics):
        experiment = None
    found_all = _first(sorted(diagnostics, key=_place))
    errors = [mistake.path[:1] for mistake in mistakes if mistake.severity == "error"]
    part = not any(place in errors for place in OF_MODEL)
    return Checked(
        source,
        tuple(options),
        document,
        sections.plain,
        experiment,
        sections.facts,
        found_all,
        bases,
        sections.origins,
        allow,
        sections.raw.get("model") if part else None,
    )


def _first(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """As many as anyone would read, and that there are more."""
    if len(diagnostics) <= MAX_MISTAKES:
        return tuple(diagnostics)
    told, others = diagnostics[:MAX_MISTAKES], diagnostics[MAX_MISTAKES:]
    severity = min(diagnostic.severity for diagnostic in others)
    message = f"there are more than {MAX_MISTAKES} mistakes: those below aren't told"
    return (*told, Diagnostic(others[0].span, "too-large", message, severity))


def _place(diagnostic: Diagnostic) -> tuple[Any, ...]:
    return diagnostic.span, diagnostic.code, diagnostic.message


class _Sections:
    """Reads the sections one after another: each may use what those before it say."""

    def __init__(self, plain: dict[str, Any], facts: Facts | None, allow: Allowed) -> None:
        self.plain = plain
        self.allow = allow
        self.facts = facts
        self.origins: Mapping[int, tuple[Any, Path]] = {}
        self.raw: dict[str, Any] = {}
        self.mistakes: list[Mistake] = []
        self.misspelt: dict[str, str] = {}

    def experiment(self, name: str, to_train: bool) -> tuple[Experiment | None, list[Mistake]]:
        """The experiment, and every mistake in its sections."""
        self.mistakes += missing_sections(set(self.plain), to_train)
        self.raw["name"] = name
        known = {*Experiment.model_fields, "blocks"}
        unknown = [key for key in self.plain if key not in known][:MAX_MISTAKES]
        self.misspelt = {near: key for key in unknown if (near := nearest(key, known))}
        values = self.vars()
        for section in sorted(self.plain, key=lambda key: key != "data"):
            facts = _scope(self.raw.get("data", UNKNOWN if "data" in self.misspelt else None), self.facts)
            self.section(section, values if section == "data" else {**facts, **values})
        return _validated(
            self.raw, self.plain, self.facts, self.mistakes, bool({"loss", "metrics"} & self.misspelt.keys())
        )

    def vars(self) -> Mapping[str, Any]:
        """The values that `vars` names."""
        given = self.plain.get("vars", self.plain.get(self.misspelt.get("vars", ""), {}))
        if not isinstance(given, dict):
            return {}
        values, found = evaluate_vars(given, ("vars",))
        self.mistakes += found
        if "vars" in self.plain:
            self.plain["vars"] = values
        return values

    def section(self, name: str, scope: Mapping[str, Any]) -> None:
        """One section: its expressions worked out, its calls resolved."""
        if name in (self.misspelt.get("vars"), self.misspelt.get("blocks")):
            self.raw[name] = self.plain[name]
            return
        if name in ("vars", "blocks"):
            self.raw.update({name: self.plain[name]} if name == "vars" else {})
            return
        if name == "model":
            self.model(scope)
            return
        late = FANS if name in ("init", self.misspelt.get("init")) else frozenset[str]()
        self.plain[name], found = substitute(self.plain[name], (name,), scope, late)
        self.mistakes += found
        if name == "data":
            self.raw["data"], self.facts, found = read_data(self.plain["data"], self.facts, self.allow)
        elif name in READERS:
            self.raw[name], found = READERS[name](self.plain[name], (name,), self.allow)
        else:
            self.raw[name], found = self.plain[name], []
        self.mistakes += found

    def model(self, scope: Mapping[str, Any]) -> None:
        """The network, and the blocks that it is made of."""
        key = self.misspelt.get("blocks", "blocks")
        blocks, found = read_blocks(self.plain.get(key), (key,))
        lost = "data" in self.misspelt or any("has no `data`" in m.message for m in self.mistakes)
        data = _data_inputs({"data": None} if lost else self.plain, self.facts)
        network = read_model(self.plain["model"], ("model",), scope, blocks, data, self.allow)
        self.raw["model"] = network.model
        self.plain["model"] = network.plain
        self.origins = network.origins
        self.mistakes += found + network.mistakes


def _validated(
    raw: dict[str, Any], plain: dict[str, Any], facts: Facts | None, mistakes: list[Mistake], lost: bool
) -> tuple[Experiment | None, list[Mistake]]:
    experiment, found = validate(without_unknown(raw), plain)
    at = {mistake.path for mistake in mistakes}
    if raw.get("model") is None:
        at.add(("model",))
    mistakes = (
        mistakes
        + [m for m in found if m.path not in at and (m.code, m.path) != ("missing-key", ())]
        + [*exclusive(plain), *incomplete(plain)]
    )
    mistakes = list(_without_consequences(mistakes))
    at = {mistake.path for mistake in mistakes}
    if not lost and not any(m.path[:1] == ("metrics",) and m.severity == "error" for m in mistakes):
        figures = islice(unknown_figures({**raw, "expect": plain.get("expect")}, facts), MAX_MISTAKES + 1)
        mistakes += [mistake for mistake in figures if mistake.path not in at]
    mistakes = list(_without_consequences(mistakes))
    right = not any(m.severity == "error" for m in mistakes)
    if right and experiment is not None:
        mistakes += inconsistencies(experiment, facts)
        experiment = directed(experiment)
    elif right:
        message = "what the network is made of can't depend on data that isn't read yet"
        mistakes.append(Mistake("expression", ("model",), message, at="key"))
    return experiment, mistakes


def _without_consequences(mistakes: Sequence[Mistake]) -> Iterator[Mistake]:
    """Leaves out that a key or an input is missing where a misspelt or misplaced one stands for it."""
    inputs = [m.suggestion for m in mistakes if m.code == "unknown-reference" and "inputs" in m.path[:2]]
    meant = {place for m in mistakes if m.code == "unknown-key" for place in _stood_for(m)}
    for mistake in mistakes:
        places = (mistake.path, mistake.path[:-1])
        missing = mistake.code in ("missing-key", "missing-parameter")
        if mistake.code == "unknown-reference" and any(
            f"no value `{name}` before" in mistake.message for name in inputs if name
        ):
            continue
        if not missing or not any(p in places and f"`{key}`" in mistake.message for p, key in meant):
            yield mistake


def _stood_for(mistake: Mistake) -> Iterator[tuple[Path, str]]:
    """The keys that an unknown one may have been meant as, and where."""
    help, around = mistake.help or "", mistake.path[:-1]
    if mistake.suggestion is not None:
        yield around, mistake.suggestion
    elif not help.startswith("choose from"):
        for word in re.findall(r"`(\w+)", help):
            yield from ((around, word), ((), word))
    if not around:
        yield ("model",), str(mistake.path[-1])


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
    known: dict[str, Any] = {
        "num_classes": UNKNOWN if facts is None or facts.num_classes is None else facts.num_classes,
        "num_categories": UNKNOWN if facts is None else _num_categories(facts),
        "num_samples": UNKNOWN if facts is None or facts.train is None else facts.train,
        "steps_per_epoch": steps,
    }
    if facts is not None and facts.train is not None and facts.num_classes is None:
        del known["num_classes"]
    return known


def _num_categories(facts: Facts) -> dict[str, Any]:
    return {
        name: UNKNOWN if field.num_categories is None else field.num_categories
        for name, field in facts.fields.items()
        if field.dtype == "int64"
    }


def _data_inputs(plain: Mapping[str, Any], facts: Facts | None) -> Facts | None:
    if "data" not in plain:
        return None
    return UNREAD if facts is None else facts
