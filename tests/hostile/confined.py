"""A process that may take little memory and time, and tells what it does: what hostile files are read in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PRELUDE = """\
import json, os, resource, signal, sys, traceback
import yamlnet, yamlnet.pipeline
from yamlnet import api
from yamlnet.cli import main
from yamlnet.diagnostics import YamlnetError
given = json.load(sys.stdin)
def limit(megabytes):
    pages = int(open("/proc/self/statm").read().split()[0])
    now = pages * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + megabytes * 2**20,) * 2)
def attempt(act, seconds=60):
    "How an act ends: `fine`, the exit code and the message of an error, or what it should never be."
    signal.alarm(seconds)
    try:
        act()
        return ["fine", 0, ""]
    except YamlnetError as error:
        return ["error", error.exit_code, error.message]
    except BaseException as error:
        return ["bug", 70, "".join(traceback.format_exception(error))[-2000:]]
    finally:
        signal.alarm(0)
class Hang(BaseException):
    "Nothing catches it."
def hang(*_):
    raise Hang
signal.signal(signal.SIGALRM, hang)
"""


def run(code: str, given: Any, folder: Path, **environment: str) -> Any:
    """What a piece of code prints as JSON, run on `given` after `PRELUDE` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + code],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-3000:]}"
    return json.loads(done.stdout.splitlines()[-1])


def bugs(endings: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The endings that no file should have."""
    return {name: ending for name, ending in endings.items() if ending[0] == "bug"}
