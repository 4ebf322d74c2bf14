"""docs/security.md is true to its tests: each line names one that is there, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = re.findall(r"^\| (S\d+) \|.*\| ([^|]*) \|$", (ROOT / "docs" / "security.md").read_text(), re.M)


def test_each_line_has_a_test() -> None:
    assert [number for number, _ in LINES] == [f"S{n}" for n in range(1, len(LINES) + 1)]
    for number, named in LINES:
        files = re.findall(r"`([\w./]+)`", named)
        assert any(Path(file).name.startswith("test_") for file in files), number
        for file in files:
            assert (ROOT / file if "/" in file else ROOT / "tests" / "hostile" / file).is_file(), (
                number,
                file,
            )


def test_each_test_has_a_line() -> None:
    files = {path.name for path in (ROOT / "tests" / "hostile").glob("test_*.py")} - {Path(__file__).name}
    assert files == {file for _, named in LINES for file in re.findall(r"`(test_\w+\.py)`", named)}
