"""Every YAML example of the documentation is a file without mistakes, given the sections it leaves out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import yamlnet

ROOT = Path(__file__).parent.parent
BASE = {
    "data": {"dataset": "MNIST5k"},
    "model": {"Sequential": ["Flatten", {"Linear": 10}]},
    "loss": "CrossEntropyLoss",
    "optimizer": {"AdamW": 0.001},
}
EXAMPLES = [
    pytest.param(example, id=f"{page.stem}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for number, example in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.S | re.M), 1)
]


def test_the_pages_have_examples() -> None:
    assert len(EXAMPLES) > 12


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example: str) -> None:
    written = yaml.safe_load(example)
    alone = "model" in written and "data" not in written
    rest = {} if alone else {key: value for key, value in BASE.items() if key not in written}
    found = yamlnet.check(example + yaml.safe_dump(rest) if rest else example)
    assert [diagnostic for diagnostic in found if diagnostic.code != "missing-file"] == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_config(path: Path) -> None:
    assert yamlnet.check(path) == []
