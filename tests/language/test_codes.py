"""Every code has an explanation whose wrong file makes that mistake alone, and whose right one makes none."""

from __future__ import annotations

import pytest

import yamlnet
from yamlnet.diagnostics import CODES
from yamlnet.language.codes import EXPLANATIONS


def test_every_code_is_explained() -> None:
    assert list(EXPLANATIONS) == list(CODES)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_the_examples_are_wrong_and_right(code: str) -> None:
    explanation = EXPLANATIONS[code]
    assert [diagnostic.code for diagnostic in yamlnet.check(explanation.wrong)] == [code]
    assert yamlnet.check(explanation.right) == []
    assert explanation.why.endswith(".")
