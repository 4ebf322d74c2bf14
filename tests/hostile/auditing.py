"""A folder as an argument in; what files with code in every text had the process do, as JSON, out.

The process first checks the files as they are shipped: what that imports and opens is the baseline.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import yamlnet
from yamlnet.diagnostics import YamlnetError
from yamlnet.language import files
from yamlnet.pipeline import examine, network_of

ROOT = Path(__file__).parents[2]
NUM_FILES = 200
PAYLOADS = (
    "os.system",
    "subprocess.Popen",
    "builtins.eval",
    "evil_package.Layer",
    "evil_package.layers.Gate",
    "antigravity.fly",
    "torch.hub.load",
    "torch.utils.cpp_extension.load_inline",
    "yamlnet.cli.main",
    "$(__import__('os').system('touch ran'))",
    "$(().__class__.__base__.__subclasses__())",
    "{{ cycler.__init__.__globals__.os.popen('touch ran') }}",
    "/etc/passwd",
    "../secret.csv",
    "~/.ssh/id_rsa",
    "file:///etc/passwd",
    "http://127.0.0.1:9/weights.pth",
    "evil_package.py",
    "`touch ran`",
)
TAGS = (
    "!!python/object/apply:os.system ['touch ran']",
    "!!python/name:evil_package.Layer ''",
    "!!python/module:evil_package ''",
    "!!python/object/new:evil_package.Layer []",
    "!evil_package.Layer x",
)
ACTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
    "ctypes.dlopen",
)


def shipped() -> list[Any]:
    """The documents that come with yamlnet."""
    found = sorted((ROOT / "configs").rglob("*.yaml"))
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in found]


def poisoned(value: Any, choose: random.Random, keys: bool) -> Any:
    """The document with code for every text, of values or of keys too."""
    if isinstance(value, Mapping):
        return {
            (choose.choice(PAYLOADS) if keys and choose.random() < 0.3 else key): poisoned(each, choose, keys)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [poisoned(each, choose, keys) for each in value]
    return choose.choice(PAYLOADS) if isinstance(value, str) else value


def documents() -> Iterator[str]:
    """The files: code as the values, as some keys, as tags, and as one value of a file that is fine else."""
    choose, known = random.Random(0), shipped()
    for number in range(NUM_FILES):
        document, kind = known[number % len(known)], number // len(known) % 4
        if kind == 3:
            place = choose.choice(list(document))
            document = {**document, place: poisoned(document[place], choose, False)}
        else:
            document = poisoned(document, choose, kind == 1)
        text = yaml.safe_dump(document, sort_keys=False)
        if kind == 2:
            for payload in PAYLOADS:
                text = text.replace(f": {payload}\n", f": {choose.choice(TAGS)}\n")
        yield text


def attempt(file: Path) -> str:
    """Checks a file, and builds its network where that is possible; what came of it."""
    examined = examine(files.read(file), to_train=True)
    if examined.wrong or examined.shapes is None or not examined.shapes.complete:
        return "refused"
    try:
        network_of(examined)
    except YamlnetError:
        return "refused"
    return "built"


def main() -> None:
    folder = Path(sys.argv[1])
    sys.path.insert(0, str(folder / "packages"))
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        yamlnet.check(path)
    attempt(ROOT / "configs" / "mnist_mlp.yaml")
    known = {name.partition(".")[0] for name in sys.modules}
    readable = tuple(
        str(Path(each).resolve())
        for each in (sys.prefix, sys.base_prefix, ROOT / "yamlnet", ROOT / "configs")
    )
    readable += ("/proc/", "/sys/")
    done: list[str] = []
    current = [""]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ACTS or event.startswith("socket."):
            done.append(f"{event} {arguments!r:.200}")
        if event == "import" and arguments[0].partition(".")[0] not in known:
            done.append(f"import {arguments[0]}")
        if event == "open" and isinstance(arguments[0], str | bytes | Path):
            path = str(Path(str(arguments[0])).resolve())
            writes = isinstance(arguments[1], str) and not set("wxa+").isdisjoint(arguments[1])
            if writes or not (path == current[0] or path.startswith(readable)):
                done.append(f"open {path} {arguments[1]}")

    sys.addaudithook(hear)
    endings: dict[str, int] = {}
    told: list[Any] = []
    for text in documents():
        file = folder / "net.yaml"
        file.write_text(text, encoding="utf-8")
        done.clear()
        current[0] = str(file.resolve())
        ending = attempt(file)
        imported = {name.partition(".")[0] for name in sys.modules} - known  # importlib tells no hook
        done.extend(f"import {name}" for name in sorted(imported))
        endings[ending] = endings.get(ending, 0) + 1
        if done:
            told.append([text, list(done)])
    sys.stdout.write(json.dumps({"endings": endings, "told": told}))


if __name__ == "__main__":
    main()
