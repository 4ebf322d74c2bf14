"""The JSON Schema: what `check` accepts fits it, and of the mistakes it refuses what a schema can see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.language.documents import RICH, ROOT
from tests.language.refused import OF_TERMS, REFUSED
from tests.test_docs import BASE, EXAMPLES
from yamlnet.catalog import lookup
from yamlnet.catalog.descriptions import description
from yamlnet.catalog.entry import KINDS, REQUIRED, Entry
from yamlnet.catalog.snippets import snippet
from yamlnet.language import experiment, files, resolve
from yamlnet.language.check import check
from yamlnet.language.codes import EXPLANATIONS
from yamlnet.language.expressions import UNKNOWN
from yamlnet.language.keys import SECTION_KEYS
from yamlnet.language.schema import document
from yamlnet.language.source import read
from yamlnet.language.words import WORDS

CASES = sorted((ROOT / "tests" / "cases").glob("*.yaml"))
FINE = [
    *sorted((ROOT / "configs").glob("**/*.yaml")),
    *sorted((ROOT / "yamlnet" / "templates").glob("*.yaml")),
    *(case for case in CASES if "error[" not in case.with_suffix(".out").read_text(encoding="utf-8")),
]
ENTRIES = [entry for kind in KINDS for name in lookup.names(kind) if (entry := lookup.find(name, kind))]
NET = {"input": [4], "Linear": 2}


@cache
def schema() -> Any:
    return json.loads(document.text())


@cache
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def refused(written: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}"[:300] for error in validator().iter_errors(written)]


def plain(text: str) -> Any:
    found, _ = read(text, "net.yaml")
    return None if found is None else found.root.plain()


def model(**node: Any) -> dict[str, Any]:
    return {"model": {"input": [4], **node}}


def test_it_is_a_schema_and_small_enough_for_an_editor() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"].endswith("2020-12/schema")
    assert schema() == json.loads(json.dumps(document.schema()))
    assert len(document.text().encode()) < 1_600_000


@pytest.mark.parametrize("path", FINE, ids=lambda path: path.stem)
def test_what_is_fine_fits_as_it_is_written_and_as_it_is_resolved(path: Path) -> None:
    assert refused(plain(path.read_text(encoding="utf-8"))) == []
    resolved = resolve.resolved(check(files.read(path)))
    assert refused(json.loads(json.dumps(resolved, default=unread))) == []


def unread(value: object) -> str:
    """What only the data can tell, and that isn't there."""
    assert value is UNKNOWN
    return "$unread"


@pytest.mark.parametrize("name", RICH)
def test_rich_texts_fit(name: str) -> None:
    assert refused(plain(RICH[name])) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_documentation_fit(example: str) -> None:
    written = plain(example)
    alone = "model" in written and "data" not in written
    assert refused(written if alone else {**BASE, **written}) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_fits_in_use(kind: Any) -> None:
    written = [(entry.name, snippet(entry)) for entry in ENTRIES if entry.kind == kind]
    assert [(name, found) for name, one in written if one and (found := refused(one))] == []


def test_the_examples_of_words_and_codes_fit() -> None:
    texts = {**{name: word.snippet for name, word in WORDS.items()}, **_right()}
    assert {name: found for name, text in texts.items() if (found := refused(plain(text)))} == {}


def _right() -> dict[str, str]:
    return {code: explanation.right for code, explanation in EXPLANATIONS.items()}


def test_the_mistakes_that_it_refuses_are_these() -> None:
    wrong = [case for case in CASES if case not in FINE]
    read_ones = [(case.stem, plain(case.read_bytes().decode("utf-8", "replace"))) for case in wrong]
    found = {name for name, written in read_ones if written is not None and refused(written)}
    there = OF_TERMS & {case.stem for case in wrong}
    assert found == REFUSED | there, (
        "tests/language/refused.py lists what a schema can see: is it meant to change?"
    )


# -- parameters -----------------------------------------------------------------------------------


def options(entry: Entry) -> Any:
    """The schema of an entry's arguments by name."""
    found = schema()["$defs"][f"{entry.kind}.{entry.name}"]
    return next(one for one in found["anyOf"] if "properties" in one)


def test_every_parameter_is_there_with_its_default_and_description() -> None:
    for entry in ENTRIES:
        arguments = options(entry)
        assert list(arguments["properties"]) == list(entry.options), entry.name
        assert arguments["additionalProperties"] is False
        for name, parameter in entry.options.items():
            found = arguments["properties"][name]
            plain_default = parameter.default is not REQUIRED and parameter.inferred is None
            assert ("default" in found) == plain_default, (entry.name, name)
            assert found.get("default") == (json_of(parameter.default) if plain_default else None)
            assert found.get("description", "").startswith(description(entry, name))
            assert {"anyOf", "$ref", "type"} & found.keys(), (entry.name, name)


def json_of(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_may_be_an_expression_and_none_a_mapping_of_nonsense(kind: Any) -> None:
    for entry in (entry for entry in ENTRIES if entry.kind == kind):
        at = validator().evolve(schema={"$ref": f"#/$defs/{kind}.{entry.name}", "$defs": schema()["$defs"]})
        assert at.is_valid("$value")
        for name, parameter in entry.options.items():
            assert at.is_valid({name: "$value"}), (entry.name, name)
            assert parameter.type == "any" or not at.is_valid({name: {"no": {"such": "thing"}}}), name


# -- sections -------------------------------------------------------------------------------------


def keys(section: type[experiment.Section], path: str) -> Iterator[str]:
    """Every key of a section that is validated as it is written, with dots."""
    for name, field in section.model_fields.items():
        yield f"{path}.{name}"
        inner = [one for one in experiment.Section.__subclasses__() if one.__name__ in str(field.annotation)]
        for one in inner:
            yield from keys(one, f"{path}.{name}")


@pytest.mark.parametrize(
    ("section", "path"), [(experiment.Data, "data"), (experiment.Train, "train")], ids=["data", "train"]
)
def test_every_key_of_a_section_is_there_and_has_a_sentence(
    section: type[experiment.Section], path: str
) -> None:
    known = list(keys(section, path))
    assert len(known) >= 8
    for key in known:
        assert SECTION_KEYS[key]
        steps = key.replace("draw.", "draw.other.").split(".")[1:]  # each draw has a name
        written: Any = "$value"
        for step in reversed(steps):
            written = {step: written}
        extension = {"extends": "base.yaml", path: written}
        assert refused(extension) == [], key
        assert refused({"extends": "base.yaml", path: _misspelt(written)}) != [], key


def _misspelt(written: Any) -> Any:
    (key, inner), *_ = written.items()
    return {key: _misspelt(inner)} if isinstance(inner, dict) else {f"{key}x": inner}


def test_every_section_and_side_has_a_description() -> None:
    head = schema()["properties"]
    assert set(head) == {*experiment.Experiment.model_fields, "extends", "blocks"}
    assert all(head[name]["description"] for name in head)
    nodes = next(one for one in schema()["$defs"]["graph-node"]["anyOf"] if "properties" in one)
    words = [name for name in nodes["properties"] if name in WORDS]
    assert len(words) > 15
    assert all(nodes["properties"][name]["description"] == WORDS[name].meaning for name in words)


def test_sentences_have_no_full_stop_and_name_keys_that_are_there() -> None:
    text = document.text()
    for sentence in SECTION_KEYS.values():
        assert not sentence.endswith(".")
        assert json.dumps(sentence, ensure_ascii=False) in text


TERM = {"CrossEntropyLoss": None, "from": ["output.cls", "target"]}
HOT = {"MSELoss": None, "from": ["output", {"expr": "one_hot(target, $num_classes)"}]}
KL = {"expr": "mean(output.mu ** 2)"}


@pytest.mark.parametrize(
    "loss",
    [
        *("MSELoss", "mse_loss", TERM, HOT, KL, {"relu": None, "from": {"expr": "output"}}),
        *(
            {"main": TERM, "kl": {**KL, "weight": 0.1}},
            {"main": "MSELoss", "hot": {**HOT, "weight": "$beta"}},
        ),
        *({"weight": TERM, "mse": KL}, {"mse_loss": {"mse_loss": {"reduction": "sum"}, "weight": -1}}),
    ],
    ids=str,
)
def test_a_loss_is_one_term_or_several_by_their_names(loss: Any) -> None:
    assert refused({**BASE, "loss": loss}) == []


@pytest.mark.parametrize(
    "loss",
    [
        *(
            {**TERM, "weight": 0.5},
            {**KL, "weight": 1},
            {**KL, "from": "output"},
            {"main": TERM, "weight": 0.1},
        ),
        *(
            {"main": TERM, "from": "output"},
            {"CrossEntropyLoss": {}, "kl": KL},
            {"main": {"CrossEntropy": None}},
        ),
        *({"main": {**TERM, "weight": "much"}}, {"lambda": TERM}, {"main": {**TERM, "from": [{"add": 1}]}}),
    ],
    ids=str,
)
def test_what_is_no_loss_is_refused(loss: Any) -> None:
    assert refused({**BASE, "loss": loss}) != []


def test_a_file_that_extends_another_may_say_a_part_of_a_term() -> None:
    for loss in ({"kl": {"weight": 0.2}}, {"main": {"CrossEntropyLoss": {"label_smoothing": 0.1}}}):
        assert refused({"extends": "base.yaml", "loss": loss}) == []


# -- names that only the file knows ---------------------------------------------------------------


@pytest.mark.parametrize(
    "node", ["Linaer", {"Linaer": 2}, {"Linaer": {"out_features": 2}}, {"Linear": 2, "Linaer": 3}], ids=str
)
def test_unknown_names_are_refused_where_there_are_no_blocks(node: Any) -> None:
    for written in (model(Sequential=[node]), model(ModuleDict={"fc": node})):
        assert refused(written)
    if node != {"Linear": 2, "Linaer": 3}:
        assert refused({**model(Sequential=[node]), "blocks": {"Linaer": {"Linear": 2}}}) == []
        assert refused({**model(Sequential=[node]), "extends": "blocks.yaml"}) == []


FOREIGN = ("my_pkg.layers.Gate", {"my_pkg.layers.Gate": None}, {"my_pkg.layers.Gate": {"width": [4, 4]}})
CATALOGUED = ("torch.nn.Linear", {"nn.Linear": 4}, {"torchvision.resnet81": None})


@pytest.mark.parametrize("extends", [{}, {"extends": "base.yaml"}], ids=["alone", "extending"])
@pytest.mark.parametrize("call", FOREIGN, ids=str)
def test_names_of_other_packages_fit_where_they_may_be_allowed(call: Any, extends: dict[str, str]) -> None:
    beside = call if isinstance(call, dict) else {call: None}
    for one in (
        model(Sequential=[call, {**beside, "repeat": 2}]),
        model(Sequential={"gate": call}, edit=[{"replace": "gate", "with": call}])
        | {"blocks": {"Block": {"params": {"size": 1}, **beside}}},
        model(ModuleDict={"gate": call, "again": {**beside, "from": ["gate", "input"]}}),
        model(ModuleDict={"gate": call}, forward=["gate", call, {**beside, "name": "value"}]),
        model(**beside, freeze=True),
        {**BASE, "data": {"dataset": call, "test": call}, "loss": call, "optimizer": call},
        {**BASE, "loss": {"first": {**beside, "from": ["output", "target"]}, "second": "MSELoss"}},
    ):
        assert refused({**one, **extends}) == [], one


@pytest.mark.parametrize("call", CATALOGUED, ids=str)
def test_names_that_should_be_in_the_catalogue_are_refused(call: Any) -> None:
    for one in (model(Sequential=[call]), {**BASE, "optimizer": call}, {**BASE, "loss": call}):
        assert refused(one), one


def test_modules_above_may_be_called_again_in_a_graph_only() -> None:
    for node in ("act", {"act": None, "from": "input"}):
        assert refused(model(ModuleDict={"act": "ReLU", "again": node})) == []
        assert refused(model(Sequential={"act": "ReLU", "again": node}))
    assert refused(model(ModuleDict={"act": "ReLU", "again": {"act": 3}}))


def test_a_file_that_extends_another_may_leave_out_what_that_says() -> None:
    part = {"model": {"Conv2d": {"kernel_size": 3}}, "data": {"batch_size": 8}, "scheduler": "OneCycleLR"}
    assert refused(part)
    assert refused({"extends": ["a.yaml", "b.yaml"], **part}) == []
    assert refused({"extends": "a.yaml", "model": {"Conv2d": {"kernal_size": 3}}})


def test_numbers_with_underscores_are_numbers_for_editors_too() -> None:
    assert refused(model(Linear="100_000")) == []
    assert refused(model(Linear="100000"))


def test_patterns_are_read_alike_by_python_and_ecmascript() -> None:
    patterns = re.findall(r'"(?:pattern)":"((?:[^"\\]|\\.)*)"', document.text())
    assert len(patterns) > 20
    for pattern in set(patterns):
        assert not re.search(r"\(\?[<P#iLmsux]", json.loads(f'"{pattern}"')), pattern
