"""Every case of tests/cases -> what `yamlnet check` prints for it; `python -m tests.golden` rewrites them."""

from __future__ import annotations

import os
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

from yamlnet.cli import main

FOLDER = Path(__file__).parent / "cases"
CASES = tuple(sorted(FOLDER.glob("*.yaml")))


def printed(case: Path, *options: str) -> str:
    """What `yamlnet check` prints for a case, called in the case's folder by its bare name."""
    output, code = StringIO(), None
    with chdir(case.parent), redirect_stdout(output):
        try:
            main(["check", case.name, *options])
        except SystemExit as end:
            code = end.code
    assert code in (0, 1), f"{case.name} ends with {code}"
    return output.getvalue()


def write() -> None:
    """Rewrites every `.out`, and removes those whose case is gone."""
    for old in FOLDER.glob("*.out"):
        if old.with_suffix(".yaml") not in CASES:
            old.unlink()
    for case in CASES:
        case.with_suffix(".out").write_text(printed(case), encoding="utf-8")


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    write()
