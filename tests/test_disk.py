"""Nothing but `disk` writes files; what it writes is whole or not there, whatever fails on the way."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.torture.faults import ONCE, Faulty
from yamlnet import disk
from yamlnet.diagnostics import YamlnetError

ROOT = Path(__file__).parent.parent / "yamlnet"
FILES = sorted(set(ROOT.rglob("*.py")) - {ROOT / "disk.py"})

WRITERS = set(
    "write_text write_bytes mkdir makedirs touch rename renames unlink rmdir removedirs rmtree copytree move "
    "symlink symlink_to hardlink_to link link_to truncate ftruncate chmod mkstemp mkdtemp mkfifo "
    "save_file save_model TemporaryFile NamedTemporaryFile TemporaryDirectory dup2 tofile".split()
)
"""Names of functions and methods that change files, whoever has them."""

OS_WRITERS = {"open", "replace", "remove", "write", "pwrite"}
READS = {"r", "rb", "rt"}


def writes(tree: ast.AST) -> Iterator[str]:
    """Every call that writes a file, or may."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or "os.devnull" in ast.unparse(node):
            continue
        called = ast.unparse(node.func)
        name, owner = called.rpartition(".")[2], called.rpartition(".")[0]
        if name in WRITERS and owner != "disk":
            yield called
        first = ast.unparse(node.args[0]) if node.args else ""
        if owner == "os" and name in OS_WRITERS and "O_RDONLY" not in ast.unparse(node) and first != "2":
            yield called
        if owner in ("torch", "np", "numpy") and name in ("save", "savez") and first != "stream":
            yield called
        if name == "open" and owner != "os":
            modes = [
                a for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)
            ]
            texts = [mode.value for mode in modes if isinstance(mode.value, str) and len(mode.value) <= 3]
            if any(text and text not in READS and set(text) <= set("rwxabt+") for text in texts):
                yield f"{called} {texts}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_else_writes_files(file: Path) -> None:
    assert list(writes(ast.parse(file.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "code",
    [
        "path.write_text('x')",
        "open('x', 'w')",
        "path.open(mode='ab')",
        "os.replace(a, b)",
        "os.open(p, os.O_WRONLY)",
        "torch.save(m, p)",
        "numpy.savez(p, a=a)",
        "shutil.rmtree(p)",
    ],
)
def test_the_law_sees(code: str) -> None:
    assert list(writes(ast.parse(code)))


AUDIT = """
import os, sys, traceback
found = set()
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.truncate", "shutil.rmtree")
def hook(event, arguments):
    if event == "open":
        changes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    else:
        changes = event in CHANGES
    if changes:
        library = (os.path.dirname(os.__file__) + "/", "<frozen")
        frames = [frame.filename for frame in traceback.extract_stack()[:-1]]
        callers = [name for name in frames if not name.startswith(library) or "site-packages" in name]
        ours = "/yamlnet/" in callers[-1] and not callers[-1].endswith("/disk.py")
        if ours and arguments[0] != os.devnull:
            found.add((event, callers[-1], str(arguments[0])))
sys.addaudithook(hook)
import yamlnet
from yamlnet import resuming
run = yamlnet.train(sys.argv[1], runs=sys.argv[2])
assert yamlnet.load(run.path)
print(sorted(found))
"""

SMALL = """
name: small
data: {dataset: MNIST5k, validation: 3000, batch_size: 256}
model: {Sequential: [Flatten, {Linear: 4}, ReLU, {Linear: 10}]}
loss: CrossEntropyLoss
optimizer: {SGD: 0.1}
train: {epochs: 1, checkpoint: {best: validation.loss, every: 1}, watch: {activations: "*", every: 1}}
"""


def test_a_training_writes_through_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    command = [sys.executable, "-c", AUDIT, str(tmp_path / "small.yaml"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def files(folder: Path) -> dict[str, bytes]:
    """What a reader finds in a folder: all that isn't hidden."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    shown = (path.relative_to(folder) for path in found)
    return {str(name): (folder / name).read_bytes() for name in shown if not str(name).startswith(".")}


OLD, NEW = {"a": b"old", "b/c": b"older"}, {"a": b"newer than old", "d": b"x" * 9000}
CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, bytes]]] = {
    "write": (lambda top: disk.write(top / "f", b"new"), {"f": b"new"}),
    "write_folder": (lambda top: disk.write_folder(top / "g", NEW), {f"g/{k}": v for k, v in NEW.items()}),
    "remove_folder": (lambda top: disk.remove_folder(top / "g"), {}),
    "truncate": (lambda top: disk.truncate(top / "f", 2), {"f": b"ol"}),
    "remove": (lambda top: disk.remove(top / "f"), {}),
    "link": (lambda top: disk.link(top / "l", "g"), {}),
}


def prepared(top: Path) -> None:
    top.mkdir()
    disk.write(top / "f", b"old")
    disk.write_folder(top / "g", OLD)
    disk.link(top / "l", "f")


def whole(top: Path, name: str) -> bool:
    """Whether all is as before a change, or as after it."""
    before = {"f": b"old", **{f"g/{k}": v for k, v in OLD.items()}}
    change = CHANGES[name][1]
    part = "f" if name in ("write", "truncate", "remove") else "g"
    rest = {k: v for k, v in before.items() if not k.startswith(part)} if name != "link" else before
    found = {key: value for key, value in files(top).items() if not key.startswith("l")}
    link = os.readlink(top / "l")
    return found in (before, {**rest, **change}) and link in (("f", "g") if name == "link" else ("f",))


def failure(work: Callable[[], object]) -> YamlnetError | None:
    try:
        work()
    except YamlnetError as error:
        return error
    return None


@pytest.mark.parametrize("kind", [kind for kind in ONCE if not kind.startswith("kill")])
@pytest.mark.parametrize("name", CHANGES)
def test_whatever_fails_there_is_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    change, _ = CHANGES[name]
    prepared(tmp_path / "count")
    counting = Faulty()
    monkeypatch.setattr(disk, "system", counting)
    change(tmp_path / "count")
    assert counting.count > 0
    for at in range(1, counting.count + 1):
        monkeypatch.setattr(disk, "system", os)
        prepared(tmp_path / str(at))
        monkeypatch.setattr(disk, "system", Faulty(kind, at))
        error = failure(lambda at=at: change(tmp_path / str(at)))
        if error is not None:
            assert kind != "short"
            assert error.exit_code == 3
            assert f"`{tmp_path / str(at)}" in error.message
            assert error.message.endswith(os.strerror(errno.ENOSPC if kind == "ENOSPC" else errno.EIO))
        assert whole(tmp_path / str(at), name), f"operation {at}"


def test_what_was_left_half_done_is_cleared_away(tmp_path: Path) -> None:
    prepared(tmp_path / "x")
    (tmp_path / "x" / ".g.partial" / "deep").mkdir(parents=True)
    (tmp_path / "x" / ".f.partial").write_text("half")
    (tmp_path / "x" / ".f.before").write_text("older")
    (tmp_path / "x" / ".h.before").write_text("put aside, and not replaced")
    (tmp_path / "x" / ".lock").write_text("{}")
    disk.remove_remains(tmp_path / "x")
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"f", "g", "h", "l", ".lock"}
    assert (tmp_path / "x" / "f").read_bytes() == b"old"


def test_a_disk_without_room_is_known_before(tmp_path: Path) -> None:
    disk.require_space(tmp_path, 1000)
    with pytest.raises(YamlnetError, match=r"needs .* bytes at least, and .* are free") as caught:
        disk.require_space(tmp_path, 2**60)
    assert caught.value.exit_code == 3
