"""Every case of tests/cases -> what `yamlnet check` prints for it, and some files -> what `summary` prints.

`python -m tests.golden` rewrites them.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from yamlnet.cli import main

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "cases"
CASES = tuple(sorted(FOLDER.glob("*.yaml")))
TABLES = {
    "convolutions": ("configs/mnist_cnn.yaml",),
    "blocks": ("configs/gallery/16_resnet.yaml", "--depth", "2"),
    "values": ("configs/gallery/26_vit.yaml",),
    "values-parameters": ("configs/gallery/26_vit.yaml", "--parameters"),
    "initialisers": ("configs/gallery/15_init.yaml", "--init"),
    "mistake": ("tests/cases/shape-mismatch-add.yaml",),
    "markdown": ("configs/gallery/17_unet.yaml", "--depth", "1", "--format", "markdown"),
}
"""Arguments of `yamlnet summary`, by the name of a file in tests/tables."""

MEMORY = 16 * 10**9
"""Bytes of the machine on which a case is checked."""


def printed(case: Path, *options: str) -> str:
    """What `yamlnet check` prints for a case, called in the case's folder by its bare name."""
    return _called(case.parent, "check", case.name, *options)


def table(name: str) -> str:
    """What `yamlnet summary` prints, called from the root."""
    with redirect_stderr(StringIO()):
        return _called(ROOT, "summary", *TABLES[name])


def table_file(name: str) -> Path:
    """Where that is kept."""
    return ROOT / "tests" / "tables" / f"{name}.out"


def _called(folder: Path, *arguments: str) -> str:
    """What a command prints, on a machine of 16 GB and without a GPU."""
    output, code = StringIO(), None
    with ExitStack() as around:
        around.enter_context(chdir(folder))
        around.enter_context(redirect_stdout(output))
        around.enter_context(patch("yamlnet.network.memory.machine", lambda: MEMORY))
        around.enter_context(patch("torch.cuda.is_available", lambda: False))
        try:
            main(list(arguments))
        except SystemExit as end:
            code = end.code
    assert code in (0, 1), f"{arguments} ends with {code}"
    return output.getvalue().replace(str(ROOT), "/repository")


def write() -> None:
    """Rewrites every `.out`, and removes those whose case is gone."""
    for old in FOLDER.glob("*.out"):
        if old.with_suffix(".yaml") not in CASES:
            old.unlink()
    for case in CASES:
        case.with_suffix(".out").write_text(printed(case), encoding="utf-8")
    for name in TABLES:
        table_file(name).write_text(table(name), encoding="utf-8")


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    write()
