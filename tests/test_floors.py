"""The house's floors: a file imports from lower floors and its own folder only, and torch comes late."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "yamlnet"
FILES = sorted(ROOT.rglob("*.py"))
FLOORS = {
    "diagnostics": 0,
    "seeds": 0,
    "launch": 0,
    "disk": 0.5,
    "catalog": 1,
    "language": 2,
    "network": 3,
    "data": 3,
    "training": 4,
}
TOP = 5
NO_TORCH = ("diagnostics", "seeds", "launch", "disk", "catalog", "language")
ON_REQUEST = "yamlnet.catalog.signatures"
"""Reads torch's signatures: the one file down there that imports torch, so nothing may import it early."""
LATE = "sys.exit(0 if 'torch' not in sys.modules and 'torchvision' not in sys.modules else 9)"


def room(module: str) -> str:
    """The room of a dotted module: `yamlnet.network.shapes` is in `network`."""
    return module.partition(".")[2].partition(".")[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported: within functions and for type checking too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(importer: str, imported: str) -> bool:
    """Whether one room may import from another: itself, or a lower floor."""
    return importer == imported or FLOORS.get(imported, TOP) < FLOORS.get(importer, TOP)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_from_lower_floors_only(file: Path) -> None:
    own = file.relative_to(ROOT).parts[0].removesuffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    used = {room(module) for module in imports(tree) if module.startswith("yamlnet.")}
    if FLOORS.get(own, TOP) < TOP:
        assert [other for other in sorted(used) if not allowed(own, other)] == []
    if own in NO_TORCH and file != ROOT / "catalog" / "signatures.py":
        early = {*imports(_run_at_import(tree))}
        assert not [name for name in early if name.startswith(("torch", ON_REQUEST))]


def _run_at_import(tree: ast.Module) -> ast.Module:
    """The module without its functions: what is imported as soon as it is."""
    kept = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return ast.Module(kept, [])


def test_every_room_has_a_floor() -> None:
    rooms = {file.relative_to(ROOT).parts[0].removesuffix(".py") for file in FILES}
    assert rooms == {
        *FLOORS,
        "__init__",
        "__main__",
        "api",
        "cli",
        "doubts",
        "evaluating",
        "loading",
        "located",
        "pipeline",
        "predicting",
        "reproducing",
        "resuming",
        "starting",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["predict", "--help"],
        ["--version"],
        ["list", "module"],
        ["list", "--format", "json"],
        ["explain", "Conv2d"],
        ["explain", "Sequential"],
        ["explain", "shape-mismatch"],
        ["schema"],
        ["new"],
        ["new", "cnn"],
        ["config", "configs/mnist_cnn.yaml"],
        ["check", "tests/cases/yaml-syntax-tab.yaml"],
        ["check", "tests/cases/unknown-name-layer.yaml"],
    ],
    ids=" ".join,
)
def test_torch_is_not_imported_where_names_are_enough(arguments: list[str]) -> None:
    code = f"import sys\nfrom yamlnet.cli import main\ntry:\n main({arguments!r})\nfinally:\n {LATE}"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


def test_importing_yamlnet_does_not_import_torch() -> None:
    code = f"import sys, yamlnet, yamlnet.api\n{LATE}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, check=False).returncode == 0
