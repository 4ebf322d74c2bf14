"""Blocks that call themselves as deep as the language allows, and deeper."""

from __future__ import annotations

import sys

import yamlnet

DEEP = """
blocks:
  Deep:
    params: {depth: required}
    Sequential:
      - [[{Linear: 4}, {Residual: [ReLU, {Deep: $(depth - 1), if: $(depth > 0)}]}]]
model:
  input: [4]
  Deep: %d
"""


def test_sixty_levels_of_containers_are_read_and_built() -> None:
    limit = sys.getrecursionlimit()
    assert yamlnet.check(DEEP % 60) == []
    assert len(list(yamlnet.build(DEEP % 60).parameters())) == 2 * 61
    assert sys.getrecursionlimit() == limit


def test_a_recursion_without_end_is_told_at_its_call() -> None:
    (found,) = yamlnet.check(DEEP.replace("depth - 1", "depth + 1") % 3)
    assert (found.code, found.span.line) == ("recursion", 6)
