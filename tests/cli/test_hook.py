"""The hook for pre-commit: it runs a command that there is, on files that are experiments."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from yamlnet.cli.commands import app

ROOT = Path(__file__).parent.parent.parent


def test_the_hook_runs_check_on_experiments() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook.keys() >= {"id", "name", "entry", "language", "types", "files"}
    program, command = hook["entry"].split()
    assert program == "yamlnet"
    assert command in [known.name for known in app.registered_commands]
    assert hook["id"] in (ROOT / "docs" / "editors.md").read_text()
    configs = [str(path.relative_to(ROOT)) for path in (ROOT / "configs").glob("**/*.yaml")]
    assert configs
    assert all(re.search(hook["files"], path) for path in [*configs, "my/experiments/a.yml"])
    assert not any(re.search(hook["files"], path) for path in ["mkdocs.yml", "myconfigs/a.yaml"])
