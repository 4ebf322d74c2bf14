"""Every snippet that `explain` shows is a file without mistakes that holds what it explains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import yamlnet
from yamlnet.catalog import experiments, samples, types
from yamlnet.catalog.entry import KINDS, Entry
from yamlnet.catalog.lookup import find, names
from yamlnet.catalog.ranges import within
from yamlnet.catalog.snippets import snippet, value
from yamlnet.language.layout import lay_out
from yamlnet.language.source import read
from yamlnet.language.words import WORDS

WITHOUT_FILE = {"weights"}
"""Words whose snippets name a file that isn't there."""

ENTRIES = [entry for kind in KINDS for name in names(kind) if (entry := find(name, kind)) is not None]
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.kind}-{entry.name}")


def words(data: Any) -> Iterator[str]:
    """Every key and text of plain data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from data
        yield from (word for item in data.values() for word in words(item))
    elif isinstance(data, list):
        yield from (word for item in data for word in words(item))


def judge(name: str, text: str) -> None:
    """No mistake and no warning, but of a file that isn't there."""
    found = yamlnet.check(text)
    if any("another release of torch" in diagnostic.message for diagnostic in found):
        pytest.skip("torchvision's compiled operators don't fit the installed torch")
    assert [diagnostic.code for diagnostic in found] == ["missing-file"] * (name in WITHOUT_FILE)


@every_entry
def test_an_entry(entry: Entry) -> None:
    document = snippet(entry)
    if entry.name in experiments.REFUSED:
        assert document is None
        return
    assert document is not None
    text = lay_out(document)
    read_back = read(text, "snippet")[0]
    assert read_back is not None
    assert read_back.root.plain() == document
    assert entry.name in words(document)
    judge(entry.name, text)


@pytest.mark.parametrize("name", WORDS)
def test_a_word(name: str) -> None:
    word = WORDS[name]
    assert name in words(yaml.safe_load(word.snippet))
    assert not word.meaning.endswith(".")
    judge(name, word.snippet)


@every_entry
def test_values_fit_their_parameters(entry: Entry) -> None:
    for parameter in entry.options.values():
        assert types.accepts(parameter.type, value(entry, parameter)), parameter
        assert within(parameter, value(entry, parameter)), parameter


@pytest.mark.parametrize("name", experiments.REFUSED)
def test_what_has_no_snippet_is_refused(name: str) -> None:
    found = yamlnet.check({**experiments.CLASSIFIER, "optimizer": name})
    assert [diagnostic.code for diagnostic in found] == ["wrong-value"]


def test_the_tables_speak_of_the_catalogue() -> None:
    tables = (samples.USES, samples.NETWORKS, experiments.LOSSES, experiments.LAST_LAYERS)
    tables += (experiments.OPTIONS, experiments.REFUSED, experiments.MODELS)
    said = {name for table in tables for name in table}
    assert said <= {entry.name for entry in ENTRIES}
    assert {*experiments.CLASS_LOSSES, *experiments.PLUS_MINUS_ONE} <= set(names("loss"))
    assert not set(samples.USES) & set(samples.NETWORKS)
