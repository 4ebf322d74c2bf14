"""Every code has an explanation whose wrong file makes that mistake alone, and whose right one makes none."""

from __future__ import annotations

import pytest

from yamlnet.diagnostics import CODES
from yamlnet.language.codes import EXPLANATIONS
from yamlnet.language.files import read
from yamlnet.pipeline import examine


def test_every_code_is_explained() -> None:
    assert list(EXPLANATIONS) == list(CODES)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_the_examples_are_wrong_and_right(code: str) -> None:
    explanation = EXPLANATIONS[code]
    assert [diagnostic.code for diagnostic in examine(read(explanation.wrong)).diagnostics] == [code]
    assert examine(read(explanation.right)).diagnostics == ()
    assert explanation.why.endswith(".")
