"""`yamlnet schema`: what it prints is the schema, and comes at once."""

from __future__ import annotations

import json

import pytest

from tests.cli.calling import call
from yamlnet.language.schema import document


def test_it_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    ended = call(capsys, "schema")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == document.schema()
